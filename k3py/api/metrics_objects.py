"""From an agent's figures to the objects of ``metrics.k8s.io``, as metrics-server writes them. It decides only."""

from collections.abc import Mapping

from k3py.base.clock import rfc3339
from k3py.model.generated.meta_v1 import ObjectMeta
from k3py.model.metrics import ContainerMetrics, NodeMetrics, PodMetrics
from k3py.model.quantity import canonical
from k3py.model.struct import Quantity
from k3py.model.usage import PodUsage, Usage


def node_metrics(name: str, labels: Mapping[str, str], usage: Usage, now: float) -> NodeMetrics:
    """One node's. ``now`` (seconds since 1970) is when the object comes into being."""
    return NodeMetrics(
        metadata=ObjectMeta(name=name, labels=dict(labels), creation_timestamp=rfc3339(now)),
        timestamp=rfc3339(usage.at),
        window=go_duration(usage.window_seconds),
        usage=amounts(usage),
    )


def pod_metrics(pod: PodUsage | None, labels: Mapping[str, str], now: float) -> PodMetrics | None:
    """One pod's; None while a container that runs has no figures yet: half a pod would look like a whole one."""
    usages = [] if pod is None else [each.usage for each in pod.containers]
    known = [each for each in usages if each is not None]
    if pod is None or not known or len(known) < len(usages):
        return None
    oldest = min(known, key=lambda each: each.at)
    return PodMetrics(
        metadata=ObjectMeta(
            name=pod.name, namespace=pod.namespace, labels=dict(labels), creation_timestamp=rfc3339(now)
        ),
        timestamp=rfc3339(oldest.at),
        window=go_duration(oldest.window_seconds),
        containers=[
            ContainerMetrics(name=each.name, usage=amounts(each.usage)) for each in pod.containers if each.usage
        ],
    )


def amounts(usage: Usage) -> dict[str, Quantity]:
    """``cpu`` in cores to the nanocore, ``memory`` in bytes; pages are multiples of a KiB."""
    return {"cpu": canonical(f"{usage.cpu_nanocores}n"), "memory": canonical(f"{usage.working_set_bytes // 1024}Ki")}


def go_duration(seconds: float) -> str:
    """A duration to the millisecond as Go prints it: ``15.003s``, ``1m0s``, ``500ms``."""
    milliseconds = round(seconds * 1000)
    if milliseconds < 1000:
        return f"{milliseconds}ms" if milliseconds else "0s"
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    text = f"{rest / 1000:.3f}".rstrip("0").rstrip(".") + "s"
    return f"{hours}h{minutes}m{text}" if hours else f"{minutes}m{text}" if minutes else text
