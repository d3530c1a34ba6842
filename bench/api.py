"""The API of one server process on one core, over TLS, with the administrator's client certificate.

``python bench/api.py [--seconds 4] [--only get,create] [--disk FOLDER] [--api-only] [--pods 5000]`` prints JSON.

The server (API, store, scheduler, controllers) has one core, the client another one. Each row has the processor time
that the server took per request too: what it says hardly changes when others use the machine, the rate does.
Its state is in SlateDB in a local folder: on tmpfs for all rows, for the durable writes also in a folder on a disk.
The peer is kube-apiserver 1.36 with etcd 3.6 on one core of this kind of machine; its figures were recorded once, not
in the same run. The floor of the same run for the HTTP side is ``bench/http_server.py``, for the store ``store.py``.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from http_client import Driven, Target, Watchers, drive
from measure import Row, cpu_seconds, file_system, host, memory_mb, peer, percentiles, row
from one_server import OneServer, one_server

NAMESPACE = "bench"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
PEER = "kube-apiserver 1.36 + etcd 3.6"
RECORDED = "recorded on one core of this kind of machine, not in this run"
SERVER_CORE = max(os.sched_getaffinity(0))
WATCH_SECONDS_MAX = 120
# As fast as answers come, but with several writers, as a cluster has.
WATCH_WRITERS = 16
APPLY = "application/apply-patch+yaml"


def pod(name: str, note: str = "bench") -> bytes:
    """A pod as clients send it, about 700 bytes; no scheduler feels responsible for it."""
    container = {
        "name": "main",
        "image": "registry.example/app:1.2.3",
        "command": ["/app", "--port=8080"],
        "env": [{"name": "MODE", "value": "bench"}],
        "ports": [{"containerPort": 8080, "name": "http"}],
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"cpu": "100m", "memory": "64Mi"}},
    }
    labels = {"app": "bench", "tier": "backend", "pod-template-hash": "5f6d7c8b9"}
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels, "annotations": {"example.com/note": note}},
        "spec": {
            "schedulerName": "nobody",
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "containers": [container],
        },
    }
    return json.dumps(body).encode()


def deployment(name: str, note: str) -> bytes:
    """A Deployment as ``kubectl apply --server-side`` sends it; it is paused, so that controllers leave it alone."""
    template = json.loads(pod(name, note))
    labels = {"app": name}
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
        "spec": {
            "replicas": 0,
            "paused": True,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels, "annotations": {"example.com/note": note}},
                "spec": {"containers": template["spec"]["containers"]},
            },
        },
    }
    return json.dumps(body).encode()


class Bench:
    """One server, and what is asked of it."""

    def __init__(self, server: OneServer, options: argparse.Namespace, where: str) -> None:
        self._server = server
        self._target: Target = server.target
        self._seconds: float = options.seconds
        self._options = options
        self._where = where
        self._serial = 0
        space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
        self._target.call("POST", "/api/v1/namespaces", space)

    def fill(self, count: int) -> None:
        """Make the pods that are read."""
        done = self._drive(16, lambda number: self._create(f"pod-{number:05d}"), count=count)
        if done.failures:
            raise RuntimeError(f"pods could not be created: {done.failures}")

    def _create(self, name: str) -> bytes:
        return self._target.request("POST", PODS, pod(name))

    def _drive(self, connections: int, make: Callable[[int], bytes], **limits: Any) -> Driven:
        return drive(self._target, connections, make, **limits)

    def _row(
        self, name: str, load: str, connections: int, make: Callable[[int], bytes],
        target: float | None = None, recorded: float | None = None,
    ) -> Row:  # fmt: skip
        self._drive(connections, make, seconds=self._seconds / 4)
        before = cpu_seconds(self._server.pid)
        with profiled(self._server.pid, self._options.profile, f"{name}, {load}", self._seconds):
            done = self._drive(connections, make, seconds=self._seconds)
        return self._rate_row(name, load, done, cpu_seconds(self._server.pid) - before, target, recorded)

    def _rate_row(
        self, name: str, load: str, done: Driven, cpu: float, target: float | None, recorded: float | None
    ) -> Row:
        rate = done.per_second
        return row(
            name, "1/s", rate, load=load, target=target, **percentiles(done.latencies),
            server_cpu_us_per_request=cpu / len(done.latencies) * 1e6,
            server_share_of_its_core=cpu / done.seconds,
            requests=len(done.latencies), failures=done.failures,
            **(peer(rate, recorded, PEER, RECORDED) if recorded else {}),
        )  # fmt: skip

    def get(self) -> Iterator[Row]:
        request = self._target.request("GET", f"{PODS}/pod-00007")
        yield self._row("GET of a pod", "1 connection", 1, lambda _: request)
        yield self._row("GET of a pod", "64 connections", 64, lambda _: request, 9_000, 2_840)

    def list(self) -> Iterator[Row]:
        count = self._options.pods
        request = self._target.request("GET", PODS)
        fit = count == 5_000
        yield self._row(f"LIST of {count} pods", "1 connection", 1, lambda _: request, *((20, 5) if fit else ()))
        once = self._unique(f"{PODS}/pod-00007")

        def mixed(number: int) -> bytes:
            return once(number) if number % 2 else request

        found = self._row(f"LIST of {count} pods, each after a write", "1 connection", 1, mixed)
        yield found | {"ours": found["ours"] / 2, "unit": "1/s"}

    def _unique(self, path: str) -> Callable[[int], bytes]:
        name = path.rpartition("/")[2]

        def make(number: int) -> bytes:
            self._serial += 1
            return self._target.request("PUT", path, pod(name, f"update {self._serial}"))

        return make

    def create(self) -> Iterator[Row]:
        for writers, target, recorded in ((1, 300, None), (64, 2_700, 872)):

            def make(_: int, writers: int = writers) -> bytes:
                self._serial += 1
                return self._create(f"new-{writers}-{self._serial:06d}")

            plural = "writer" if writers == 1 else "writers"
            name = f"durable create of a pod, store on {self._where}"
            yield self._row(name, f"{writers} {plural}", writers, make, target, recorded)
        self._delete_all()

    def update(self) -> Iterator[Row]:
        writers = 64
        for number in range(4 * writers):
            self._target.call("POST", PODS, json.loads(pod(f"changed-{number}")), ok=(201, 409))

        def make(number: int) -> bytes:
            self._serial += 1
            name = f"changed-{number % (4 * writers)}"
            return self._target.request("PUT", f"{PODS}/{name}", pod(name, f"update {self._serial}"))

        name = f"durable update of a pod (PUT), store on {self._where}"
        yield self._row(name, f"{writers} writers", writers, make)

    def apply(self) -> Iterator[Row]:
        appliers = 16
        path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"

        def make(number: int) -> bytes:
            self._serial += 1
            name = f"applied-{number % appliers}"
            body = deployment(name, f"apply {self._serial}")
            return self._target.request("PATCH", f"{path}/{name}?fieldManager=bench", body, APPLY)

        name = f"server-side apply of an existing Deployment, store on {self._where}"
        yield self._row(name, f"{appliers} writers", appliers, make, 500)

    def watch(self) -> Iterator[Row]:
        watchers, changes = self._options.watchers, self._options.changes
        version = self._target.call("GET", f"{PODS}?limit=1")["metadata"]["resourceVersion"]
        watching = Watchers(self._target, f"{PODS}?watch=true&resourceVersion={version}", watchers)
        self._serial += 1
        serial = self._serial
        try:
            time.sleep(1)  # until the last request has arrived: it is not part of what is measured
            before, begin = cpu_seconds(self._server.pid), time.perf_counter()
            writing = threading.Thread(
                target=self._drive,
                args=(WATCH_WRITERS, lambda number: self._create(f"watched-{serial}-{number:06d}")),
                kwargs={"count": changes},
            )
            writing.start()
            whole = watching.until(watchers * changes, WATCH_SECONDS_MAX)
            seconds = time.perf_counter() - begin
            cpu = cpu_seconds(self._server.pid) - before
            writing.join()
        finally:
            watching.close()
        rate = watching.seen / seconds
        load = f"{watchers} watchers, {changes} creates by {WATCH_WRITERS} writers"
        yield row(
            "events to watchers", "1/s", rate, load=load, target=32_000, complete=whole, seconds=seconds,
            server_cpu_us_per_event=cpu / watching.seen * 1e6,
            server_share_of_its_core=cpu / seconds, **peer(rate, 32_200, PEER, RECORDED),
        )  # fmt: skip

    def _delete_all(self) -> None:
        self._target.call("DELETE", f"{PODS}?labelSelector=app%3Dbench&gracePeriodSeconds=0")

    def memory(self) -> Row:
        return row("PSS of the server after all this", "MB", memory_mb(self._server.pid, "Pss"), load="idle")


@contextmanager
def profiled(pid: int, folder: Path | None, name: str, seconds: float) -> Iterator[None]:
    """Write a raw profile (collapsed stacks) of the server while the block runs; it costs the figures a little."""
    if folder is None:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / (re.sub(r"[^a-z0-9]+", "-", name.lower()) + ".txt")
    spy = [
        str(Path(sys.executable).with_name("py-spy")),
        "record",
        "--pid",
        str(pid),
        "--format",
        "raw",
        "--nonblocking",
    ]
    spy += ["--duration", str(max(1, int(seconds))), "--rate", "200", "--output", str(file)]
    with subprocess.Popen(spy, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
        yield


READS = ("get", "list", "watch")
WRITES = ("create", "update", "apply")


@contextmanager
def folder_in(parent: Path) -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="k3py-bench-", dir=parent))
    try:
        yield made
    finally:
        shutil.rmtree(made)


def measure_in(parent: Path, tests: list[str], options: argparse.Namespace, say: Callable[[Row], None]) -> list[Row]:
    rows: list[Row] = []

    def add(each: Row) -> None:
        rows.append(each)
        say(each)

    with folder_in(parent) as store, one_server(store, SERVER_CORE, options.api_only) as server:
        kind = file_system(store)
        if kind != "tmpfs":
            kind += " (not safe against a power cut)" if "power" in server.warnings else " (safe against a power cut)"
        bench = Bench(server, options, kind)
        if set(tests) & set(READS):
            bench.fill(options.pods)
        for test in tests:
            for each in getattr(bench, test)():
                add(each)
        add(bench.memory())
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4, help="of each measurement")
    parser.add_argument("--only", default=",".join((*READS, *WRITES)), help="which rows")
    parser.add_argument("--disk", type=Path, default=Path("/var/tmp"), help="a folder on a disk, for durable writes")
    parser.add_argument("--api-only", action="store_true", help="without scheduler and controllers, as the peer ran")
    parser.add_argument("--profile", type=Path, help="write py-spy's raw profile of the server here, one file a row")
    parser.add_argument("--pods", type=int, default=5_000)
    parser.add_argument("--watchers", type=int, default=1_000)
    parser.add_argument("--changes", type=int, default=100)
    options = parser.parse_args()
    tests = [each for each in (*READS, *WRITES) if each in options.only.split(",")]
    facts = host()
    cores = os.sched_getaffinity(0)
    if len(cores) > 1:
        os.sched_setaffinity(0, cores - {SERVER_CORE})

    def say(each: Row) -> None:
        print(each["name"], each["load"], each["ours"], each["unit"], file=sys.stderr, flush=True)

    rows = measure_in(Path("/dev/shm"), tests, options, say)
    writes = [each for each in tests if each in WRITES]
    if writes and file_system(options.disk) != "tmpfs":
        rows += measure_in(options.disk, writes, options, say)
    result = {
        "benchmark": "api",
        "host": facts,
        "server": "one core, TLS, client certificate" + (", API only" if options.api_only else ", with controllers"),
        "rows": rows,
        "load_average_after": os.getloadavg()[0],
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
