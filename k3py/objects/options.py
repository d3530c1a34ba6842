"""What a caller may ask of a write, and what it gets back."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from k3py.model.errors import Cause, Details, UnsupportedMediaType, invalid
from k3py.store.records import Record

# Kubernetes' bound of a field manager's name.
FIELD_MANAGER_LENGTH_MAX: Final = 128
# Each cause repeats the name; a long one full of control characters must not be repeated as often.
MANAGER_CAUSES_MAX: Final = 128


class FieldValidation(Enum):
    """What to do about unknown and duplicate fields; the values are those of the query parameter."""

    STRICT = "Strict"
    WARN = "Warn"
    IGNORE = "Ignore"


@dataclass(frozen=True)
class WriteOptions:
    """How to write.

    ``dry_run``: decide and answer as if, but store nothing. ``force``: an apply takes over what others own.
    """

    dry_run: bool = False
    field_manager: str = ""
    field_validation: FieldValidation = FieldValidation.STRICT
    force: bool = False

    def __post_init__(self) -> None:
        check_field_manager(self.field_manager)


def check_field_manager(name: str) -> None:
    """Refuse a field manager's name that is too long or not printable.

    Raises:
        Invalid: in Kubernetes' words.
    """
    causes = field_manager_causes(name)
    if causes:
        raise invalid("CreateOptions", "meta.k8s.io", "", causes)


def field_manager_causes(name: str) -> list[Cause]:
    """What is wrong with a field manager's name: it is too long or not printable."""
    causes = []
    if len(name.encode("utf-8", "replace")) > FIELD_MANAGER_LENGTH_MAX:
        said = f"Too long: may not be more than {FIELD_MANAGER_LENGTH_MAX} bytes"
        causes.append(Cause("FieldValueTooLong", said, "fieldManager"))
    position = 0
    for character in name:
        if not character.isprintable() and len(causes) < MANAGER_CAUSES_MAX:
            said = f"invalid character U+{ord(character):04X} (at position {position})"
            causes.append(Cause("FieldValueInvalid", f"Invalid value: {_quoted(name)}: {said}", "fieldManager"))
        position += len(character.encode("utf-8", "replace"))
    return causes


def _quoted(text: str) -> str:
    """As Go's ``%q`` writes it."""
    return '"' + "".join(c if c.isprintable() else _ESCAPES.get(c, f"\\x{ord(c):02x}") for c in text) + '"'


_ESCAPES: Final = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}


@dataclass(frozen=True)
class Written:
    """What a write came to.

    ``raw`` is the object's JSON as stored or, on a dry run, as it would be; ``record`` is None on a dry run.
    ``warnings`` are for the user: one HTTP ``Warning`` header each.
    """

    raw: bytes
    record: Record | None
    created: bool = False
    warnings: Sequence[str] = ()


@dataclass(frozen=True)
class Deleted:
    """What a deletion came to.

    ``raw`` is the answer: the object when it stays for a while or its kind answers so, else a ``Status``
    (``is_status``).
    ``gone`` is true when the object is no longer stored; ``record`` its last version.
    """

    raw: bytes
    record: Record | None
    gone: bool
    is_status: bool = False


# Server-side apply is a patch by its method only.
APPLY_PATCH: Final = "application/apply-patch+yaml"


class PatchType(Enum):
    """How a patch is written; the values are media types."""

    JSON = "application/json-patch+json"
    MERGE = "application/merge-patch+json"
    STRATEGIC = "application/strategic-merge-patch+json"


@dataclass(frozen=True)
class Patch:
    """A patch: its type and its body as plain JSON values.

    ``complaints``: what a strict reader said of its text (fields that stand twice, or that no patch has).
    """

    type: PatchType
    body: Any
    complaints: Sequence[str] = ()


def patch_type(media_type: str) -> PatchType:
    """The type of a patch from its media type (without parameters).

    Raises:
        UnsupportedMediaType: it is none of them.
    """
    try:
        return PatchType(media_type)
    except ValueError:
        raise UnsupportedMediaType("415: Unsupported Media Type", Details()) from None
