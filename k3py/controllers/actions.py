"""What a controller wants done: values with a reason. Nothing here is done; ``runner.py`` does it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from k3py.model.generated import core_v1, meta_v1
from k3py.model.struct import Wire

NORMAL: Final = "Normal"
WARNING: Final = "Warning"
BACKGROUND: Final = "Background"
FOREGROUND: Final = "Foreground"


@dataclass(frozen=True, slots=True)
class Target:
    """One object at the version that was read: its class, namespace (empty for cluster-wide), name, uid, version."""

    kind: type[Wire]
    namespace: str
    name: str
    uid: str = ""
    version: str = ""

    def __str__(self) -> str:
        return f"{self.kind.__name__} {self.namespace + '/' if self.namespace else ''}{self.name}"


@dataclass(frozen=True, slots=True)
class Report:
    """The event that tells users how an action went.

    ``about`` is whom the event is on. ``{name}`` in a message is the object acted on, ``{error}`` what went wrong.
    Without a ``failure_reason`` a failure is not told.
    """

    about: core_v1.ObjectReference
    reason: str
    message: str
    failure_reason: str = ""
    failure_message: str = ""


@dataclass(frozen=True, slots=True)
class Create:
    """Create ``object``; its name may be left to ``generateName``."""

    object: Any
    why: str
    report: Report | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """Replace the object by ``object``, which carries the version that was read: a newer one in the store wins."""

    object: Any
    why: str
    subresource: str = ""
    report: Report | None = None


@dataclass(frozen=True, slots=True)
class Patch:
    """Merge ``body`` (JSON merge patch, RFC 7396) into the object, if it still is at the target's uid and version."""

    target: Target
    body: Mapping[str, Any]
    why: str
    subresource: str = ""


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete the object if it still has the target's uid, and its version when ``unchanged``.

    ``grace_seconds`` None leaves the grace to the object; ``propagation`` empty leaves it to the kind's default.
    """

    target: Target
    why: str
    grace_seconds: int | None = None
    propagation: str = ""
    unchanged: bool = False
    report: Report | None = None


@dataclass(frozen=True, slots=True)
class Tell:
    """Record an event on ``about``."""

    about: core_v1.ObjectReference
    type: str
    reason: str
    message: str

    @property
    def why(self) -> str:
        return self.message


@dataclass(frozen=True, slots=True)
class Wake:
    """Look at the same key again after ``seconds``: something is due then."""

    seconds: float
    why: str


Action = Create | Update | Patch | Delete | Tell | Wake


def target(value: Any) -> Target:
    """The target that a typed object is."""
    meta: meta_v1.ObjectMeta = value.metadata
    return Target(type(value), meta.namespace, meta.name, meta.uid, meta.resource_version)


def reference(value: Any) -> core_v1.ObjectReference:
    """How an event or an endpoint names the object."""
    meta: meta_v1.ObjectMeta = value.metadata
    return core_v1.ObjectReference(
        kind=value.kind,
        api_version=value.api_version,
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        resource_version=meta.resource_version,
    )


def said(action: Action) -> str:
    """The action in one line, as logs and tests have it: ``delete Pod default/web-1: 3 live, 2 wanted``."""
    match action:
        case Create(made):
            meta = made.metadata
            what = f"create {type(made).__name__} {meta.name or meta.generate_name + '*'}"
        case Update(made, subresource=part):
            what = f"update {type(made).__name__} {made.metadata.name}{' ' + part if part else ''}"
        case Patch(where, subresource=part):
            what = f"patch {where.kind.__name__} {where.name}{' ' + part if part else ''}"
        case Delete(where):
            what = f"delete {where.kind.__name__} {where.name}"
        case Tell(about, _, reason):
            what = f"tell {about.name} {reason}"
        case Wake(seconds):
            what = f"wake in {seconds:g} s"
    return f"{what}: {action.why}"


def kind_of(action: Action) -> type[Wire] | None:
    """The class of object that an action writes; None for a Wake and a Tell: everybody may tell users something."""
    match action:
        case Create(made) | Update(made):
            kind: type[Wire] = type(made)
            return kind
        case Patch(where) | Delete(where):
            return where.kind
        case Tell() | Wake():
            return None
