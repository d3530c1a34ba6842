"""What a node answers at kubelet's own port, as far as monitoring asks for it: statistics and health.

Source: kubelet's ``/stats/summary`` (k8s.io/kubelet, stats/v1alpha1) and ``/metrics/resource`` (KEP-1209).
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from k3py.api.http.messages import Response
from k3py.api.metrics import NodeFigures
from k3py.base.clock import rfc3339
from k3py.model.errors import Unavailable
from k3py.model.usage import ContainerUsage, NodeUsage, Usage

_TEXT: Final = "text/plain; charset=utf-8"
_METRICS: Final = "text/plain; version=0.0.4; charset=utf-8"
NANOSECONDS: Final = 1e9


async def answer(figures: NodeFigures, node: str, method: str, path: str) -> Response:
    """The answer at a path below the node's root.

    Raises:
        Unavailable: the node is away.
    """
    path = path.rstrip("/")
    if path not in ("/stats/summary", "/metrics/resource", "/healthz"):
        return Response(404, b"404 page not found\n", _TEXT)
    if method not in ("GET", "HEAD"):
        return Response(405, b"Method Not Allowed\n", _TEXT)
    usage = await figures.of(node)
    if usage is None:
        raise Unavailable(f'error trying to reach service: node "{node}" does not answer')
    if path == "/healthz":
        return Response(200, b"ok", _TEXT)
    if path == "/stats/summary":
        return Response(200, msgspec.json.encode(summary(node, usage)))
    return Response(200, resource_metrics(usage).encode(), _METRICS)


def summary(node: str, usage: NodeUsage) -> dict[str, Any]:
    """``Summary``: CPU and memory of the node, its pods and their containers."""
    return {
        "node": {"nodeName": node, **_started(usage.booted_at), **_stats(usage.usage)},
        "pods": [
            {
                "podRef": {"name": pod.name, "namespace": pod.namespace, "uid": pod.uid},
                "containers": [
                    {"name": each.name, **_started(each.started_at), **_stats(each.usage)} for each in pod.containers
                ],
                **_stats(_sum(pod.containers)),
            }
            for pod in usage.pods
        ],
    }


def _started(at: float) -> dict[str, Any]:
    return {"startTime": rfc3339(at) if at else None}


def _stats(usage: Usage | None) -> dict[str, Any]:
    if usage is None:
        return {}
    time = rfc3339(usage.at)
    return {
        "cpu": {"time": time, "usageNanoCores": usage.cpu_nanocores, "usageCoreNanoSeconds": usage.cpu_nanoseconds},
        "memory": {
            "time": time, "usageBytes": usage.memory_usage_bytes, "workingSetBytes": usage.working_set_bytes,
        },
    }  # fmt: skip


def _sum(containers: list[ContainerUsage]) -> Usage | None:
    known = [each.usage for each in containers if each.usage is not None]
    if not known:
        return None
    return Usage(
        at=min(each.at for each in known),
        window_seconds=min(each.window_seconds for each in known),
        cpu_nanoseconds=sum(each.cpu_nanoseconds for each in known),
        cpu_nanocores=sum(each.cpu_nanocores for each in known),
        memory_usage_bytes=sum(each.memory_usage_bytes for each in known),
        working_set_bytes=sum(each.working_set_bytes for each in known),
    )


def resource_metrics(usage: NodeUsage) -> str:
    """The same in Prometheus' text format, under kubelet's names."""
    lines = [
        *_family(
            "container_cpu_usage_seconds_total",
            "counter",
            "Cumulative cpu time consumed by the container in core-seconds",
        ),
        *_samples(usage, "container_cpu_usage_seconds_total", cpu=True),
        *_family("container_memory_working_set_bytes", "gauge", "Current working set of the container in bytes"),
        *_samples(usage, "container_memory_working_set_bytes", cpu=False),
    ]
    if usage.usage is not None:
        lines += [
            *_family(
                "node_cpu_usage_seconds_total", "counter", "Cumulative cpu time consumed by the node in core-seconds"
            ),
            _sample("node_cpu_usage_seconds_total", "", usage.usage, cpu=True),
            *_family("node_memory_working_set_bytes", "gauge", "Current working set of the node in bytes"),
            _sample("node_memory_working_set_bytes", "", usage.usage, cpu=False),
        ]
    return "\n".join(lines) + "\n"


def _family(name: str, kind: str, text: str) -> Iterator[str]:
    yield f"# HELP {name} [STABLE] {text}"
    yield f"# TYPE {name} {kind}"


def _samples(usage: NodeUsage, name: str, *, cpu: bool) -> Iterator[str]:
    for pod in usage.pods:
        for each in pod.containers:
            if each.usage is not None:
                labels = f'{{container="{each.name}",namespace="{pod.namespace}",pod="{pod.name}"}}'
                yield _sample(name, labels, each.usage, cpu=cpu)


def _sample(name: str, labels: str, usage: Usage, *, cpu: bool) -> str:
    value = usage.cpu_nanoseconds / NANOSECONDS if cpu else usage.working_set_bytes
    return f"{name}{labels} {value} {int(usage.at * 1000)}"
