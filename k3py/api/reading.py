"""Get and list: stored bytes, joined; decoded only when a client asks for another form.

Which revision a list is of: Kubernetes API Concepts, "Resource versions", "Semantics for get and list".
"""

import asyncio
from collections.abc import Callable, Generator, Sequence
from typing import Any

import msgspec

from k3py.api import paging
from k3py.api.columns import table
from k3py.api.http.messages import Request, Response
from k3py.api.list_options import ListOptions, check_list, is_exact, list_options, parse_revision, too_large
from k3py.api.lists import Scan, package, render_list, render_scanned, respond
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
from k3py.store.listing import Listing
from k3py.store.records import Record
from k3py.store.store import Store

Now = Callable[[], float]
VERSION_TOO_OLD = "The resourceVersion for the provided list is too old."
_PLAIN = Wanted()
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
        revision, scan = self._begin(request, target)

        def metadata(page: paging.Page) -> dict[str, Any]:
            return table.list_metadata(str(revision), page.continue_token, page.remaining)

        scanning = scan()
        try:
            next(scanning)
        except StopIteration as end:
            page: paging.Page = end.value
            return render_list(kind, page.records, metadata(page), form, self._now())
        return render_scanned(kind, scan, metadata, form, self._now())

    async def page(self, request: Request, target: Target) -> tuple[dict[str, Any], Sequence[Record]]:
        """What the query of a collection delete selects, with the list's metadata.

        Raises:
            BadRequest, Invalid: a parameter cannot be understood.
            Expired, Timeout: as ``list``.
        """
        revision, scan = self._begin(request, target)
        scanning = scan()
        while True:
            try:
                next(scanning)
            except StopIteration as end:
                page: paging.Page = end.value
                return table.list_metadata(str(revision), page.continue_token, page.remaining), page.records
            await asyncio.sleep(0)

    def _begin(self, request: Request, target: Target) -> tuple[int, Scan]:
        """The revision of what a query selects, and the selecting, in pieces."""
        options = list_options(request.query)
        check_list(options)
        fields = selected_fields(options.fields, target.kind, target.name)
        return self._page(target, options, Selected(options.labels, fields), one_of(target, fields))

    def _page(self, target: Target, options: ListOptions, chosen: Selected, name: str | None) -> tuple[int, Scan]:
        """The revision of the list and how to find what is on the page. ``name``: the only object that can be there."""
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
                found = paging.Page([record] if record is not None and chosen.has(record) else [])
                return revision, lambda: _at_once(found)
            listing = self._store.list(collection_name(target.kind), target.namespace or None)
            # As kube-apiserver, which tells reflectors everything at once that way.
            limit = 0 if options.resource_version == "0" else limit
        of_namespace = bool(target.namespace) or not target.kind.namespaced
        has = None if chosen.everything else chosen.has
        if has is None or len(listing) <= paging.SCAN_PIECE:
            piece = paging.page(listing, limit, start, revision, of_namespace=of_namespace, has=has)
            if piece.continue_token:
                self._keep(target, revision)
            return revision, lambda: _at_once(piece)
        if limit:
            self._keep(target, revision)
        return revision, lambda: paging.scan(listing, limit, start, revision, of_namespace=of_namespace, has=has)

    def _keep(self, target: Target, revision: int) -> None:
        """More pages of this revision will be asked for."""
        if revision == self._store.revision:
            self._store.snapshot(collection_name(target.kind), target.namespace or None)

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
        return render_list(target.kind, listing, {"resourceVersion": str(self._store.revision)}, _PLAIN, self._now())


def _at_once(found: paging.Page) -> Generator[None, None, paging.Page]:
    """A page that is there."""
    yield from ()
    return found


def one_of(target: Target, fields: FieldSelector | None) -> str | None:
    """The name of the one object that a list or watch can be of; None when there may be several."""
    if fields is None or (target.kind.namespaced and not target.namespace):
        return None
    return fields.exact_name()


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
        raise NotAcceptable(f"{said} (*{package(kind)}.{kind.name})")
    else:
        raw = shown(kind, raw)
    return respond(status, raw, form, headers)
