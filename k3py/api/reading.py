"""Get and list: stored bytes, joined; decoded only when a client asks for another form."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import yaml

from k3py.api import paging
from k3py.api.columns import table
from k3py.api.http.messages import Request, Response
from k3py.api.http.parts import Parts
from k3py.api.negotiation import Form, Wanted, wanted
from k3py.api.parameters import Query, integer, last
from k3py.api.routing import Target
from k3py.api.selection import selection
from k3py.model.errors import Cause, Details, Expired, Invalid, Timeout, invalid
from k3py.model.registry import Kind
from k3py.objects.collections import collection_name
from k3py.objects.service import Objects
from k3py.store.errors import TooOld
from k3py.store.records import Listing, Record
from k3py.store.store import Store

Now = Callable[[], float]
# No number of 64 bits has more. Python itself refuses to read very long ones.
REVISION_DIGITS_MAX = 20
CONTINUE_TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list "
    "without the continue parameter."
)
VERSION_TOO_OLD = "The resourceVersion for the provided list is too old."


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
        """
        record = self._objects.get(target.kind, target.namespace, target.name)
        return answer(request, target.kind, record.raw, self._now)

    def list(self, request: Request, target: Target) -> Response:
        """All objects that the query selects, or one page of them.

        Raises:
            BadRequest, Invalid: a parameter cannot be understood.
            Expired: the page before is too long ago, or the exact revision asked for is.
            Timeout: a revision is asked for that has not come yet.
        """
        form = wanted(request)
        query = request.query
        if not query and form.form is Form.OBJECT and not form.yaml:
            return self._whole(target)
        limit = max(0, integer(query, "limit") or 0)
        token, after = last(query, "continue"), None
        _check_versions(query, bool(token), self._store.revision)
        chosen = selection(query, target.kind, target.name)
        if token:
            parsed = paging.parse_token(token)
            revision, after = parsed.rv, (parsed.namespace, parsed.name)
            listing = self._listing_at(target, revision, CONTINUE_TOO_OLD)
        elif last(query, "resourceVersionMatch") == "Exact":
            revision = parse_revision(last(query, "resourceVersion"))
            listing = self._listing_at(target, revision, VERSION_TOO_OLD)
        elif limit:
            revision, listing = self._store.snapshot(collection_name(target.kind), target.namespace or None)
        else:
            listing = self._store.list(collection_name(target.kind), target.namespace or None)
            revision = self._store.revision
        records = listing if chosen.everything else [each for each in listing if chosen.has(each)]
        piece = paging.page(records, limit, after, revision, exact=chosen.everything)
        metadata = table.list_metadata(str(revision), piece.continue_token, piece.remaining)
        return render_list(target.kind, piece.records, metadata, form, self._now())

    def _listing_at(self, target: Target, revision: int, too_old: str) -> Listing:
        try:
            return self._store.list_at(collection_name(target.kind), target.namespace or None, revision)
        except TooOld:
            raise Expired(too_old) from None

    def _whole(self, target: Target) -> Response:
        """The plain list of everything."""
        listing = self._store.list(collection_name(target.kind), target.namespace or None)
        metadata = b'{"resourceVersion":"%d"}' % self._store.revision
        return Response(parts=_list_of(target.kind, metadata, [record.raw for record in listing]))


def _list_of(kind: Kind, metadata: bytes, items: Sequence[bytes]) -> Parts:
    head = b'{"kind":"%bList","apiVersion":"%b","metadata":%b,"items":['
    return Parts(head % (kind.name.encode(), kind.api_version.encode(), metadata), items, b"]}")


def render_list(kind: Kind, records: Sequence[Record], metadata: dict[str, Any], form: Wanted, now: float) -> Response:
    """A list in the form that was asked for."""
    head = msgspec.json.encode(metadata)
    if form.form is Form.TABLE:
        rows = table.of_records(kind, records, now, form.include_object)
        body = table.table(kind, rows, metadata)
        return respond(200, body, form)
    if form.form is Form.PARTIAL:
        start = b'{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","metadata":%b,"items":[' % head
        parts = Parts(start, [table.partial_metadata(record.raw) for record in records], b"]}")
    else:
        parts = _list_of(kind, head, [record.raw for record in records])
    return respond(200, bytes(parts), form) if form.yaml else Response(parts=parts)


def answer(
    request: Request,
    kind: Kind,
    raw: bytes,
    now: Now,
    status: int = 200,
    headers: Sequence[tuple[str, str]] = (),
) -> Response:
    """One object in the form that the request asks for."""
    form = wanted(request)
    if form.form is Form.TABLE:
        revision = msgspec.json.decode(raw)["metadata"].get("resourceVersion", "")
        rows = [table.row(kind, raw, now(), form.include_object)]
        raw = table.table(kind, rows, {"resourceVersion": revision} if revision else {})
    elif form.form is Form.PARTIAL:
        raw = table.partial_metadata(raw)
    return respond(status, raw, form, headers)


def respond(status: int, body: bytes, form: Wanted, headers: Sequence[tuple[str, str]] = ()) -> Response:
    """A finished JSON document as the answer, turned into YAML when that was asked for."""
    if form.yaml:
        text = yaml.safe_dump(msgspec.json.decode(body), default_flow_style=False, sort_keys=True)
        return Response(status, text.encode(), "application/yaml", headers)
    return Response(status, body, headers=headers)


def parse_revision(text: str) -> int:
    """A resourceVersion parameter; 0 when it is not given.

    Raises:
        Invalid: it is no number of 64 bits.
    """
    if not text:
        return 0
    if not (text.isascii() and text.isdecimal()) or len(text) > REVISION_DIGITS_MAX:
        why = "value out of range" if text.isdecimal() else "invalid syntax"
        message = f'Invalid value: "{text}": strconv.ParseUint: parsing "{text}": {why}'
        raise Invalid(
            f"resourceVersion: {message}", Details(causes=(Cause("FieldValueInvalid", message, "resourceVersion"),))
        )
    return int(text)


def _check_versions(query: Query, continued: bool, newest: int) -> None:
    """The rules for resourceVersion and resourceVersionMatch (API Concepts, "Semantics for get and list")."""
    text, match = last(query, "resourceVersion"), last(query, "resourceVersionMatch")
    revision = parse_revision(text)
    problem = ""
    if match and match not in ("Exact", "NotOlderThan"):
        problem = f'Unsupported value: "{match}": supported values: "Exact", "NotOlderThan"'
    elif match and not text:
        problem = "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"
    elif match and continued:
        problem = "Forbidden: resourceVersionMatch is forbidden when continue is provided"
    elif match == "Exact" and revision == 0:
        problem = 'Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
    if problem:
        raise match_refusal(problem)
    if revision > newest:
        raise Timeout(
            f"Too large resource version: {revision}, current: {newest}",
            Details(
                causes=(Cause("ResourceVersionTooLarge", "Too large resource version", ""),), retry_after_seconds=1
            ),
        )


def match_refusal(problem: str) -> Invalid:
    """What is wrong with ``resourceVersionMatch``, of a list or a watch."""
    reason = "FieldValueNotSupported" if problem.startswith("Uns") else "FieldValueForbidden"
    return invalid("ListOptions", "meta.k8s.io", "", (Cause(reason, problem, "resourceVersionMatch"),))
