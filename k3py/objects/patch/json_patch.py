"""JSON patch (RFC 6902) with Kubernetes' liberties: ``replace`` adds an absent key, an absent value tests as null."""

import re
from typing import Any, Final

import msgspec

from k3py.model.errors import BadRequest, RequestTooLarge
from k3py.objects.go_types import json_kind
from k3py.objects.patch.errors import rejected

# Kubernetes' bounds: operations in one patch, and bytes that its copies may make out of little.
OPERATIONS_MAX: Final = 10_000
COPIED_BYTES_MAX: Final = 3 << 20
# Who has more unknown fields learns of these first.
COMPLAINTS_MAX: Final = 100

_ABSENT: Final = object()
# No list has more elements than ten digits can count; Python itself refuses to read very long numbers.
_INDEX: Final = re.compile(r"[+-]?[0-9]{1,10}", re.ASCII)


class _Impossible(Exception):
    """An operation does not fit the document."""


def json_patch(document: Any, operations: Any) -> Any:
    """The document with all operations applied, in order. Neither argument is changed.

    Raises:
        BadRequest: the patch is no list of operations.
        RequestTooLarge: it has too many.
        Invalid: an operation is unknown, does not fit or its test fails.
    """
    if not isinstance(operations, list | None):
        raise BadRequest(f"json: cannot unmarshal {json_kind(operations)} into Go value of type jsonpatch.Patch")
    for operation in operations or ():
        if not isinstance(operation, dict | None):
            what = "Go value of type jsonpatch.Operation"
            raise BadRequest(f"json: cannot unmarshal {json_kind(operation)} into {what}")
    count = len(operations or ())
    if count > OPERATIONS_MAX:
        raise RequestTooLarge(
            f"Request entity too large: The allowed maximum operations in a JSON patch is {OPERATIONS_MAX}, got {count}"
        )
    patched = _Document(document)
    try:
        for operation in operations or ():
            patched.apply(operation)
    except _Impossible:
        raise rejected() from None
    return patched.root


def check_operations(operations: Any) -> list[str]:
    """What a strict reader says of a patch's form: the unknown fields of its operations.

    Raises:
        BadRequest: it is no list of operations, or a field has the wrong type.
    """
    if not isinstance(operations, list | None):
        raise _cannot_decode(operations, "Go value of type []handlers.jsonPatchOp")
    said: list[str] = []
    for index, operation in enumerate(operations or ()):
        if not isinstance(operation, dict | None):
            raise _cannot_decode(operation, "Go value of type handlers.jsonPatchOp")
        for key, value in (operation or {}).items():
            if key in ("op", "path", "from"):
                if not isinstance(value, str | None):
                    raise _cannot_decode(value, f"Go struct field jsonPatchOp.{key} of type string")
            elif key != "value" and len(said) < COMPLAINTS_MAX:
                said.append(f'json patch unknown field "[{index}].{key}"')
    return said


def _cannot_decode(value: Any, what: str) -> BadRequest:
    return BadRequest(f"error decoding patch: json: cannot unmarshal {json_kind(value)} into {what}")


