"""What is said of patches that cannot be applied."""

from typing import Any, Final

import msgspec

from k3py.model.errors import Cause, Details, Invalid, invalid
from k3py.objects.options import Patch, PatchType
from k3py.objects.problems import Unexplained


class PatchFailed(Unexplained):
    """A strategic merge patch that does not fit the object."""


REDACTED: Final = "<contents redacted>"


def unusable(patch: Patch, after: Any, why: str, *, secret: bool = False) -> Invalid:
    """What the patch leaves cannot be read as an object of the kind; a ``secret`` one is not shown."""
    if secret:
        text = REDACTED
    elif patch.type is PatchType.STRATEGIC:
        text = go_text(patch.body)
    else:
        text = msgspec.json.encode(after, order="sorted").decode()
    said = f"Invalid value: {msgspec.json.encode(text).decode()}: {why}"
    return invalid("", "", "", [Cause("FieldValueInvalid", said, "patch")])


def rejected() -> Invalid:
    """A JSON patch that cannot be applied; Kubernetes does not say why."""
    return Invalid("the server rejected our request due to an error in our request", Details())


def go_text(value: Any) -> str:
    """A plain value as Go prints it: ``map[a:1 b:[x y]]``."""
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{go_text(each)}' for key, each in sorted(value.items()))}]"
    if isinstance(value, list):
        return f"[{' '.join(go_text(each) for each in value)}]"
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
