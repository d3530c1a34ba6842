"""Create, update, patch, delete: HTTP around ``objects``."""

from collections.abc import Sequence
from typing import Any

import msgspec

from k3py.api.applying import apply_body, apply_options, check_no_force
from k3py.api.http.messages import Request, Response
from k3py.api.negotiation import wanted
from k3py.api.parameters import integer, is_true, last
from k3py.api.reading import Now, answer, render_list
from k3py.api.reviews import Reviews
from k3py.api.routing import Target
from k3py.api.selection import selectors
from k3py.model import codec
from k3py.model.errors import BadRequest, Invalid, RequestTooLarge
from k3py.model.generated import autoscaling_v1, core_v1, meta_v1
from k3py.model.registry import Kind
from k3py.model.struct import Wire
from k3py.model.user import User
from k3py.objects.decode import decode_body, decode_options
from k3py.objects.options import APPLY_PATCH, FieldValidation, Patch, WriteOptions, Written, patch_type
from k3py.objects.service import Objects

# kube-apiserver's bound for one JSON patch.
JSON_PATCH_OPERATIONS_MAX = 10_000


def write_options(request: Request) -> WriteOptions:
    """The options of a write, from its query and user agent.

    Raises:
        BadRequest, Invalid: a value is none of those that Kubernetes has.
    """
    query = request.query
    validation = last(query, "fieldValidation")
    try:
        chosen = FieldValidation(validation) if validation else FieldValidation.WARN
    except ValueError:
        said = f'Unsupported value: "{validation}": supported values: "Ignore", "Strict", "Warn"'
        raise Invalid(f'CreateOptions.meta.k8s.io "" is invalid: fieldValidation: {said}') from None
    return WriteOptions(
        dry_run=_dry_run(query.get("dryRun", [])), field_manager=_manager(request), field_validation=chosen
    )


def _dry_run(values: Sequence[str]) -> bool:
    chosen = [each for each in values if each]
    if any(each != "All" for each in chosen):
        wrong = next(each for each in chosen if each != "All")
        said = f'Unsupported value: "{wrong}": supported values: "All"'
        raise Invalid(f'CreateOptions.meta.k8s.io "" is invalid: dryRun: {said}')
    return bool(chosen)


def _manager(request: Request) -> str:
    """The field manager: what the client says, else the first word of its user agent."""
    named = last(request.query, "fieldManager")
    return named or request.header(b"user-agent").partition("/")[0][:128]


def media_type(request: Request) -> str:
    """The body's media type without parameters; JSON when the client does not say."""
    return request.header(b"content-type").partition(";")[0].strip().lower() or "application/json"


def warning_headers(warnings: Sequence[str]) -> list[tuple[str, str]]:
    """One ``Warning`` header each (RFC 7234 5.5, code 299)."""
    clean = [each.replace("\\", "\\\\").replace('"', '\\"').encode("ascii", "replace").decode() for each in warnings]
    return [("Warning", f'299 - "{"".join(c for c in each if c.isprintable())}"') for each in clean]