class _Document:
    """A document while it is patched. What is changed is copied once, however often it changes."""

    def __init__(self, root: Any) -> None:
        self.root = root
        self._own: dict[int, Any] = {}  # by id; held, so that no id comes back
        self._copied = 0

    def apply(self, operation: Any) -> None:
        """Apply one operation.

        Raises:
            _Impossible: it does not fit.
        """
        if not isinstance(operation, dict):
            raise _Impossible("no operation")
        name, value = operation.get("op"), operation.get("value")
        if operation.get("path") == "" and name in ("replace", "test"):
            self._whole(name, value)
            return
        path = _pointer(operation.get("path"))
        if name == "add":
            self._add(path, value)
        elif name == "replace":
            self._replace(path, value)
        elif name == "remove":
            self._remove(path)
        elif name == "test":
            if not _equal(_found(self.root, path), value):
                raise _Impossible("test failed")
        elif name in ("copy", "move"):
            source = _pointer(operation.get("from"))
            value = _found(self.root, source)
            if name == "move":
                self._remove(source)
            self._add(path, value if name == "move" else self._copy(value))
        else:
            raise _Impossible("unknown operation")

    def _whole(self, name: str, value: Any) -> None:
        """Two operations know the whole document."""
        if name == "test":
            if not _equal(self.root, value):
                raise _Impossible("test failed")
        elif isinstance(value, dict | list):
            self.root = value
        else:
            raise _Impossible("no document")

    def _copy(self, value: Any) -> Any:
        """A copy of a value, counted, for copies may make much out of little."""
        text = msgspec.json.encode(value)
        self._copied += 0 if value is None else len(text)
        if self._copied > COPIED_BYTES_MAX:
            raise _Impossible("copies too much")
        return msgspec.json.decode(text)

    def _holder(self, path: list[str]) -> Any:
        """The object or list that a path ends in, as a copy that may be changed."""
        holder = self.root = self._mine(self.root)
        for token in path[:-1]:
            key: Any = _index(token, len(holder), add=False) if isinstance(holder, list) else token
            if isinstance(holder, dict) and key not in holder:
                raise _Impossible("absent")
            holder[key] = self._mine(holder[key])
            holder = holder[key]
        return holder

    def _mine(self, value: Any) -> Any:
        if not isinstance(value, dict | list):
            raise _Impossible("absent")
        if id(value) in self._own:
            return value
        copy = value.copy()
        self._own[id(copy)] = copy
        return copy

    def _add(self, path: list[str], value: Any) -> None:
        holder = self._holder(path)
        if isinstance(holder, list):
            holder.insert(_index(path[-1], len(holder), add=True), value)
        else:
            holder[path[-1]] = value

    def _replace(self, path: list[str], value: Any) -> None:
        holder = self._holder(path)
        key: Any = path[-1]
        holder[_index(key, len(holder), add=False) if isinstance(holder, list) else key] = value

    def _remove(self, path: list[str]) -> None:
        holder = self._holder(path)
        if isinstance(holder, list):
            del holder[_index(path[-1], len(holder), add=False)]
        elif holder.pop(path[-1], _ABSENT) is _ABSENT:
            raise _Impossible("absent")


def _pointer(text: Any) -> list[str]:
    """The reference tokens of a JSON pointer (RFC 6901) to something in the document.

    What stands before the first slash is passed over, as Kubernetes' library does.
    """
    if not isinstance(text, str) or "/" not in text:
        raise _Impossible("no pointer")
    return [token.replace("~1", "/").replace("~0", "~") for token in text.split("/")[1:]]


def _index(token: str, length: int, *, add: bool) -> int:
    """A place in a list: from its end when negative, as Kubernetes' library allows; ``-`` is behind the last."""
    if add and token == "-":
        return length
    if _INDEX.fullmatch(token) is None:
        raise _Impossible("no index")
    places = length + 1 if add else length
    index = int(token)
    if not -places <= index < places:
        raise _Impossible("out of range")
    return index if index >= 0 else index + places


def _found(document: Any, path: list[str]) -> Any:
    """The value at a path; None where its last key is absent, which is the same to Kubernetes' library."""
    for position, token in enumerate(path):
        if isinstance(document, dict):
            document = document.get(token)
        elif isinstance(document, list):
            document = document[_index(token, len(document), add=False)]
        else:
            raise _Impossible("absent")
        if document is None and position < len(path) - 1:
            raise _Impossible("absent")
    return document


def _equal(left: Any, right: Any) -> bool:
    """Equal as JSON: true is not 1."""
    if isinstance(left, bool) != isinstance(right, bool):
        return False
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_equal(left[key], right[key]) for key in left)
    if type(left) is not type(right):
        return False  # Kubernetes' library compares the texts of numbers
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(_equal(a, b) for a, b in zip(left, right, strict=True))
    return bool(left == right)
