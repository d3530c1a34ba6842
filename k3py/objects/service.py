"""Objects: the one way in for everybody. Reads are lookups; writes are decided, checked and stored here.

No HTTP: ``api/`` puts that around it, controllers call it in process, so that nobody bypasses defaults, admission or
validation. A write is decided against the store's latest record without any await in between, so what it was decided
against is what it replaces.
"""

import random
from collections.abc import Sequence
from typing import Any, TypeVar

from k3py.base.clock import Clock
from k3py.base.ids import generated_name
from k3py.model import codec
from k3py.model.errors import AlreadyExists, Problem, already_exists, not_found
from k3py.model.generated import autoscaling_v1, core_v1, meta_v1
from k3py.model.kinds import KINDS
from k3py.model.registry import Kind
from k3py.model.selectors import FieldSelector, Selector
from k3py.model.struct import Wire
from k3py.model.user import User
from k3py.objects import binding, changes, deletion, scale
from k3py.objects.admission import Admission
from k3py.objects.changes import Decision, Removal
from k3py.objects.collections import collection_name
from k3py.objects.encoding import encode_bounded, encoded
from k3py.objects.options import Deleted, Patch, WriteOptions, Written
from k3py.objects.service_addresses import ServiceAddresses, ServiceRanges
from k3py.objects.storing import operation_of, storing
from k3py.objects.typed import Typed
from k3py.objects.vpc_admission import MayUse, masters_may_use
from k3py.objects.watching import Selected
from k3py.store.records import Record
from k3py.store.store import Store
from k3py.store.watches import Deliver, Watch
from k3py.store.writes import Replace

T = TypeVar("T", bound=Wire)

# As often as Kubernetes draws another name; with 27^5 suffixes eight collisions in a row mean a full namespace.
GENERATED_NAME_ATTEMPTS = 8


