"""Kinds of the group ``metrics.k8s.io/v1beta1``: what nodes and pods use now. Made when asked for, never stored.

Source: github.com/kubernetes/metrics, pkg/apis/metrics/v1beta1/types.go. ``window`` is a Go duration, ``usage`` maps
``cpu`` (cores) and ``memory`` (bytes of the working set) to quantities.
"""

from typing import Final

from msgspec import field

from k3py.model.generated.meta_v1 import ObjectMeta
from k3py.model.struct import Quantity, Wire, empty_dict, empty_string, null

GROUP: Final = "metrics.k8s.io"
API_VERSION: Final = "metrics.k8s.io/v1beta1"


class NodeMetrics(Wire):
    """io.k8s.metrics.v1beta1.NodeMetrics"""

    kind: str = field(default_factory=lambda: "NodeMetrics")
    api_version: str = field(default_factory=lambda: API_VERSION)
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    timestamp: str | None = field(default_factory=null)
    window: str = field(default_factory=empty_string)
    usage: dict[str, Quantity] = field(default_factory=empty_dict)


class ContainerMetrics(Wire):
    """io.k8s.metrics.v1beta1.ContainerMetrics"""

    name: str = field(default_factory=empty_string)
    usage: dict[str, Quantity] = field(default_factory=empty_dict)


class PodMetrics(Wire):
    """io.k8s.metrics.v1beta1.PodMetrics"""

    kind: str = field(default_factory=lambda: "PodMetrics")
    api_version: str = field(default_factory=lambda: API_VERSION)
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    timestamp: str | None = field(default_factory=null)
    window: str = field(default_factory=empty_string)
    containers: list[ContainerMetrics] = field(default_factory=list)
