"""JSON patch (RFC 6902) with Kubernetes' liberties: ``replace`` adds an absent key, an absent value tests as null."""

from typing import Any, Final

import msgspec

from k3py.model.errors import BadRequest, RequestTooLarge
from k3py.objects.patch.errors import rejected

# Kubernetes' bounds: operations in one patch, and bytes that its copies may make out of little.
OPERATIONS_MAX: Final = 10_000
COPIED_BYTES_MAX: Final = 3 << 20

_ABSENT: Final = object()


class _Impossible(Exception):
    """An operation does not fit the document."""


def json_patch(document: Any, operations: Any) -> Any:
    """The document with all operations applied, in order. Neither argument is changed.

    Raises:
        BadRequest: the patch is no list of operations.
        RequestTooLarge: it has too many.
        Invalid: an operation is unknown, does not fit or its test fails.
    """
    if not isinstance(operations, list):
        kind = "object" if isinstance(operations, dict) else "value"
        raise BadRequest(
            f"error decoding patch: json: cannot unmarshal {kind} into Go value of type []handlers.jsonPatchOp"
        )
    if len(operations) > OPERATIONS_MAX:
        raise RequestTooLarge(
            f"The allowed maximum operations in a JSON patch is {OPERATIONS_MAX}, got {len(operations)}"
        )
    copied = 0
    holder = {"": document}
    try:
        for operation in operations:
            copied += _apply(holder, operation)
            if copied > COPIED_BYTES_MAX:
                raise _Impossible("copies too much")
    except _Impossible:
        raise rejected() from None
    return holder[""]


def _apply(holder: dict[str, Any], operation: Any) -> int:
    """Apply one operation to the document in ``holder``; returns the bytes that it copied."""
    if not isinstance(operation, dict) or not isinstance(operation.get("path"), str):
        raise _Impossible("no path")
    path, name = _pointer(operation["path"]), operation.get("op")
    if name in ("add", "replace", "test") and "value" not in operation:
        raise _Impossible("no value")
    if name == "add":
        holder[""] = _changed(holder[""], path, operation["value"], add=True)
    elif name == "replace":
        holder[""] = _changed(holder[""], path, operation["value"], add=False)
    elif name == "remove":
        holder[""] = _without(holder[""], path)
    elif name == "test":
        found = _found(holder[""], path)
        if not _equal(None if found is _ABSENT else found, operation["value"]):
            raise _Impossible("test failed")
    elif name in ("copy", "move"):
        return _from(holder, operation, path, move=name == "move")
    else:
        raise _Impossible("unknown operation")
    return 0


def _from(holder: dict[str, Any], operation: dict[str, Any], path: list[str], *, move: bool) -> int:
    if not isinstance(operation.get("from"), str):
        raise _Impossible("no from")
    source = _pointer(operation["from"])
    value = _found(holder[""], source)
    if value is _ABSENT:
        if move:
            raise _Impossible("absent")
        value = None
    if move:
        if path[: len(source)] == source and len(path) > len(source):
            raise _Impossible("into itself")
        holder[""] = _without(holder[""], source)
    holder[""] = _changed(holder[""], path, value, add=True)
    return 0 if move else len(msgspec.json.encode(value))


def _pointer(text: str) -> list[str]:
    """The reference tokens of a JSON pointer (RFC 6901)."""
    if text == "":
        return []
    if not text.startswith("/"):
        raise _Impossible("no pointer")
    return [token.replace("~1", "/").replace("~0", "~") for token in text[1:].split("/")]


def _index(token: str, length: int, *, add: bool) -> int:
    """A place in a list: from its end when negative, as Kubernetes' library allows; ``-`` is behind the last."""
    if add and token == "-":
        return length
    try:
        index = int(token)
    except ValueError:
        raise _Impossible("no index") from None
    last = length if add else length - 1
    if not -length <= index <= last:
        raise _Impossible("out of range")
    return index if index >= 0 else index + length


def _found(document: Any, path: list[str]) -> Any:
    for token in path:
        if isinstance(document, dict):
            document = document.get(token, _ABSENT)
        elif isinstance(document, list):
            document = document[_index(token, len(document), add=False)]
        else:
            return _ABSENT
        if document is _ABSENT:
            return _ABSENT
    return document


def _changed(document: Any, path: list[str], value: Any, *, add: bool) -> Any:
    """A copy of the document, as far as the path goes, with the value there."""
    if not path:
        return value
    token, rest = path[0], path[1:]
    if isinstance(document, dict):
        if rest and token not in document:
            raise _Impossible("absent")
        result = dict(document)
        result[token] = _changed(document.get(token), rest, value, add=add) if rest else value
        return result
    if isinstance(document, list):
        items = list(document)
        index = _index(token, len(items), add=add and not rest)
        if rest:
            items[index] = _changed(items[index], rest, value, add=add)
        elif add:
            items.insert(index, value)
        else:
            items[index] = value
        return items
    raise _Impossible("absent")


def _without(document: Any, path: list[str]) -> Any:
    if not path:
        return None
    token, rest = path[0], path[1:]
    if isinstance(document, dict):
        if token not in document:
            raise _Impossible("absent")
        result = dict(document)
        if rest:
            result[token] = _without(document[token], rest)
        else:
            del result[token]
        return result
    if isinstance(document, list):
        items = list(document)
        index = _index(token, len(items), add=False)
        if rest:
            items[index] = _without(items[index], rest)
        else:
            del items[index]
        return items
    raise _Impossible("absent")


def _equal(left: Any, right: Any) -> bool:
    """Equal as JSON: true is not 1."""
    if isinstance(left, bool) != isinstance(right, bool):
        return False
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_equal(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(_equal(a, b) for a, b in zip(left, right, strict=True))
    return bool(left == right)
