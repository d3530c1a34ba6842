"""What a write is aimed at: a kind, in a version, through a subresource."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from k3py.model.codec import to_plain
from k3py.model.generated import autoscaling_v1
from k3py.model.kinds import KINDS
from k3py.model.registry import Kind
from k3py.model.struct import Wire
from k3py.objects.apply.ownership import Frame
from k3py.objects.apply.reset import reset_fields, written_part
from k3py.objects.apply.schema import Node, schema_of


@dataclass(frozen=True)
class Target:
    """``zero`` is a new object of the kind, plain: what Go writes of one in which nothing is set.

    ``subresource`` is empty for the main resource. What managers own in terms of an apiVersion in which the kind is not
    served is forgotten.
    """

    node: Node
    api_version: str
    kind: str
    zero: Mapping[str, Any]
    frame: Frame
    subresource: str = ""


def target_of(kind: Kind, subresource: str = "") -> Target:
    """The target of writes of a kind through the main resource or a subresource that has the kind's own form."""
    return _target(
        kind.type, kind.view_of or kind.type, kind.group, kind.api_version, subresource, tuple(kind.subresources)
    )


@cache
def _target(
    kind: type[Wire],
    stored: type[Wire],
    group: str,
    api_version: str,
    subresource: str,
    subresources: tuple[str, ...],
) -> Target:
    node = schema_of((kind.__doc__ or "").strip())
    reset = reset_fields(group, kind.__name__, subresource, subresources)
    versions = {each.api_version for each in KINDS if (each.view_of or each.type) is stored} | {api_version}
    part = written_part(group, kind.__name__, subresource)
    frame = Frame(node, api_version, versions.__contains__, reset, part)
    return Target(node, api_version, kind.__name__, to_plain(kind()), frame, subresource)


def scale_target() -> Target:
    """The target of writes through the subresource ``scale``: autoscaling/v1 Scale."""
    scale = autoscaling_v1.Scale
    return _target(scale, scale, "autoscaling", "autoscaling/v1", "scale", ())