class Objects:
    """All objects of a cluster."""

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
        self.store = store
        self.clock = clock
        self._source = source
        self.ranges = ranges or ServiceRanges()
        self._admission = Admission(store, ServiceAddresses(store, source, self.ranges), may_use_vpc)

    # --- reads ---

    def get(self, kind: Kind, namespace: str, name: str) -> Record:
        """The committed record; ``namespace`` is empty for cluster-wide kinds.

        Raises:
            NotFound: there is none.
        """
        record = self.store.get(collection_name(kind), namespace, name)
        if record is None:
            raise not_found(kind.plural, kind.group, name)
        return record

    def list(
        self,
        kind: Kind,
        namespace: str | None,
        labels: Selector | None = None,
        fields: FieldSelector | None = None,
    ) -> Sequence[Record]:
        """Committed records of one namespace or of all (None) that the selectors select, by namespace and name.

        Without selectors this is the store's own listing, the same object until something changes.
        """
        listing = self.store.list(collection_name(kind), namespace)
        selected = Selected(labels, fields)
        return listing if selected.everything else [record for record in listing if selected.has(record)]

    def read(self, kind: type[T], namespace: str, name: str) -> T:
        """The committed object, decoded: the caller's own.

        Raises:
            NotFound: there is none.
        """
        return codec.decode(kind, self.get(KINDS.of(kind), namespace, name).raw)

    def of(self, kind: type[T]) -> Typed[T]:
        """Typed access to one kind, for controllers."""
        return Typed(self, KINDS.of(kind), kind)

    def watch(
        self,
        kind: Kind,
        namespace: str | None,
        since: int | None,
        deliver: Deliver,
        labels: Selector | None = None,
        fields: FieldSelector | None = None,
    ) -> Watch:
        """Hear of changes of what the selectors select; leaving a selector is DELETED, entering it ADDED.

        Arguments and obligations otherwise as ``Store.watch``.

        Raises:
            TooOld: some of the changes are no longer kept: list again.
        """
        selected = Selected(labels, fields)
        return self.store.watch(
            collection_name(kind), namespace, since, deliver if selected.everything else selected.filtered(deliver)
        )

    # --- writes ---

    async def create(self, kind: Kind, namespace: str, obj: Wire, options: WriteOptions, user: User) -> Written:
        """Store a new object. ``obj`` itself is not changed.

        Raises:
            AlreadyExists, BadRequest, Forbidden, Invalid, NotFound (of the namespace), RequestTooLarge, Unavailable.
        """
        drawn: Any = obj
        attempts = GENERATED_NAME_ATTEMPTS if drawn.metadata.generate_name and not drawn.metadata.name else 1
        for _ in range(attempts):
            new: Any = codec.decode(kind.type, encode_bounded(obj))
            if attempts > 1:
                new.metadata.name = generated_name(new.metadata.generate_name, self._source)
            try:
                return await self._create(kind, namespace, new, options, user)
            except AlreadyExists:
                if attempts == 1:
                    raise
        raise AlreadyExists(
            f"{kind.plural} {drawn.metadata.generate_name!r} already exists, the server was not able to generate a"
            " unique name for the object",
            already_exists(kind.plural, kind.group, drawn.metadata.generate_name).details,
        )

    async def _create(self, kind: Kind, namespace: str, new: Any, options: WriteOptions, user: User) -> Written:
        try:
            warnings = changes.creation(kind, namespace, new, self._admission, user, self.clock.now(), self._source)
        except Problem:
            await self._settled()
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
        collection = collection_name(kind)
        current = self.store.latest(collection, namespace, name)
        given: Any = obj
        if current is None:
            if changes.may_create(kind, given, subresource):
                return await self.create(kind, namespace, _named(kind, given, name), options, user)
            await self._settled()
            raise not_found(kind.plural, kind.group, name)
        new: Any = codec.decode(kind.type, encode_bounded(obj))
        return await self._replace(kind, current, new, options, user, subresource)

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
        current = await self._current(kind, namespace, name)
        try:
            new, warnings = changes.patched(kind, current, patch, options)
        except Problem:
            await self._settled()
            raise
        return await self._replace(kind, current, new, options, user, subresource, warnings)

    async def _replace(
        self,
        kind: Kind,
        current: Record,
        new: Any,
        options: WriteOptions,
        user: User,
        subresource: str,
        warnings: Sequence[str] = (),
    ) -> Written:
        try:
            decision = changes.update(kind, current, new, subresource, self._admission, user)
        except Problem:
            await self._settled()
            raise
        said = [*warnings, *decision.warnings]
        if decision.unchanged:
            await self._settled()
            return Written(current.raw, None if options.dry_run else current, warnings=said)
        if options.dry_run:
            return Written(encode_bounded(decision.obj), None, warnings=said)
        record = await self._store(kind, current, decision)
        return Written(record.raw, record, warnings=said)

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
        current = await self._current(kind, namespace, name)
        return await self._delete(kind, current, options, user)

    async def _delete(self, kind: Kind, current: Record, options: meta_v1.DeleteOptions, user: User) -> Deleted:
        try:
            decision = deletion.decide(kind, current, options, self._admission, user, self.clock.now())
        except Problem:
            await self._settled()
            raise
        if decision.unchanged:
            await self._settled()
            return Deleted(current.raw, current, gone=False)
        if options.dry_run:
            return deletion.answer(kind, current, encode_bounded(decision.obj), isinstance(decision, Removal))
        record = await self._store(kind, current, decision)
        return deletion.answer(kind, record, record.raw, isinstance(decision, Removal))

    async def delete_collection(
        self,
        kind: Kind,
        namespace: str,
        options: meta_v1.DeleteOptions,
        user: User,
        labels: Selector | None = None,
        fields: FieldSelector | None = None,
    ) -> Sequence[Record]:
        """Delete what the selectors select, each object as ``delete`` does; what vanishes meanwhile is passed over.

        Returns the records as they were found.
        """
        found = list(self.list(kind, namespace, labels, fields))
        for record in found:
            current = self.store.latest(record.collection, record.namespace, record.name)
            if current is not None:
                await self._delete(kind, current, options, user)
        return found

    async def bind(
        self, namespace: str, name: str, target: core_v1.Binding, options: WriteOptions, user: User
    ) -> Written:
        """Bind a pod to a node.

        Raises:
            Conflict: it is bound or being deleted. NotFound, BadRequest, Invalid, Forbidden, Unavailable.
        """
        kind = KINDS.of(core_v1.Pod)
        current = await self._current(kind, namespace, name)
        try:
            self._admission.check_binding(user)
            decision = binding.decide(current, target, self.clock.now())
        except Problem:
            await self._settled()
            raise
        if options.dry_run:
            return Written(encode_bounded(decision.obj), None)
        record = await self._store(kind, current, decision)
        return Written(record.raw, record)

    async def bind_many(self, targets: Sequence[tuple[str, str, str]], user: User) -> Sequence[Record | Problem]:
        """Bind many pods, each (namespace, pod, node), in as few batches as possible; what each came to, in order."""
        return await binding.bind_many(self.store, self._admission, targets, user, self.clock.now())

    def get_scale(self, kind: Kind, namespace: str, name: str) -> autoscaling_v1.Scale:
        """The scale of a Deployment or ReplicaSet.

        Raises:
            NotFound: there is none, or the kind has no scale.
        """
        return scale.of_object(kind, codec.decode(kind.type, self.get(kind, namespace, name).raw))

    async def update_scale(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        wanted: autoscaling_v1.Scale,
        options: WriteOptions,
        user: User,
    ) -> Written:
        """Set the number of replicas; ``raw`` of the result is the Scale.

        Raises:
            As ``update``.
        """
        current = await self._current(kind, namespace, name)
        try:
            new = scale.scaled(kind, current, wanted)
        except Problem:
            await self._settled()
            raise
        return scale.answer(kind, await self._replace(kind, current, new, options, user, "scale"))

    async def patch_scale(
        self, kind: Kind, namespace: str, name: str, patch: Patch, options: WriteOptions, user: User
    ) -> Written:
        """Patch the Scale of an object; ``raw`` of the result is the Scale.

        Raises:
            As ``patch``.
        """
        current = await self._current(kind, namespace, name)
        try:
            new = scale.scaled(kind, current, scale.patched(kind, current, patch, options))
        except Problem:
            await self._settled()
            raise
        return scale.answer(kind, await self._replace(kind, current, new, options, user, "scale"))

    async def _current(self, kind: Kind, namespace: str, name: str) -> Record:
        """The record to decide a write against.

        Raises:
            NotFound: there is none, durably.
        """
        current = self.store.latest(collection_name(kind), namespace, name)
        if current is None:
            await self._settled()
            raise not_found(kind.plural, kind.group, name)
        return current

    async def _settled(self) -> None:
        """A refusal speaks of what is durable: what it was decided against may still be on its way."""
        with storing(None, ""):
            await self.store.settled()


def _named(kind: Kind, obj: Any, name: str) -> Wire:
    """The object of a PUT that creates: it may leave its name to the URL."""
    new: Any = codec.decode(kind.type, encode_bounded(obj))
    new.metadata.name = name
    return new  # type: ignore[no-any-return]
