"""Objects: the one way in for everybody. Reads are lookups; writes are decided, checked and stored here.

No HTTP: ``api/`` puts that around it, controllers call it in process, so that nobody bypasses defaults, admission or
validation. A write is decided against the store's latest record without any await in between, so what it was decided
against is what it replaces.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from k3py.base.clock import Clock
from k3py.base.ids import generated_name
from k3py.model import codec
from k3py.model.errors import AlreadyExists, Problem, already_exists, name_conflict, not_found
from k3py.model.generated import core_v1, meta_v1
from k3py.model.kinds import KINDS
from k3py.model.registry import Kind
from k3py.model.struct import Wire
from k3py.model.user import User
from k3py.objects import applying, binding, changes, deletion
from k3py.objects.admission import Admission
from k3py.objects.changes import Decision, Removal
from k3py.objects.collections import collection_name
from k3py.objects.deleting import delete_records
from k3py.objects.encoding import encode_bounded, encoded
from k3py.objects.identity import check_name, check_namespace, other_uid
from k3py.objects.managing import Author
from k3py.objects.options import Deleted, Patch, WriteOptions, Written
from k3py.objects.reads import Reads
from k3py.objects.scales import Scales
from k3py.objects.service_addresses import ServiceAddresses, ServiceRanges
from k3py.objects.storing import operation_of, storing
from k3py.objects.typed import Typed
from k3py.objects.views import shown
from k3py.objects.views.writing import rules_through, stored_form, stored_kind
from k3py.objects.vpc_admission import MayUse, masters_may_use
from k3py.store.records import Record
from k3py.store.store import Store
from k3py.store.writes import Replace

T = TypeVar("T", bound=Wire)

# As often as Kubernetes draws another name; with 27^5 suffixes eight collisions in a row mean a full namespace.
GENERATED_NAME_ATTEMPTS = 8


class Objects(Reads):
    """All objects of a cluster, to read and write."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        source: random.Random,
        ranges: ServiceRanges | None = None,
        may_use_vpc: MayUse = masters_may_use,
    ) -> None:
        """``source`` gives uids, generated names and addresses; ``ranges``: where services get theirs from;
        ``may_use_vpc`` answers who may put something into which VPC.
        """
        super().__init__(store)
        self.clock = clock
        self._source = source
        self.ranges = ranges or ServiceRanges()
        self.admission = Admission(store, ServiceAddresses(store, source, self.ranges), may_use_vpc)
        self.scales = Scales(self)

    def of(self, kind: type[T]) -> Typed[T]:
        """Typed access to one kind, for controllers."""
        return Typed(self, KINDS.of(kind), kind)

    async def create(self, kind: Kind, namespace: str, obj: Wire, options: WriteOptions, user: User) -> Written:
        """Store a new object. ``obj`` itself is not changed.

        Raises:
            AlreadyExists, BadRequest, Forbidden, Invalid, NotFound (of the namespace), RequestTooLarge, Unavailable.
        """
        return await self._create_drawn(kind, namespace, obj, options, user, self.author(options, user))

    async def _create_drawn(
        self, kind: Kind, namespace: str, obj: Wire, options: WriteOptions, user: User, author: Author
    ) -> Written:
        """As ``create``, with a name drawn where only its beginning is given."""
        drawn: Any = obj
        attempts = GENERATED_NAME_ATTEMPTS if drawn.metadata.generate_name and not drawn.metadata.name else 1
        for attempt in range(1, attempts + 1):
            new: Any = codec.decode(kind.type, encode_bounded(obj))
            if attempts > 1:
                new.metadata.name = generated_name(new.metadata.generate_name, self._source)
            try:
                return await self._create(kind, namespace, new, options, user, author)
            except AlreadyExists:
                if not drawn.metadata.generate_name:
                    raise
                if attempt == attempts:
                    raise name_conflict(kind.plural, kind.group, new.metadata.name) from None
        raise AssertionError("the last attempt raises")

    async def _create(
        self, kind: Kind, namespace: str, new: Any, options: WriteOptions, user: User, author: Author
    ) -> Written:
        rules = rules_through(kind)
        try:
            new, author = stored_form(kind, None, new, "", author)
            kind = stored_kind(kind)
            warnings = changes.creation(kind, namespace, new, self.admission, user, author, self._source, rules)
        except Problem:
            await self.settled()
            raise
        name, collection = new.metadata.name, collection_name(kind)
        if options.dry_run:
            if self.store.latest(collection, namespace, name) is not None:
                raise already_exists(kind.plural, kind.group, name)
            return Written(encode_bounded(new), None, created=True, warnings=warnings)
        with storing(kind, name):
            record = await self.store.create(collection, namespace, name, lambda revision: encoded(kind, new, revision))
        return Written(record.raw, record, created=True, warnings=warnings)

    async def update(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        obj: Wire,
        options: WriteOptions,
        user: User,
        subresource: str = "",
    ) -> Written:
        """Store another version of an object. ``obj`` itself is not changed.

        A ``resourceVersion`` in it must be the stored one; without one the write is unconditional. The main resource
        leaves ``status`` as it is, the subresource ``status`` leaves ``spec``.

        Raises:
            Conflict, NotFound, BadRequest, Forbidden, Invalid, RequestTooLarge, Unavailable.
        """
        given: Any = obj
        check_namespace(kind, namespace, given.metadata)
        check_name(name, given.metadata)
        current = self.store.latest(collection_name(kind), namespace, name)
        if current is None:
            if given.metadata.uid:
                await self.settled()
                raise other_uid(kind, namespace, name, given.metadata.uid, "")
            if changes.may_create(kind, given, subresource):
                return await self.create(kind, namespace, obj, options, user)
            await self.settled()
            raise not_found(kind.plural, kind.group, name)
        new: Any = codec.decode(kind.type, encode_bounded(obj))
        author = replace(self.author(options, user), is_put=True)
        return await self.replace(kind, current, new, options, user, subresource, author=author)

    async def patch(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        patch: Patch,
        options: WriteOptions,
        user: User,
        subresource: str = "",
    ) -> Written:
        """Apply a patch to the stored object. It cannot lose a race; a ``resourceVersion`` that the patch itself sets
        must be the stored one.

        Raises:
            As ``update``; BadRequest, Invalid or PatchFailed for a patch that cannot be applied.
        """
        current = await self.current(kind, namespace, name)
        try:
            new, warnings = changes.patched(kind, current, patch, options)
        except Problem:
            await self.settled()
            raise
        return await self.replace(kind, current, new, options, user, subresource, warnings)

    async def apply(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        patch: Mapping[str, Any],
        options: WriteOptions,
        user: User,
        subresource: str = "",
    ) -> Written:
        """Server-side apply: what ``options.field_manager`` wants of an object, which is created when it is not there.

        Raises:
            As ``create`` and ``update``; Conflicts: others own fields with other values and ``options.force`` is not
            set.
        """
        current = self.store.latest(collection_name(kind), namespace, name)
        try:
            live = None if current is None else shown(kind, current.raw)
            new, author = applying.decide(kind, name, live, patch, subresource, options, self.clock.now())
        except Problem:
            await self.settled()
            raise
        if current is None:
            return await self._create_drawn(kind, namespace, new, options, user, author)
        return await self.replace(kind, current, new, options, user, subresource, author=author)

    async def replace(
        self,
        kind: Kind,
        current: Record,
        new: Any,
        options: WriteOptions,
        user: User,
        subresource: str,
        warnings: Sequence[str] = (),
        author: Author | None = None,
    ) -> Written:
        """Store ``new`` in place of ``current``: the end of every way of changing an object. ``new`` is used up.

        Raises:
            As ``update``.
        """
        author, rules = author or self.author(options, user), rules_through(kind)
        try:
            new, author = stored_form(kind, current.raw, new, subresource, author)
            kind = stored_kind(kind)
            decision = changes.update(kind, current, new, subresource, self.admission, user, author, rules)
        except Problem:
            await self.settled()
            raise
        said = [*warnings, *decision.warnings]
        if decision.unchanged:
            await self.settled()
            return Written(current.raw, None if options.dry_run else current, warnings=said)
        if options.dry_run:
            return Written(encode_bounded(decision.obj), None, warnings=said)
        record = await self._store(kind, current, decision)
        # An update that ends an object answers with what it wrote, not with the version of the end.
        raw = encode_bounded(decision.obj) if isinstance(decision, Removal) else record.raw
        return Written(raw, record, warnings=said)

    async def _store(self, kind: Kind, current: Record, decision: Decision) -> Record:
        operation = operation_of(kind, current, decision)
        with storing(kind, current.name):
            if isinstance(operation, Replace):
                return await self.store.replace(
                    operation.collection, operation.namespace, operation.name,
                    operation.expected_revision, operation.encode,
                )  # fmt: skip
            return await self.store.delete(
                operation.collection, operation.namespace, operation.name,
                operation.expected_revision, operation.encode_tombstone,
            )  # fmt: skip

    async def delete(
        self, kind: Kind, namespace: str, name: str, options: meta_v1.DeleteOptions, user: User
    ) -> Deleted:
        """Delete an object, or mark it for deletion: pods get their grace period, finalizers and the propagation
        policies Foreground and Orphan keep it until they are done.

        Raises:
            Conflict (preconditions), NotFound, Forbidden, Invalid, Unavailable.
        """
        deletion.check_options(options)
        current = await self.current(kind, namespace, name)
        return await self._delete(stored_kind(kind), current, options, user)

    async def _delete(self, kind: Kind, current: Record, options: meta_v1.DeleteOptions, user: User) -> Deleted:
        try:
            decision = deletion.decide(kind, current, options, self.admission, user, self.clock.now())
        except Problem:
            await self.settled()
            raise
        if decision.unchanged:
            await self.settled()
            return Deleted(current.raw, current, gone=False)
        if options.dry_run:
            return deletion.answer(kind, current, encode_bounded(decision.obj), isinstance(decision, Removal))
        record = await self._store(kind, current, decision)
        return deletion.answer(kind, record, record.raw, isinstance(decision, Removal))

    async def delete_collection(
        self, kind: Kind, records: Sequence[Record], options: meta_v1.DeleteOptions, user: User
    ) -> None:
        """Delete what was found, each object as ``delete`` does; what vanishes meanwhile is passed over, and the first
        refusal ends it.

        Raises:
            As ``delete``, but for NotFound.
        """
        await delete_records(self.store, self.admission, stored_kind(kind), records, options, user, self.clock)

    async def bind(
        self, namespace: str, name: str, target: core_v1.Binding, options: WriteOptions, user: User
    ) -> Written:
        """Bind a pod to a node.

        Raises:
            Conflict: it is bound or being deleted. NotFound, BadRequest, Invalid, Forbidden, Unavailable.
        """
        kind = KINDS.of(core_v1.Pod)
        current = await self.current(kind, namespace, name)
        try:
            self.admission.check_binding(user)
            binding.label_with_topology(self.store, target)
            decision = binding.decide(current, target, self.clock.now())
        except Problem:
            await self.settled()
            raise
        if options.dry_run:
            return Written(encode_bounded(decision.obj), None)
        record = await self._store(kind, current, decision)
        return Written(record.raw, record)

    async def bind_many(self, targets: Sequence[tuple[str, str, str]], user: User) -> Sequence[Record | Problem]:
        """Bind many pods, each (namespace, pod, node), in as few batches as possible; what each came to, in order."""
        return await binding.bind_many(self.store, self.admission, targets, user, self.clock.now())

    def author(self, options: WriteOptions, user: User) -> Author:
        """Who writes, as managed fields name them: what the caller says, else the component that the user is."""
        return Author(options.field_manager or user.name.rpartition(":")[2], self.clock.now())

    async def current(self, kind: Kind, namespace: str, name: str) -> Record:
        """The record to decide a write against.

        Raises:
            NotFound: there is none, durably.
        """
        current = self.store.latest(collection_name(kind), namespace, name)
        if current is None:
            await self.settled()
            raise not_found(kind.plural, kind.group, name)
        return current

    async def settled(self) -> None:
        """A refusal speaks of what is durable: what it was decided against may still be on its way."""
        with storing(None, ""):
            await self.store.settled()
