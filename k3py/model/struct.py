"""What all generated Struct classes share: names on the wire, and Go's way of writing zero values.

``omit_defaults`` leaves out a field that equals its default; a field that Go always writes has a default factory of
its own instead, which msgspec never takes for a default.
"""

from collections.abc import Callable
from typing import Annotated, Any

import msgspec

Int32 = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]
Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
# Numbers are accepted as Kubernetes accepts them; k3py.model.quantity gives the canonical text.
Quantity = str | int | float
IntOrString = Int32 | str


def wire(**exceptions: str) -> Callable[[str], str]:
    """A renamer for ``Struct``: snake case to camel case, but for the names given."""

    def rename(name: str) -> str:
        if name in exceptions:
            return exceptions[name]
        first, *rest = name.split("_")
        return first + "".join(part.capitalize() for part in rest)

    return rename


class Wire(msgspec.Struct, omit_defaults=True, kw_only=True, forbid_unknown_fields=True, rename=wire(), gc=False):
    """Base of every Kubernetes type. Unknown fields are refused; callers that may be lenient strip them first.

    Objects are trees as JSON is, so the garbage collector need not look for cycles through them.
    """


def null() -> None:
    """A field that is written as ``null`` while it is unset."""
    return


def empty_string() -> str:
    return ""


def empty_bytes() -> bytes:
    return b""


def empty_dict() -> dict[str, Any]:
    return {}


def zero_int() -> int:
    return 0


def zero_float() -> float:
    return 0.0


def false() -> bool:
    return False


def zero_quantity() -> str:
    return "0"


def empty_list() -> list[Any]:
    return []
