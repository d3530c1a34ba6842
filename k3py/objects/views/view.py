"""What a view is: another version of a kind, kept as the version that is stored."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from k3py.model import codec
from k3py.model.struct import Wire
from k3py.objects.rules import Rules


@dataclass(frozen=True)
class View:
    """How a version is converted. Objects that come in are not changed; what goes out may share parts with them.

    Attributes:
        stored: the Struct class that is kept.
        inward: an object of the view -> the object that is stored.
        outward: the stored object -> the object of the view.
        rules: for writes that come through the view, on the stored object; None: those of the stored kind.
    """

    stored: type[Wire]
    inward: Callable[[Any], Wire]
    outward: Callable[[Any], Wire]
    rules: Rules | None = None

    def to_stored(self, obj: Wire) -> Wire:
        """The object that is stored for an object of the view."""
        return self.inward(obj)

    def from_stored(self, obj: bytes | Wire) -> Wire:
        """A stored object, or its JSON, as the view shows it.

        Raises:
            msgspec.ValidationError: the JSON is not of the stored kind.
        """
        return self.outward(codec.decode(self.stored, obj) if isinstance(obj, bytes) else obj)
