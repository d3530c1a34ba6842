"""What a well-behaved client notices while another one misbehaves: the same GETs and durable writes on one connection,
without and with each attack, in turns in the same run, beside 50,000 objects; and what the attack costs in memory.

The server has one core. Client and attacker share the other; the attacker (SCHED_IDLE) gets what the client leaves.
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.synchronize import Event
from pathlib import Path

from abuse_attacks import ATTACKS, CONFIG_MAPS, NAMESPACE, Attack
from http_client import Connection, Target, drive
from measure import Row, cpu_seconds, host, memory_mb, percentiles, row
from one_server import OneServer, one_server

SERVER_CORE, CLIENT_CORE = 0, 1
WRITERS = 64
READY_SECONDS = 120
LOWEST_PRIORITY = 19
STOP_SECONDS = 30
TARGET_RATIO = 2.0
PEER = "the same client without the attack"


def config_map(name: str, said: str = "") -> bytes:
    """An object of about 1 kB with a label that one in a thousand has."""
    labels = {"app": "bench", "bucket": f"b{hash(name) % 1000}"}
    body = {"metadata": {"name": name, "labels": labels}, "data": {"text": "x" * 600, "said": said}}
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", **body}).encode()


class Client:
    """GET, durable write, GET, ... on one connection."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._serial = 0

    def measure(self, seconds: float) -> tuple[list[float], list[float]]:
        """Latencies in seconds of GETs and of writes."""
        gets: list[float] = []
        writes: list[float] = []
        with contextlib.closing(Connection(self._target)) as connection:
            end = time.perf_counter() + seconds
            while time.perf_counter() < end:
                gets.append(self._ask(connection, self._target.request("GET", f"{CONFIG_MAPS}/map-00007")))
                self._serial += 1
                body = config_map("written", f"{self._serial}")
                writes.append(self._ask(connection, self._target.request("PUT", f"{CONFIG_MAPS}/written", body)))
        return gets, writes

    @staticmethod
    def _ask(connection: Connection, request: bytes) -> float:
        connection.send(request)
        while not connection.read():
            pass
        if connection.status != 200:
            raise RuntimeError(f"{connection.status}: {connection.body[:300]!r}")
        return time.perf_counter() - connection.sent_at


@contextlib.contextmanager
def attacked(attack: Attack, target: Target) -> Iterator[None]:
    """While the block runs, the attack does, in a process of its own."""
    context = multiprocessing.get_context("fork")
    ready, stop = context.Event(), context.Event()
    process = context.Process(target=_attack, args=(attack, target, ready, stop))
    process.start()
    try:
        if not ready.wait(READY_SECONDS):
            raise RuntimeError(f"the attack '{attack.name}' did not begin")
        step_back(process.pid)
        yield
    finally:
        stop.set()
        process.join(STOP_SECONDS)
        if process.is_alive():
            process.kill()
            process.join()


def step_back(process: int | None) -> None:
    """Let all threads of a process run only when nobody else wants to."""
    for thread in os.listdir(f"/proc/{process}/task"):
        with contextlib.suppress(ProcessLookupError):
            os.sched_setscheduler(int(thread), os.SCHED_IDLE, os.sched_param(0))


def _attack(attack: Attack, target: Target, ready: Event, stop: Event) -> None:
    os.nice(LOWEST_PRIORITY)
    attack.run(target, ready, stop)


def measured(attack: Attack, server: OneServer, seconds: float, settle: float) -> Row:
    """One attack's row."""
    client = Client(server.target)
    client.measure(0.5)
    gets, writes = client.measure(seconds)
    before = memory_mb(server.pid, "Rss")
    with attacked(attack, server.target):
        time.sleep(settle)
        cpu, begin = cpu_seconds(server.pid), time.perf_counter()
        gets_with, writes_with = client.measure(seconds)
        share = (cpu_seconds(server.pid) - cpu) / (time.perf_counter() - begin)
        during = memory_mb(server.pid, "Rss")
    time.sleep(settle)
    alone = {"get": percentiles(gets), "write": percentiles(writes)}
    beside = {"get": percentiles(gets_with), "write": percentiles(writes_with)}
    ratios = {what: beside[what]["p99_ms"] / alone[what]["p99_ms"] for what in alone}
    return row(
        attack.name, "p99 with / without", max(ratios.values()), load=attack.load, target=TARGET_RATIO, peer=PEER,
        **{f"{what}_{key}_{when}": value
           for when, found in (("without", alone), ("with", beside))
           for what, values in found.items() for key, value in values.items()},
        memory_mb_before=before, memory_mb_during=during, memory_mb_after=memory_mb(server.pid, "Rss"),
        server_share_of_its_core=share, requests_with=len(gets_with) + len(writes_with),
    )  # fmt: skip


def fill(target: Target, count: int) -> None:
    """Make the objects that are listed."""
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    target.call("POST", "/api/v1/namespaces", space)
    target.call("POST", CONFIG_MAPS, json.loads(config_map("written")))
    done = drive(
        target, WRITERS, lambda n: target.request("POST", CONFIG_MAPS, config_map(f"map-{n:05d}")), count=count
    )
    if done.failures:
        raise RuntimeError(f"objects could not be created: {done.failures}")


def main() -> None:
    names = ", ".join(attack.name for attack in ATTACKS)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=50_000)
    parser.add_argument("--seconds", type=float, default=4.0, help="of measuring, each time [default: 4]")
    parser.add_argument("--settle", type=float, default=1.0, help="before and after an attack [default: 1]")
    parser.add_argument("--only", default="", metavar="NAMES", help=f"of {names} [default: all]")
    options = parser.parse_args()
    only = [name for name in options.only.split(",") if name]
    if unknown := sorted(set(only) - {attack.name for attack in ATTACKS}):
        parser.error(f"there is no attack {', '.join(unknown)}; there are {names}")
    os.sched_setaffinity(0, {CLIENT_CORE})
    rows = []
    with (
        tempfile.TemporaryDirectory(dir="/dev/shm") as folder,
        one_server(Path(folder) / "store", SERVER_CORE, api_only=True) as server,
    ):
        fill(server.target, options.objects)
        for attack in ATTACKS:
            if only and attack.name not in only:
                continue
            try:
                rows.append(measured(attack, server, options.seconds, options.settle))
            except (RuntimeError, OSError) as error:
                rows.append({"name": attack.name, "load": attack.load, "error": str(error)})
    print(json.dumps({"host": host(), "objects": options.objects, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
