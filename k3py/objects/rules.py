"""What may be particular about a kind. The tables of all kinds are in ``kinds/``.

Everything that no entry says otherwise is as for most kinds: the name is a DNS-1123 subdomain, ``status`` is written
through its subresource only, and a change of ``spec`` moves ``metadata.generation`` where the registry says so.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from k3py.model import names
from k3py.objects.fields import Errors
from k3py.objects.meta import NameRule


def nothing(*_: Any) -> None:
    """No rule."""


def no_warnings(_: Any) -> list[str]:
    """Nothing to warn of."""
    return []


def spec_changed(new: Any, old: Any) -> bool:
    """Whether ``metadata.generation`` moves: for most kinds, when ``spec`` changes."""
    return bool(new.spec != old.spec)


@dataclass(frozen=True)
class Part:
    """A subresource that writes a part of an object, as ``pods/resize`` does.

    Attributes:
        prepare: (new, old): takes back everything that is not this part.
        check: (new, old, errors): what may not be written through it.
    """

    prepare: Callable[[Any, Any], None]
    check: Callable[[Any, Any, Errors], None] = nothing


@dataclass(frozen=True)
class Rules:
    """What is particular about a kind.

    Attributes:
        default: fills in what the user left out; may be repeated.
        prepare_create: takes out what a user cannot set (status), sets what only the server does.
        prepare_update: (new, old): carries over what an update of the main resource cannot change, beside status.
        prepare_status: (new, old): likewise for the status subresource, beside spec.
        stamp: (new, old, seconds since 1970): when a subresource is written, the times of what changed with it.
        check: (object, errors): everything wrong with an object, new or changed.
        check_create: (object, errors): what only a new object may not be; said after ``check``.
        check_update: (new, old, errors): what a change of the main resource may not do.
        check_status: (new, old, errors): what a change of the status may not do.
        generation_moves: (new, old).
        name: what the kind's names may look like.
        status_on_create: a new object may bring its status (a node that registers itself).
        create_on_update: a PUT of an object that is not there creates it.
        unconditional_update: a PUT may leave out the version that it is decided on.
        returns_deleted: a deletion answers with the object, not with a ``Status``.
        warn: what the user should hear although it is no error.
        warn_update: (new, old): the same of a change; when it is not given, ``warn`` speaks of changes too.
        parts: subresources that write a part of the object, by name; all but ``status`` and ``scale``.
        metadata_looks: how often the checks of an update look at all of the metadata, and how often at what an update
            may not do to it; everybody has looked at both once before. What is wrong is said as often.
    """

    default: Callable[[Any], None] = nothing
    prepare_create: Callable[[Any], None] = nothing
    prepare_update: Callable[[Any, Any], None] = nothing
    prepare_status: Callable[[Any, Any], None] = nothing
    stamp: Callable[[Any, Any, float], None] = nothing
    check: Callable[[Any, Errors], None] = nothing
    check_create: Callable[[Any, Errors], None] = nothing
    check_update: Callable[[Any, Any, Errors], None] = nothing
    check_status: Callable[[Any, Any, Errors], None] = nothing
    generation_moves: Callable[[Any, Any], bool] = spec_changed
    name: NameRule = names.dns_1123_subdomain
    status_on_create: bool = False
    create_on_update: bool = False
    unconditional_update: bool = True
    returns_deleted: bool = False
    warn: Callable[[Any], list[str]] = no_warnings
    warn_update: Callable[[Any, Any], list[str]] | None = None
    parts: Mapping[str, Part] = field(default_factory=dict)
    metadata_looks: tuple[int, int] = (0, 1)

    def warnings_of_change(self, new: Any, old: Any) -> list[str]:
        """What the user should hear of an update of the main resource."""
        return self.warn(new) if self.warn_update is None else self.warn_update(new, old)


PLAIN: Final = Rules()
