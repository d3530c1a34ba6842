"""What a column is, and the words that many kinds' cells share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from k3py.api.columns.described import meaning
from k3py.base.clock import parse_rfc3339
from k3py.model.generated import core_v1, meta_v1
from k3py.model.selectors import from_struct

NONE = "<none>"
UNKNOWN = "<unknown>"
UNSET = "<unset>"


@dataclass(frozen=True)
class Column:
    """A column definition. ``priority`` 1 is shown by ``-o wide`` only."""

    name: str
    type: str = "string"
    format: str = ""
    priority: int = 0
    description: str = ""


NAME = Column("Name", format="name", description=meaning(meta_v1.ObjectMeta, "name"))
AGE = Column("Age", description=meaning(meta_v1.ObjectMeta, "creationTimestamp"))

Cells = Callable[[Any, float], list[Any]]
"""An object and the time (seconds since 1970) to its cells."""

Conditions = Callable[[Any], list[dict[str, str]]]
"""An object to what is said of its row as a whole: ``TableRowCondition`` as plain values."""


@dataclass(frozen=True)
class Columns:
    """How one kind is shown."""

    definitions: Sequence[Column]
    cells: Cells
    conditions: Conditions | None = None


def human_duration(seconds: float) -> str:
    """A duration with one or two units, as kubectl prints ages (apimachinery ``HumanDuration``)."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 0:
        return "0s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if whole < 120:
        return f"{whole}s"
    if minutes < 10:
        return _two(minutes, "m", whole % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if hours < 192:
        return _two(days, "d", hours % 24, "h")
    if days < 365 * 2:
        return f"{days}d"
    if days < 365 * 8:
        return _two(days // 365, "y", days % 365, "d")
    return f"{days // 365}y"


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large}{large_unit}{small}{small_unit}" if small else f"{large}{large_unit}"


def since(time: str | None, now: float) -> str:
    """The age of a moment; ``<unknown>`` when it is not set."""
    return human_duration(now - parse_rfc3339(time)) if time else UNKNOWN


def age(metadata: meta_v1.ObjectMeta, now: float) -> str:
    """How long ago an object was made; ``now`` in seconds since 1970."""
    return since(metadata.creation_timestamp, now)


def label_map(labels: Mapping[str, str]) -> str:
    """``a=b,c=d`` or ``<none>``."""
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items())) or NONE


def selector_text(selector: meta_v1.LabelSelector | None) -> str:
    """A label selector in one line."""
    return str(from_struct(selector)) if selector is not None else NONE


def containers_and_images(template: core_v1.PodTemplateSpec) -> tuple[str, str]:
    """Names and images, each joined by commas."""
    containers = template.spec.containers
    return ",".join(each.name for each in containers), ",".join(each.image for each in containers)


def only_name_and_age(obj: Any, now: float) -> list[Any]:
    """The cells of kinds of which there is nothing more to say."""
    return [obj.metadata.name, age(obj.metadata, now)]
