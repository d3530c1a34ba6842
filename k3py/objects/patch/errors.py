"""What is said of patches that cannot be applied."""

from typing import Any, Final

import msgspec

from k3py.model.errors import Cause, Details, Invalid, invalid
from k3py.objects.go_values import go_text
from k3py.objects.options import Patch, PatchType
from k3py.objects.problems import Unexplained


class PatchFailed(Unexplained):
    """A strategic merge patch that does not fit the object."""


REDACTED: Final = "<contents redacted>"


def unusable(patch: Patch, before: Any, after: Any, why: str, *, secret: bool = False) -> Invalid:
    """What the patch leaves cannot be read as an object of the kind; a ``secret`` one is not shown."""
    if secret:
        text = REDACTED
    elif patch.type is PatchType.STRATEGIC:
        text = go_text(patch.body)
    else:
        text = _patched_text(before, patch.body, after)
    said = f"Invalid value: {msgspec.json.encode(text).decode()}: {why}"
    return invalid("", "", "", [Cause("FieldValueInvalid", said, "patch")])


def _patched_text(before: Any, patch: Any, after: Any) -> str:
    """A patched document as Kubernetes' library writes it: what it touched has its keys sorted, the rest stays."""
    untouched: set[int] = set()
    _note(before, untouched)
    _note(patch, untouched)
    text: str = msgspec.json.encode(_sorted(after, untouched)).decode()
    for character, escaped in _HTML:
        text = text.replace(character, escaped)
    return text


_HTML: Final = (("<", r"\u003c"), (">", r"\u003e"), ("&", r"\u0026"))


def _note(value: Any, seen: set[int]) -> None:
    if isinstance(value, dict):
        seen.add(id(value))
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _note(each, seen)


def _sorted(value: Any, untouched: set[int]) -> Any:
    if isinstance(value, dict):
        items = value.items() if id(value) in untouched else sorted(value.items())
        return {key: _sorted(each, untouched) for key, each in items}
    return [_sorted(each, untouched) for each in value] if isinstance(value, list) else value


def rejected() -> Invalid:
    """A JSON patch that cannot be applied; Kubernetes does not say why."""
    return Invalid("the server rejected our request due to an error in our request", Details())
