"""What an operator may choose for an agent, with the defaults' reasons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from k3py.model.generated.core_v1 import Taint
from k3py.runtime.port import Seccomp


@dataclass(frozen=True, kw_only=True)
class AgentSettings:
    """Everything but the ports. Times in seconds.

    ``taints`` are set when the node registers for the first time, ``addresses`` replace those that the
    host would choose. ``lease_seconds`` is how often the node says that it lives, ``lease_duration_seconds`` how long
    that holds.
    ``status_seconds`` is how often the Node's status is written even if nothing changed (kubelet: five minutes).
    ``recheck_seconds`` is the safety net under the events of runtime and server. ``parallel_pulls`` bounds disk and
    network use. ``pods_max`` is Kubernetes' own default. ``memory_reserved_bytes`` and ``cpu_reserved_milli`` are
    kept from pods for the host. ``image_gc_high_percent``/``low``: disk use at which unused images go, and until when.
    """

    node_name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: Sequence[Taint] = ()
    addresses: Sequence[str] = ()
    lease_seconds: float = 10.0
    lease_duration_seconds: int = 40
    status_seconds: float = 300.0
    recheck_seconds: float = 60.0
    parallel_pulls: int = 3
    pods_max: int = 110
    pids_limit: int | None = None
    memory_reserved_bytes: int = 100 * 1024 * 1024
    cpu_reserved_milli: int = 0
    image_gc_seconds: float = 300.0
    image_gc_high_percent: int = 85
    cluster_domain: str = "cluster.local"
    seccomp_default: Seccomp = Seccomp.UNCONFINED
