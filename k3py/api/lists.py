"""Lists in every form, in pieces when they are long: others never wait for all of one, and a slow client that takes
fifty thousand objects costs references to them.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from itertools import chain, islice
from operator import attrgetter
from typing import Any, Final

import msgspec

from k3py.api.columns import table
from k3py.api.http.messages import JSON, Response
from k3py.api.http.parts import SEPARATOR, Parts, Steps
from k3py.api.negotiation import Form, Wanted
from k3py.api.paging import Page
from k3py.api.yaml_text import dumped
from k3py.model.errors import NotAcceptable
from k3py.model.registry import Kind
from k3py.objects.views import shown
from k3py.store.records import Record

YAML: Final = "application/yaml"
# Objects as they are stored: more of them have no length before they are sent, since to add it up takes long.
PLAIN_AT_ONCE: Final = 5_000
# A slice of such a list.
SLICE_BYTES: Final = 32 * 1024
# Rendered objects of one piece of work, some tenths of a millisecond: rows, metadata or other versions; YAML.
RENDERED_PIECE: Final = 10

Scan = Callable[[], Generator[None, None, Page]]
Metadata = Callable[[Page], dict[str, Any]]


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
    rendered = _Rendered(kind, form, now)
    if rendered.plain:
        parts = rendered.parts(records, metadata)
        if len(records) <= PLAIN_AT_ONCE:
            return Response(parts=parts, headers=headers)
        return Response(parts=Steps(lambda: parts.slices(SLICE_BYTES)), headers=headers)
    steps = Steps(lambda: rendered.steps(records, metadata))
    if len(records) <= RENDERED_PIECE:
        return Response(200, bytes(steps), rendered.content_type, headers)
    return Response(200, content_type=rendered.content_type, headers=headers, parts=steps)


def render_scanned(kind: Kind, scan: Scan, metadata: Metadata, form: Wanted, now: float) -> Response:
    """As ``render_list``, of what is selected while the answer is made.

    Raises: as ``render_list``.
    """
    rendered = _Rendered(kind, form, now)

    def steps() -> Iterator[bytes]:
        scanning = scan()
        while True:
            try:
                next(scanning)
            except StopIteration as end:
                page: Page = end.value
                break
            yield b""
        if rendered.plain:
            yield from rendered.parts(page.records, metadata(page)).slices(SLICE_BYTES)
        else:
            yield from rendered.steps(page.records, metadata(page))

    return Response(200, content_type=rendered.content_type, parts=Steps(steps))


class _Raws:
    """The stored bytes of records, by reference."""

    __slots__ = ("_records",)

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[bytes]:
        return map(attrgetter("raw"), self._records)

    def __contains__(self, raw: object) -> bool:
        return any(each == raw for each in self)


class _Rendered:
    """How the objects of one list look.

    Raises: as ``render_list``.
    """

    def __init__(self, kind: Kind, form: Wanted, now: float) -> None:
        self._kind = kind
        self._form = form
        self.content_type = YAML if form.yaml else JSON
        self.plain = form.form is Form.OBJECT and not form.yaml and kind.view_of is None
        version = form.version
        self._item: Callable[[bytes], bytes]
        if form.form is Form.TABLE:
            included = form.included
            self._item = lambda raw: table.row(kind, raw, now, included, version)
        elif form.form is Form.PARTIAL:
            said = "you requested PartialObjectMetadata, but the requested object is a list"
            raise NotAcceptable(f"{said} (*{package(kind)}.{kind.name}List)")
        elif form.form is Form.PARTIAL_LIST:
            self._item = lambda raw: table.partial_metadata(shown(kind, raw), version)
        else:
            same = _same(kind)
            self._item = lambda raw: _without(shown(kind, raw), same)

    def parts(self, records: Sequence[Record], metadata: dict[str, Any]) -> Parts:
        """A plain list. Its items do not repeat the kind and version that it names."""
        head, tail = self._frame(metadata, empty=False)
        return Parts(head, _Raws(records), tail, omitted=_same(self._kind))

    def steps(self, records: Sequence[Record], metadata: dict[str, Any]) -> Iterator[bytes]:
        """The list, some objects at a time."""
        items = (self._item(each.raw) for each in records)
        head, tail = self._frame(metadata, empty=not records)
        if self._form.yaml:
            yield from _in_yaml(head + tail, self._list_field, items)
            return
        yield head
        first = True
        while piece := list(islice(items, RENDERED_PIECE)):
            yield SEPARATOR.join(piece) if first else SEPARATOR + SEPARATOR.join(piece)
            first = False
        yield tail

    @property
    def _list_field(self) -> str:
        return "rows" if self._form.form is Form.TABLE else "items"

    def _frame(self, metadata: dict[str, Any], *, empty: bool) -> tuple[bytes, bytes]:
        """What stands before and behind the objects."""
        kind, form = self._kind, self._form
        if form.form is Form.TABLE:
            whole = table.table(kind, (), metadata, version=form.version)
            return whole[:-2], whole[-2:]
        head = msgspec.json.encode(metadata)
        if form.form is Form.PARTIAL_LIST:
            name, version = b"PartialObjectMetadata", b"meta.k8s.io/" + form.version.encode()
        else:
            name, version = kind.name.encode(), kind.api_version.encode()
        start = b'{"kind":"%bList","apiVersion":"%b","metadata":%b,"items":' % (name, version, head)
        if empty and form.only_metadata:
            return start + b"null", b"}"  # as kube-apiserver says it
        return start + b"[", b"]}"


def _same(kind: Kind) -> bytes:
    return b'"kind":"%b","apiVersion":"%b",' % (kind.name.encode(), kind.api_version.encode())


def _without(raw: bytes, same: bytes) -> bytes:
    return raw[:1] + raw[1 + len(same) :] if raw.startswith(same, 1) else raw


def _in_yaml(frame: bytes, field: str, items: Iterable[bytes]) -> Iterator[bytes]:
    """``frame`` is the list without its objects, as JSON. The same text as if all were written at once."""
    document = msgspec.json.decode(frame)
    first = next(items := iter(items), None)
    if first is None:
        yield dumped(document)
        return
    before = {key: value for key, value in document.items() if key < field}
    behind = {key: value for key, value in document.items() if key > field}
    yield dumped(before) + field.encode() + b":\n"
    for item in chain((first,), items):
        yield dumped([msgspec.json.decode(item)])
    yield dumped(behind)


def respond(status: int, body: bytes, form: Wanted, headers: Sequence[tuple[str, str]] = ()) -> Response:
    """A finished JSON document as the answer, turned into YAML when that was asked for."""
    if form.yaml:
        return Response(status, dumped(msgspec.json.decode(body)), YAML, headers)
    return Response(status, body, headers=headers)


def package(kind: Kind) -> str:
    """The name that Go's types of a kind's group go by."""
    return kind.group.partition(".")[0] or "core"
