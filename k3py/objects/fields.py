"""Collects everything that is wrong with an object, in Kubernetes' words and with the path of each field.

The words are those of apimachinery ``pkg/util/validation/field``.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from k3py.model.errors import Cause

IMMUTABLE = "field is immutable"
# Who has more mistakes learns of these first: three bytes of a body can be two mistakes of 200 bytes each.
CAUSES_MAX = 1_000
_encode = msgspec.json.Encoder(order="deterministic").encode


def shown(value: Any) -> str:
    """A value as messages quote it: JSON, the keys of maps in order."""
    return _encode(value).decode()


class Errors:
    """The causes found so far; checks add to it and never raise."""

    __slots__ = ("causes",)

    def __init__(self) -> None:
        self.causes: list[Cause] = []

    def __bool__(self) -> bool:
        return bool(self.causes)

    def required(self, path: str, detail: str = "") -> None:
        """A value has to be given."""
        self._add("FieldValueRequired", f"Required value: {detail}" if detail else "Required value", path)

    def invalid(self, path: str, value: Any, detail: str) -> None:
        """The value is of the right type, but cannot be used."""
        self._add("FieldValueInvalid", f"Invalid value: {shown(value)}: {detail}", path)

    def unfit(self, path: str, detail: str) -> None:
        """As ``invalid``, where the value itself tells nobody anything."""
        self._add("FieldValueInvalid", f"Invalid value: {detail}", path)

    def each_invalid(self, path: str, value: Any, details: Iterable[str]) -> None:
        """As ``invalid``, once for each detail."""
        for detail in details:
            self.invalid(path, value, detail)

    def needs(self, path: str, value: Any, rule: Callable[[Any], Iterable[str]], detail: str = "") -> None:
        """The value has to be given (``detail``: what else is said when it is not), and ``rule`` to find it good."""
        if not value:
            self.required(path, detail)
        else:
            self.each_invalid(path, value, rule(value))

    def unsupported(self, path: str, value: Any, supported: Sequence[str]) -> None:
        """The value is none of those that are known; they are listed in the order given."""
        values = ", ".join(shown(each) for each in supported)
        self._add("FieldValueNotSupported", f"Unsupported value: {shown(value)}: supported values: {values}", path)

    def forbidden(self, path: str, detail: str) -> None:
        """The field must not be set, or not be changed."""
        self._add("FieldValueForbidden", f"Forbidden: {detail}", path)

    def duplicate(self, path: str, value: Any, detail: str = "") -> None:
        """The value must be unique and is not."""
        said = f"Duplicate value: {shown(value)}"
        self._add("FieldValueDuplicate", f"{said}: {detail}" if detail else said, path)

    def internal(self, path: str, detail: str) -> None:
        """The check itself cannot be made."""
        self._add("InternalError", f"Internal error: {detail}", path)

    def too_long(self, path: str, maximum: int) -> None:
        """More bytes than ``maximum``."""
        self._add("FieldValueTooLong", f"Too long: may not be more than {maximum} bytes", path)

    def too_many(self, path: str, count: int, maximum: int) -> None:
        """More items than ``maximum``."""
        plural = "item" if maximum == 1 else "items"
        self._add("FieldValueTooMany", f"Too many: {count}: must have at most {maximum} {plural}", path)

    def not_found(self, path: str, value: Any, detail: str = "") -> None:
        """The value names something that is not there."""
        self._add("FieldValueNotFound", f"Not found: {shown(value)}{f': {detail}' if detail else ''}", path)

    def immutable(self, path: str, new: Any, old: Any) -> None:
        """``invalid`` when the field changed although it must not."""
        if new != old:
            self.invalid(path, new, IMMUTABLE)

    def not_negative(self, path: str, value: int | None) -> None:
        """``invalid`` when the number is below zero; None is fine."""
        if value is not None and value < 0:
            self.invalid(path, value, "must be greater than or equal to 0")

    def _add(self, reason: str, message: str, path: str) -> None:
        if len(self.causes) < CAUSES_MAX:
            self.causes.append(Cause(reason, message, path))