class Writer:
    """Answers writes."""

    def __init__(self, objects: Objects, reviews: Reviews, now: Now) -> None:
        self._objects = objects
        self._reviews = reviews
        self._now = now

    async def create(self, request: Request, target: Target, user: User) -> Response:
        """Store a new object, or answer a review."""
        options = write_options(request)
        obj, warnings = decode_body(target.kind, request.body, media_type(request), options.field_validation)
        if not target.kind.stored:
            return await self._ask(request, target, obj, options, user)
        written = await self._objects.create(target.kind, target.namespace, obj, options, user)
        return self._answer(request, target.kind, written, 201, warnings)

    async def _ask(self, request: Request, target: Target, obj: Wire, options: WriteOptions, user: User) -> Response:
        if isinstance(obj, core_v1.Binding):
            return await self._bind(target.namespace, obj.metadata.name, obj, options, user)
        return Response(201, codec.encode(self._reviews.answer(obj, user)))

    async def update(self, request: Request, target: Target, user: User) -> Response:
        """Replace an object, or its status or scale."""
        options = write_options(request)
        kind = SCALE if target.subresource == "scale" else target.kind
        obj, warnings = decode_body(kind, request.body, media_type(request), options.field_validation)
        if isinstance(obj, autoscaling_v1.Scale):
            written = await self._objects.scales.update(target.kind, target.namespace, target.name, obj, options, user)
            return self._answer(request, SCALE, written, 200, warnings)
        written = await self._objects.update(
            target.kind, target.namespace, target.name, obj, options, user, target.subresource
        )
        return self._answer(request, target.kind, written, 201 if written.created else 200, warnings)

    async def patch(self, request: Request, target: Target, user: User) -> Response:
        """Change parts of an object, or of its status or scale; or apply what a manager wants of it."""
        options = write_options(request)
        if media_type(request) == APPLY_PATCH:
            return await self._apply(request, target, options, user)
        check_no_force(request.query)
        patch = Patch(patch_type(media_type(request)), _patch_body(request))
        if target.subresource == "scale":
            written = await self._objects.scales.patch(target.kind, target.namespace, target.name, patch, options, user)
            return self._answer(request, SCALE, written, 200)
        written = await self._objects.patch(
            target.kind, target.namespace, target.name, patch, options, user, target.subresource
        )
        return self._answer(request, target.kind, written, 201 if written.created else 200)

    async def _apply(self, request: Request, target: Target, options: WriteOptions, user: User) -> Response:
        options = apply_options(request.query, options)
        patch, warnings = apply_body(request.body, options.field_validation)
        kind, namespace, name = target.kind, target.namespace, target.name
        if target.subresource == "scale":
            written = await self._objects.scales.apply(kind, namespace, name, patch, options, user)
            return self._answer(request, SCALE, written, 200, warnings)
        written = await self._objects.apply(kind, namespace, name, patch, options, user, target.subresource)
        return self._answer(request, kind, written, 201 if written.created else 200, warnings)

    async def delete(self, request: Request, target: Target, user: User) -> Response:
        """Delete an object, now or when its finalizers and grace period let it."""
        options = _delete_options(request)
        deleted = await self._objects.delete(target.kind, target.namespace, target.name, options, user)
        if deleted.is_status:
            return Response(200, deleted.raw)
        return answer(request, target.kind, deleted.raw, self._now)

    async def delete_collection(self, request: Request, target: Target, user: User) -> Response:
        """Delete all objects that the query selects."""
        labels, fields = selectors(request.query, target.kind)
        records = await self._objects.delete_collection(
            target.kind, target.namespace, _delete_options(request), user, labels, fields
        )
        metadata = {"resourceVersion": str(self._objects.store.revision)}
        return render_list(target.kind, records, metadata, wanted(request), self._now())

    async def bind(self, request: Request, target: Target, user: User) -> Response:
        """``pods/binding``: a scheduler says where a pod runs."""
        options = write_options(request)
        obj, _ = decode_body(BINDING, request.body, media_type(request), options.field_validation)
        assert isinstance(obj, core_v1.Binding)
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
        self, request: Request, kind: Kind, written: Written, status: int, warnings: Sequence[str] = ()
    ) -> Response:
        said = [*warnings, *written.warnings]
        return answer(request, kind, written.raw, self._now, status, warning_headers(said) if said else ())


SCALE = Kind(autoscaling_v1.Scale, "scales", stored=False)
BINDING = Kind(core_v1.Binding, "bindings", stored=False)


def _patch_body(request: Request) -> Any:
    try:
        body = msgspec.json.decode(request.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f"error decoding patch: {error}") from None
    if isinstance(body, list) and len(body) > JSON_PATCH_OPERATIONS_MAX:
        raise RequestTooLarge(
            f"The allowed maximum operations in a JSON patch is {JSON_PATCH_OPERATIONS_MAX}, got {len(body)}"
        )
    return body


def _delete_options(request: Request) -> meta_v1.DeleteOptions:
    """From the body, or when there is none from the query.

    Raises:
        BadRequest: the body or a number cannot be read.
        UnsupportedMediaType: its type is unknown.
    """
    if request.body:
        return decode_options(meta_v1.DeleteOptions, request.body, media_type(request))
    query = request.query
    orphan = last(query, "orphanDependents")
    return meta_v1.DeleteOptions(
        grace_period_seconds=integer(query, "gracePeriodSeconds"),
        propagation_policy=last(query, "propagationPolicy") or None,
        orphan_dependents=is_true(orphan) if orphan else None,
        dry_run=[each for each in query.get("dryRun", []) if each],
    )
