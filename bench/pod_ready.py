"""From binding to Running in a real cluster, beside the bare OCI runtime and ``podman run`` in the same run.

``python bench/pod_ready.py [--count 20]`` prints JSON. Pods on the pod network and on the host's take turns, one after
the other; their image is present. A client that watches the pods sees the moment at which ``spec.nodeName`` is set and
the one at which ``status.phase`` is Running. The peers' figures are those of ``pod_start.py``: until the container has
written its first byte.
"""

import argparse
import asyncio
import http.client
import json
import os
import random
import shutil
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pod_start
from http_client import Target
from measure import Row, host, row
from one_cluster import BUSYBOX, one_cluster

from k3py.base.clock import SystemClock
from k3py.runtime.cgroups import Cgroups, detect
from k3py.runtime.oci import open_host

PODS = "/api/v1/namespaces/default/pods"
TARGET_MS = 150
WATCH_SECONDS = 60


def pod(name: str, host_network: bool) -> dict[str, Any]:
    container = {"name": "main", "image": BUSYBOX, "command": ["sleep", "1000"]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"hostNetwork": host_network, "terminationGracePeriodSeconds": 0, "containers": [container]},
    }


def events(target: Target, version: str) -> Iterator[tuple[float, dict[str, Any]]]:
    """Watch events and when they came."""
    connection = http.client.HTTPSConnection(target.host, target.port, context=target.tls, timeout=WATCH_SECONDS)
    connection.request("GET", f"{PODS}?watch=true&resourceVersion={version}")
    answer = connection.getresponse()
    try:
        while line := answer.readline():
            yield time.perf_counter(), json.loads(line)
    finally:
        connection.close()


def start_one(
    target: Target, name: str, host_network: bool, seen: Iterator[tuple[float, dict[str, Any]]]
) -> tuple[float, float]:
    """Milliseconds from binding to Running, and from the request to Running; the pod is gone when this returns."""
    asked = time.perf_counter()
    target.call("POST", PODS, pod(name, host_network))
    bound = running = 0.0
    for moment, event in seen:
        found = event["object"]
        if found["metadata"]["name"] != name:
            continue
        if not bound and found["spec"].get("nodeName"):
            bound = moment
        if not running and found["status"]["phase"] == "Running":
            running = moment
            target.call("DELETE", f"{PODS}/{name}")
        if event["type"] == "DELETED":
            return (running - bound) * 1e3, (running - asked) * 1e3
    raise RuntimeError(f"the watch ended before pod {name} was gone")


def in_cluster(count: int) -> list[Row]:
    with one_cluster() as cluster:
        cluster.up()
        cluster.import_busybox()
        target = cluster.target()
        seen = events(target, target.call("GET", PODS)["metadata"]["resourceVersion"])
        taken: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
        for host_network in taken:
            start_one(target, f"warm-up-{host_network}".lower(), host_network, seen)
        for number in range(count):
            for host_network, found in taken.items():
                found.append(start_one(target, f"pod-{number}-{host_network}".lower(), host_network, seen))
    load = f"{count} pods, one after the other"
    names = ("binding to Running", TARGET_MS), ("request to Running, with scheduling", None)
    return [
        row(
            f"{name}, {'on the host network' if host_network else 'on the pod network'}",
            "ms",
            statistics.median(part),
            load=load,
            target=limit,
            p90_ms=sorted(part)[int(count * 0.9)],
        )
        for host_network, found in taken.items()
        for (name, limit), part in zip(names, zip(*found, strict=True), strict=True)
    ]


def peers(count: int) -> list[Row]:
    """The bare runtime and podman, as ``pod_start.py`` measures them; what is not installed is said so."""
    work = Path(f"/dev/shm/k3py-bench-{os.getpid()}")
    bench = pod_start.Bench(work)
    instance = f"k3py-bench-{os.getpid()}"
    load = f"{count} containers, one after the other"
    rows = []
    try:
        path = shutil.which("runc") or shutil.which("crun")
        if path is not None:
            runtime = open_host(work / "state", work / "run", SystemClock(), random.Random(), path)
            found = bench.measure(pod_start.bare(bench, runtime, instance), count)
            rows.append(row(f"bare {Path(path).name} run to the first byte", "ms", found["p50_ms"], load=load))
        if shutil.which("podman"):
            found = bench.measure(pod_start.podman(bench, instance), count)
            rows.append(row("podman run to the first byte", "ms", found["p50_ms"], load=load))
        else:
            rows.append({"name": "podman run", "missing": "podman is not installed"})
    finally:
        os.close(bench.reader)
        asyncio.run(Cgroups(detect()).clear(instance))
        pod_start.sweep(work)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20)
    count = parser.parse_args().count
    facts = host()
    print(json.dumps({"benchmark": "pod_ready", "host": facts, "rows": in_cluster(count) + peers(count)}, indent=1))


if __name__ == "__main__":
    main()
