"""Get and list: stored bytes, joined; decoded only when a client asks for another form.

Which revision a list is of: Kubernetes API Concepts, "Resource versions", "Semantics for get and list".
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import yaml

from k3py.api import paging
from k3py.api.columns import table
from k3py.api.http.messages import Request, Response
from k3py.api.http.parts import Parts
from k3py.api.list_options import ListOptions, check_list, is_exact, list_options, parse_revision, too_large
from k3py.api.negotiation import Form, Wanted, wanted
from k3py.api.parameters import first
from k3py.api.routing import Target
from k3py.api.selection import selected_fields
from k3py.model.errors import BadRequest, Expired, NotAcceptable
from k3py.model.field_selectors import FieldSelector
from k3py.model.registry import Kind
from k3py.objects.collections import collection_name
from k3py.objects.service import Objects
from k3py.objects.views import shown
from k3py.objects.watching import Selected
from k3py.store.errors import TooOld
from k3py.store.records import Listing, Record
from k3py.store.store import Store

Now = Callable[[], float]
VERSION_TOO_OLD = "The resourceVersion for the provided list is too old."
BOTH_VERSIONS = "specifying resource version is not allowed when using continue"


class Reader:
    """Answers reads from the store's committed records."""

    def __init__(self, store: Store, objects: Objects, now: Now) -> None:
        self._store = store
        self._objects = objects
        self._now = now

    def get(self, request: Request, target: Target) -> Response:
        """One object.

        Raises:
            NotFound: there is none.
            NotAcceptable, BadRequest: it cannot be had in the form that is asked for.
            Timeout: a revision is asked for that has not come yet.
        """
        form = wanted(request)
        if request.query:
            self._check_reached(parse_revision(first(request.query, "resourceVersion")))
        record = self._objects.get(target.kind, target.namespace, target.name)
        return render_object(target.kind, record.raw, form, self._now)

    def list(self, request: Request, target: Target) -> Response:
        """All objects that the query selects, or one page of them.

        Raises:
            NotAcceptable, BadRequest, Invalid: it cannot be had so, or a parameter cannot be understood.
            Expired: the page before is too long ago, or the exact revision asked for is.
            Timeout: a revision is asked for that has not come yet.
        """
        form = wanted(request, collection=True)
        kind = target.kind
        if not request.query and form.form is Form.OBJECT and not form.yaml:
            return self._whole(target)
        metadata, records = self.page(request, target)
        return render_list(kind, records, metadata, form, self._now())

    def page(self, request: Request, target: Target) -> tuple[dict[str, Any], Sequence[Record]]:
        """What the query of a list or a collection delete selects, with the list's metadata.

        Raises:
            BadRequest, Invalid: a parameter cannot be understood.
            Expired, Timeout: as ``list``.
        """
        options = list_options(request.query)
        check_list(options)
        fields = selected_fields(options.fields, target.kind, target.name)
        revision, piece = self._page(target, options, Selected(options.labels, fields), one_of(target, fields))
        return table.list_metadata(str(revision), piece.continue_token, piece.remaining), piece.records

    def _page(
        self, target: Target, options: ListOptions, chosen: Selected, name: str | None
    ) -> tuple[int, paging.Page]:
        """The revision of the list and what is on the page. ``name``: the only object that can be selected."""
        limit, start = options.limit, ""
        if options.continue_token and name is None:
            revision, start, listing = self._continued(target, options)
        elif is_exact(options, one_object=name is not None):
            revision = parse_revision(options.resource_version)
            listing = self._listing_at(target, revision, Expired(VERSION_TOO_OLD))
        else:
            self._check_reached(parse_revision(options.resource_version))
            revision = self._store.revision
            if name is not None:
                record = self._store.get(collection_name(target.kind), target.namespace, name)
                return revision, paging.Page([record] if record is not None and chosen.has(record) else [])
            listing = self._store.list(collection_name(target.kind), target.namespace or None)
            # As kube-apiserver, which tells reflectors everything at once that way.
            limit = 0 if options.resource_version == "0" else limit
        of_namespace = bool(target.namespace) or not target.kind.namespaced
        has = None if chosen.everything else chosen.has
        piece = paging.page(listing, limit, start, revision, of_namespace=of_namespace, has=has)
        if piece.continue_token and revision == self._store.revision:
            self._store.snapshot(collection_name(target.kind), target.namespace or None)
        return revision, piece

    def _continued(self, target: Target, options: ListOptions) -> tuple[int, str, Listing]:
        token = paging.parse_token(options.continue_token)
        if not options.any_version:
            raise BadRequest(BOTH_VERSIONS)
        if token.rv < 0:
            listing = self._store.list(collection_name(target.kind), target.namespace or None)
            return self._store.revision, token.start, listing
        return token.rv, token.start, self._listing_at(target, token.rv, paging.ContinueExpired(token.start))

    def _listing_at(self, target: Target, revision: int, gone: Expired) -> Listing:
        self._check_reached(revision)
        try:
            return self._store.list_at(collection_name(target.kind), target.namespace or None, revision)
        except TooOld:
            raise gone from None

    def _check_reached(self, revision: int) -> None:
        if revision > self._store.revision:
            raise too_large(revision, self._store.revision)

    def _whole(self, target: Target) -> Response:
        """The plain list of everything."""
        listing = self._store.list(collection_name(target.kind), target.namespace or None)
        return Response(parts=_list_of(target.kind, b'{"resourceVersion":"%d"}' % self._store.revision, listing))


