"""What the API's answers say. Bytes to objects, lists and watch events; speaks.

An answer is believed only if it is what was asked for. Something else with a good HTTP status (a proxy's page, an empty
object, half a list) is ``Unavailable``: to take it for "there is nothing" would delete what is there.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from k3py.client.port import EventType, T, WatchEvent
from k3py.model import codec
from k3py.model.errors import Problem, Unavailable, from_status
from k3py.model.registry import Kind

# The server takes objects of up to 3 MiB; a watch event is one of them and a few words.
EVENT_BYTES_MAX: Final = 8 * 1024 * 1024


class _ListMeta(msgspec.Struct, rename={"resource_version": "resourceVersion", "following": "continue"}):
    resource_version: str = ""
    following: str = ""


class _List(msgspec.Struct):
    kind: str
    metadata: _ListMeta
    items: list[msgspec.Raw] | None


class _Event(msgspec.Struct):
    type: str
    object: msgspec.Raw


class _Head(msgspec.Struct):
    kind: str = ""


_list_decoder: Final = msgspec.json.Decoder(_List)
_event_decoder: Final = msgspec.json.Decoder(_Event)
_head_decoder: Final = msgspec.json.Decoder(_Head)


def decode_object(kind: type[T], data: bytes | msgspec.Raw) -> T:
    """An object. Fields that are not known are passed over: the server may be newer.

    Raises:
        Unavailable: it is no object of this kind.
    """
    try:
        return codec.decoder(kind).decode(data)
    except msgspec.ValidationError:
        pass
    except msgspec.DecodeError as error:
        raise Unavailable(f"cannot use the server's answer: {error}") from error
    try:
        plain = msgspec.json.decode(data)
        if not isinstance(plain, dict):
            raise Unavailable(f"cannot use the server's answer: it is no {kind.__name__}")
        return codec.convert(kind, plain, lenient=True)[0]
    except msgspec.MsgspecError as error:
        raise Unavailable(f"cannot use the server's answer: it is no {kind.__name__}: {error}") from error


def decode_single(kind: Kind, wanted: type[T], data: bytes) -> T:
    """The object that answers a get or a write.

    Raises:
        Unavailable: the answer does not call itself that kind.
    """
    try:
        said = _head_decoder.decode(data).kind
    except msgspec.MsgspecError as error:
        raise Unavailable(f"cannot use the server's answer: {error}") from error
    if said != kind.name:
        raise Unavailable(f"cannot use the server's answer: it is {said or 'nothing'!r}, not a {kind.name}")
    return decode_object(wanted, data)


def decode_list(kind: Kind, wanted: type[T], data: bytes) -> tuple[list[T], str, str]:
    """Items, resource version, and where the list goes on (empty: it is complete).

    Raises:
        Unavailable: the answer is no list of this kind, or does not say as of when.
    """
    try:
        body = _list_decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise Unavailable(f"cannot use the server's answer as a list of {kind.plural}: {error}") from error
    if body.kind != f"{kind.name}List" or not body.metadata.resource_version:
        raise Unavailable(
            f"cannot use the server's answer as a list of {kind.plural}: it is a {body.kind!r} of version "
            f"{body.metadata.resource_version!r}"
        )
    items = [decode_object(wanted, item) for item in body.items or ()]
    return items, body.metadata.resource_version, body.metadata.following


def decode_event(wanted: type[T], line: bytes) -> WatchEvent[T]:
    """One line of a watch.

    Raises:
        Expired: the version asked for is no longer kept.
        Problem: another error that the server reports in its stream.
        Unavailable: it is no watch event.
    """
    try:
        event = _event_decoder.decode(line)
    except msgspec.MsgspecError as error:
        raise Unavailable(f"cannot read the watch: {error}") from error
    if event.type == "ERROR":
        raise decode_problem(bytes(event.object), 0)
    try:
        kind = EventType(event.type)
    except ValueError:
        raise Unavailable(f"cannot read the watch: unknown type of event {event.type!r}") from None
    return WatchEvent(kind, decode_object(wanted, event.object))


def decode_problem(body: bytes, code: int) -> Problem:
    """The problem in an error answer; one made from the HTTP status when the body is no ``Status``."""
    try:
        status: Any = msgspec.json.decode(body)
        if isinstance(status, dict) and status.get("kind") == "Status":
            return from_status(status, code)
    except (msgspec.MsgspecError, AttributeError, TypeError):
        pass
    return from_status({}, code)


class LineSplitter:
    """Bytes in any pieces to whole lines without their ends."""

    def __init__(self) -> None:
        self._rest = bytearray()

    @property
    def has_rest(self) -> bool:
        """Part of a line is here whose end has not come."""
        return bool(self._rest)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The lines that ``data`` completes; empty ones are left out.

        Raises:
            Unavailable: a line has more than ``EVENT_BYTES_MAX`` bytes.
        """
        searched = len(self._rest)
        self._rest += data
        start = 0
        while (end := self._rest.find(b"\n", max(searched, start))) >= 0:
            line = bytes(self._rest[start:end]).strip()
            start = end + 1
            if line:
                yield line
        del self._rest[:start]
        if len(self._rest) > EVENT_BYTES_MAX:
            raise Unavailable(f"cannot read the watch: an event of more than {EVENT_BYTES_MAX} bytes")
