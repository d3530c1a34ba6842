"""Create, update, patch, delete: HTTP around ``objects``."""

from collections.abc import Sequence

import msgspec

from k3py.api.applying import apply_body
from k3py.api.http.messages import Request, Response
from k3py.api.lists import render_list
from k3py.api.negotiation import wanted
from k3py.api.reading import Now, Reader, answer
from k3py.api.reviews import Reviews, own_review
from k3py.api.routing import Target
from k3py.api.warning_headers import warning_headers
from k3py.api.write_options import delete_options, media_type, write_options
from k3py.model import codec
from k3py.model.errors import BadRequest
from k3py.model.generated import autoscaling_v1, core_v1
from k3py.model.registry import Kind
from k3py.model.struct import Wire
from k3py.model.user import User
from k3py.objects.decode import decode_body
from k3py.objects.deletion import warnings
from k3py.objects.identity import check_namespace
from k3py.objects.options import APPLY_PATCH, WriteOptions, Written, patch_type
from k3py.objects.patch.reading import read_patch
from k3py.objects.scale import SCALE
from k3py.objects.service import Objects


class Writer:
    """Answers writes."""

    def __init__(self, objects: Objects, reader: Reader, reviews: Reviews, now: Now) -> None:
        """``reader`` finds what a collection delete speaks of."""
        self._objects = objects
        self._reader = reader
        self._reviews = reviews
        self._now = now

    async def create(self, request: Request, target: Target, user: User) -> Response:
        """Store a new object, or answer a review."""
        wanted(request)
        options = write_options(request)
        obj, said = decode_body(target.kind, request.body, media_type(request), options.field_validation)
        if not target.kind.stored and target.kind.view_of is None:
            return await self._ask(target, obj, options, user, said)
        written = await self._objects.create(target.kind, target.namespace, obj, options, user)
        return self._answer(request, target.kind, written, 201, said)

    async def _ask(self, target: Target, obj: Wire, options: WriteOptions, user: User, said: Sequence[str]) -> Response:
        if isinstance(obj, core_v1.Binding):
            return await self._bind(target.namespace, obj.metadata.name, obj, options, user)
        own_review(target.kind, obj, options.field_manager, self._now())
        answered = self._reviews.answer(obj, user, target.namespace)
        return Response(201, codec.encode(answered), headers=warning_headers(said))

    async def update(self, request: Request, target: Target, user: User) -> Response:
        """Replace an object, or its status or scale."""
        wanted(request)
        options = write_options(request)
        kind = SCALE if target.subresource == "scale" else target.kind
        obj, said = decode_body(kind, request.body, media_type(request), options.field_validation)
        if isinstance(obj, autoscaling_v1.Scale):
            written = await self._objects.scales.update(target.kind, target.namespace, target.name, obj, options, user)
            return self._answer(request, SCALE, written, 200, said)
        written = await self._objects.update(
            target.kind, target.namespace, target.name, obj, options, user, target.subresource
        )
        return self._answer(request, target.kind, written, 201 if written.created else 200, said)

    async def patch(self, request: Request, target: Target, user: User) -> Response:
        """Change parts of an object, or of its status or scale; or apply what a manager wants of it."""
        wanted(request)
        is_apply = media_type(request) == APPLY_PATCH
        written_as = None if is_apply else patch_type(media_type(request))
        options = write_options(request)
        if written_as is None:
            return await self._apply(request, target, options, user)
        patch = read_patch(written_as, request.body, options.field_validation)
        if target.subresource == "scale":
            written = await self._objects.scales.patch(target.kind, target.namespace, target.name, patch, options, user)
            return self._answer(request, SCALE, written, 200)
        written = await self._objects.patch(
            target.kind, target.namespace, target.name, patch, options, user, target.subresource
        )
        return self._answer(request, target.kind, written, 201 if written.created else 200)

    async def _apply(self, request: Request, target: Target, options: WriteOptions, user: User) -> Response:
        patch, said = apply_body(request.body, options.field_validation)
        kind, namespace, name = target.kind, target.namespace, target.name
        if target.subresource == "scale":
            written = await self._objects.scales.apply(kind, namespace, name, patch, options, user)
            return self._answer(request, SCALE, written, 200, said)
        written = await self._objects.apply(kind, namespace, name, patch, options, user, target.subresource)
        return self._answer(request, kind, written, 201 if written.created else 200, said)

    async def delete(self, request: Request, target: Target, user: User) -> Response:
        """Delete an object, now or when its finalizers and grace period let it."""
        wanted(request)
        options = delete_options(request)
        deleted = await self._objects.delete(target.kind, target.namespace, target.name, options, user)
        headers = warning_headers(warnings(target.kind, options))
        if deleted.is_status:
            return Response(200, deleted.raw, headers=headers)
        # As Kubernetes: whoever asked in this old way hears that the deletion goes on.
        status = 202 if options.orphan_dependents is False and not deleted.gone else 200
        return answer(request, target.kind, deleted.raw, self._now, status, headers)

    async def delete_collection(self, request: Request, target: Target, user: User) -> Response:
        """Delete all objects that the query selects."""
        form = wanted(request, collection=True)
        metadata, records = await self._reader.page(request, target)
        options = delete_options(request)
        await self._objects.delete_collection(target.kind, records, options, user)
        said = warning_headers(warnings(target.kind, options))
        return render_list(target.kind, records, metadata, form, self._now(), said)

    async def bind(self, request: Request, target: Target, user: User) -> Response:
        """``pods/binding``: a scheduler says where a pod runs."""
        options = write_options(request)
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
        scale = self._objects.scales.get(target.kind, target.namespace, target.name)
        return answer(request, SCALE, codec.encode(scale), self._now)

    def _answer(
        self, request: Request, kind: Kind, written: Written, status: int, said: Sequence[str] = ()
    ) -> Response:
        said = [*said, *written.warnings]
        return answer(request, kind, written.raw, self._now, status, warning_headers(said))


BINDING = Kind(core_v1.Binding, "bindings", stored=False)
