"""Create, update, patch, delete: HTTP around ``objects``."""

from collections.abc import Sequence

import msgspec

from k3py.api.heavy.helper import Helper
from k3py.api.heavy.weight import check_question, is_heavy, is_heavy_stored
from k3py.api.heavy.writes import Outcome, Write, perform
from k3py.api.http.messages import Request, Response
from k3py.api.lists import render_list, respond
from k3py.api.negotiation import Wanted, wanted
from k3py.api.reading import Now, Reader, answer
from k3py.api.reviews import Reviews, own_review
from k3py.api.routing import Target
from k3py.api.warning_headers import warning_headers
from k3py.api.write_options import delete_options, media_type, write_options
from k3py.model import codec
from k3py.model.errors import BadRequest
from k3py.model.generated import core_v1
from k3py.model.registry import Kind
from k3py.model.struct import Wire
from k3py.model.user import User
from k3py.objects.collections import collection_name
from k3py.objects.decode import decode_body
from k3py.objects.deletion import warnings
from k3py.objects.identity import check_namespace
from k3py.objects.options import APPLY_PATCH, WriteOptions, patch_type
from k3py.objects.scale import SCALE
from k3py.objects.service import Objects


class Writer:
    """Answers writes."""

    def __init__(
        self, objects: Objects, reader: Reader, reviews: Reviews, now: Now, helper: Helper | None = None
    ) -> None:
        """``reader`` finds what a collection delete speaks of; ``helper`` does heavy writes, where there is one."""
        self._objects = objects
        self._reader = reader
        self._reviews = reviews
        self._now = now
        self._helper = helper

    async def create(self, request: Request, target: Target, user: User) -> Response:
        """Store a new object, or answer a review."""
        form = wanted(request)
        options = write_options(request)
        if not target.kind.stored and target.kind.view_of is None:
            check_question(request.body, media_type(request))
            obj, said = decode_body(target.kind, request.body, media_type(request), options.field_validation)
            return await self._ask(target, obj, options, user, warning_headers(said), form)
        return self._answer(request, await self._write("create", request, target, options, user))

    async def _ask(
        self,
        target: Target,
        obj: Wire,
        options: WriteOptions,
        user: User,
        said: Sequence[tuple[str, str]],
        form: Wanted,
    ) -> Response:
        if isinstance(obj, core_v1.Binding):
            return await self._bind(target.namespace, obj.metadata.name, obj, options, user)
        own_review(target.kind, obj, options.field_manager, self._now())
        answered = self._reviews.answer(obj, user, target.namespace)
        return respond(201, codec.encode(answered), form, said)

    async def update(self, request: Request, target: Target, user: User) -> Response:
        """Replace an object, or its status or scale."""
        wanted(request)
        return self._answer(request, await self._write("update", request, target, write_options(request), user))

    async def patch(self, request: Request, target: Target, user: User) -> Response:
        """Change parts of an object, or of its status or scale; or apply what a manager wants of it."""
        wanted(request)
        if media_type(request) != APPLY_PATCH:
            patch_type(media_type(request))
        return self._answer(request, await self._write("patch", request, target, write_options(request), user))

    async def _write(self, verb: str, request: Request, target: Target, options: WriteOptions, user: User) -> Outcome:
        kind, body, sent_as = target.kind, request.body, media_type(request)
        write = Write(verb, kind.type, target.namespace, target.name, target.subresource, body, sent_as, options, user)
        if self._helper is not None and (is_heavy(body, sent_as) or self._changes_much(target)):
            return await self._helper.perform(write)
        return await perform(self._objects, write)

    def _changes_much(self, target: Target) -> bool:
        """Whether the object that is to be changed is a heavy one."""
        if not target.name:
            return False
        record = self._objects.store.latest(collection_name(target.kind), target.namespace, target.name)
        return record is not None and is_heavy_stored(record.raw)

    async def delete(self, request: Request, target: Target, user: User) -> Response:
        """Delete an object, now or when its finalizers and grace period let it."""
        form = wanted(request)
        check_question(request.body, media_type(request))
        options = delete_options(request)
        deleted = await self._objects.delete(target.kind, target.namespace, target.name, options, user)
        headers = warning_headers(warnings(target.kind, options))
        if deleted.is_status:
            return respond(200, deleted.raw, form, headers)
        # As Kubernetes: whoever asked in this old way hears that the deletion goes on.
        status = 202 if options.orphan_dependents is False and not deleted.gone else 200
        return answer(request, target.kind, deleted.raw, self._now, status, headers)

    async def delete_collection(self, request: Request, target: Target, user: User) -> Response:
        """Delete all objects that the query selects."""
        form = wanted(request, collection=True)
        check_question(request.body, media_type(request))
        metadata, records = await self._reader.page(request, target)
        options = delete_options(request)
        await self._objects.delete_collection(target.kind, records, options, user)
        said = warning_headers(warnings(target.kind, options))
        return render_list(target.kind, records, metadata, form, self._now(), said)

    async def bind(self, request: Request, target: Target, user: User) -> Response:
        """``pods/binding``: a scheduler says where a pod runs."""
        options = write_options(request)
        check_question(request.body, media_type(request))
        obj, _ = decode_body(BINDING, request.body, media_type(request), options.field_validation)
        assert isinstance(obj, core_v1.Binding)
        check_namespace(BINDING, target.namespace, obj.metadata)
        if obj.metadata.name != target.name:
            raise BadRequest("name in URL does not match name in Binding object")
        return await self._bind(target.namespace, target.name, obj, options, user)

    async def _bind(
        self, namespace: str, name: str, binding: core_v1.Binding, options: WriteOptions, user: User
    ) -> Response:
        await self._objects.bind(namespace, name, binding, options, user)
        body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
        return Response(201, msgspec.json.encode(body))

    def get_scale(self, request: Request, target: Target) -> Response:
        """``.../scale`` of a workload."""
        wanted(request)
        scale = self._objects.scales.get(target.kind, target.namespace, target.name)
        return answer(request, SCALE, codec.encode(scale), self._now)

    def _answer(self, request: Request, done: Outcome) -> Response:
        status = 201 if done.created else 200
        return answer(request, done.kind, done.raw, self._now, status, warning_headers(done.warnings))


BINDING = Kind(core_v1.Binding, "bindings", stored=False)