def one_of(target: Target, fields: FieldSelector | None) -> str | None:
    """The name of the one object that a list or watch can be of; None when there may be several."""
    if fields is None or (target.kind.namespaced and not target.namespace):
        return None
    return fields.exact_name()


def _list_of(kind: Kind, metadata: bytes, records: Sequence[Record]) -> Parts:
    """A plain list. Its items do not repeat the kind and version that it names."""
    name, version = kind.name.encode(), kind.api_version.encode()
    head = b'{"kind":"%bList","apiVersion":"%b","metadata":%b,"items":[' % (name, version, metadata)
    same = b'"kind":"%b","apiVersion":"%b",' % (name, version)
    return Parts(head, _raws(kind, records), b"]}", omitted=same)


def _raws(kind: Kind, records: Sequence[Record]) -> list[bytes]:
    if kind.view_of is None:
        return [record.raw for record in records]
    return [shown(kind, record.raw) for record in records]


def render_list(
    kind: Kind,
    records: Sequence[Record],
    metadata: dict[str, Any],
    form: Wanted,
    now: float,
    headers: Sequence[tuple[str, str]] = (),
) -> Response:
    """A list in the form that was asked for.

    Raises:
        NotAcceptable: the form is of single objects.
        BadRequest: more or less of the objects is asked for than there is.
    """
    head = msgspec.json.encode(metadata)
    if form.form is Form.TABLE:
        rows = table.of_records(kind, records, now, form.included, form.version)
        return respond(200, table.table(kind, rows, metadata, version=form.version), form, headers)
    if form.form is Form.PARTIAL:
        said = "you requested PartialObjectMetadata, but the requested object is a list"
        raise NotAcceptable(f"{said} (*{_package(kind)}.{kind.name}List)")
    if form.form is Form.PARTIAL_LIST:
        parts = _metadata_of(head, _raws(kind, records), form.version)
    else:
        parts = _list_of(kind, head, records)
    return respond(200, bytes(parts), form, headers) if form.yaml else Response(parts=parts, headers=headers)


def _metadata_of(metadata: bytes, items: Sequence[bytes], version: str) -> Parts:
    """A list of metadata only; kube-apiserver says ``null`` when there is none."""
    head = b'{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/%b","metadata":%b,"items":'
    start = head % (version.encode(), metadata)
    if not items:
        return Parts(start + b"null}", (), b"")
    return Parts(start + b"[", [table.partial_metadata(each, version) for each in items], b"]}")


def answer(
    request: Request,
    kind: Kind,
    raw: bytes,
    now: Now,
    status: int = 200,
    headers: Sequence[tuple[str, str]] = (),
) -> Response:
    """One object in the form that the request asks for.

    Raises:
        NotAcceptable, BadRequest: as ``render_object``.
    """
    return render_object(kind, raw, wanted(request), now, status, headers)


def render_object(
    kind: Kind,
    raw: bytes,
    form: Wanted,
    now: Now,
    status: int = 200,
    headers: Sequence[tuple[str, str]] = (),
) -> Response:
    """One object in the form that was asked for.

    Raises:
        NotAcceptable: the form is of lists.
        BadRequest: more or less of the object is asked for than there is.
    """
    if form.form is Form.TABLE:
        revision = msgspec.json.decode(raw)["metadata"].get("resourceVersion", "")
        rows = [table.row(kind, raw, now(), form.included, form.version)]
        raw = table.table(kind, rows, {"resourceVersion": revision} if revision else {}, version=form.version)
    elif form.form is Form.PARTIAL:
        raw = table.partial_metadata(shown(kind, raw), form.version)
    elif form.form is Form.PARTIAL_LIST:
        said = "you requested PartialObjectMetadataList, but the requested object is not a list"
        raise NotAcceptable(f"{said} (*{_package(kind)}.{kind.name})")
    else:
        raw = shown(kind, raw)
    return respond(status, raw, form, headers)


def _package(kind: Kind) -> str:
    return kind.group.partition(".")[0] or "core"


def respond(status: int, body: bytes, form: Wanted, headers: Sequence[tuple[str, str]] = ()) -> Response:
    """A finished JSON document as the answer, turned into YAML when that was asked for."""
    if form.yaml:
        text = yaml.safe_dump(msgspec.json.decode(body), default_flow_style=False, sort_keys=True)
        return Response(status, text.encode(), "application/yaml", headers)
    return Response(status, body, headers=headers)
