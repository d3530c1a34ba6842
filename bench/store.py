"""The store against a floor that does less: SQLite in WAL mode with the same group commit, in the same run.

``python bench/store.py [--folder DIR] [--seconds 3] [--records 50000]`` prints JSON: rows of ours, floor and ratio.
Two pairs, as a folder can be opened in two ways: safe against ``kill -9`` (nothing is synced; SQLite with
``synchronous=OFF``) and safe against a power cut (``chattr +S +D``; SQLite with ``synchronous=FULL``). The store
does more per write than the floor: it decides, counts revisions, keeps a durable tail of changes and tells watchers.
"""

import argparse
import asyncio
import gc
import json
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from k3py.base.clock import SystemClock
from k3py.store.blobs import FolderBlobs, current_database
from k3py.store.collections import Collection
from k3py.store.folder import make_power_safe
from k3py.store.records import Encoded
from k3py.store.slate import Target
from k3py.store.slate_log import SlateLog
from k3py.store.store import Store

BODY = b'{"metadata":{"name":"x","resourceVersion":"%d"},"spec":"' + b"x" * 1_240 + b'"}'
PODS = Collection("pods")


def encode(name: str) -> Callable[[int], Encoded]:
    return lambda revision: Encoded(
        BODY % revision, f"00000000-0000-4000-8000-{name:0>12}", {"app": "web"}, ("node-1", "Running")
    )


def resident_mb() -> float:
    """Resident memory of this process now."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


async def opened(folder: Path) -> Store:
    database = await current_database(FolderBlobs(folder))
    target = Target("file:///", str(folder / database).lstrip("/"), {}, remote=False)
    store = Store(SlateLog(target), [PODS], SystemClock(), on_fatal=sys.exit)
    await store.open()
    return store


async def creates(folder: Path, writers: int, seconds: float) -> dict[str, float]:
    """Durable creates per second, and how long one takes."""
    store = await opened(folder)
    latencies: list[float] = []
    end = time.perf_counter() + seconds

    async def writer(number: int) -> None:
        step = 0
        while (begin := time.perf_counter()) < end:
            name = f"{writers}-{number}-{step}"
            await store.create("pods", f"namespace-{number % 10}", name, encode(name))
            latencies.append(time.perf_counter() - begin)
            step += 1

    processor, begin = time.process_time(), time.perf_counter()
    await asyncio.gather(*map(writer, range(writers)))
    took, processor = time.perf_counter() - begin, time.process_time() - processor
    await store.close()
    latencies.sort()
    return {
        "per_second": len(latencies) / took,
        "p50_ms": latencies[len(latencies) // 2] * 1e3,
        "p99_ms": latencies[int(len(latencies) * 0.99)] * 1e3,
        "processor_us_each": processor / len(latencies) * 1e6,
    }


def sqlite_creates(folder: Path, batch: int, synchronous: str, seconds: float) -> float:
    """Rows per second in transactions of ``batch`` rows."""
    database = sqlite3.connect(folder / f"floor-{batch}.sqlite", isolation_level=None)
    database.execute("pragma journal_mode=wal")
    database.execute(f"pragma synchronous={synchronous}")
    database.execute("create table records (key text primary key, revision integer, value blob)")
    revision, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < seconds:
        rows = [(f"/registry/pods/x/{revision + i}", revision + i, BODY % (revision + i)) for i in range(batch)]
        database.execute("begin immediate")
        database.executemany("insert into records values (?, ?, ?)", rows)
        database.execute("commit")
        revision += batch
    took = time.perf_counter() - begin
    database.close()
    return revision / took


async def fill(folder: Path, records: int) -> None:
    store = await opened(folder)

    async def writer(number: int) -> None:
        for step in range(records // 100):
            name = f"{number}-{step}"
            await store.create("pods", f"namespace-{number % 10}", name, encode(name))

    await asyncio.gather(*map(writer, range(100)))
    await store.close()


async def read(folder: Path, empty: Path) -> dict[str, float]:
    """In a fresh process: opening, memory, gets, lists, and watches."""
    none = await opened(empty)
    gc.collect()
    before = resident_mb()
    await none.close()
    begin = time.perf_counter()
    store = await opened(folder)
    open_seconds = time.perf_counter() - begin
    gc.collect()
    after = resident_mb()
    listing = store.list("pods", None)
    names = [(record.namespace, record.name) for record in listing[:10_000]]
    begin = time.perf_counter()
    for namespace, name in names:
        store.get("pods", namespace, name)
    gets = len(names) / (time.perf_counter() - begin)
    begin = time.perf_counter()
    for step in range(5):
        await store.create("pods", "namespace-0", f"new-{step}", encode(f"new-{step}"))
        b",".join([record.raw for record in store.list("pods", None)])
    lists = 5 / (time.perf_counter() - begin)
    result = {
        "records": float(len(listing)),
        "open_seconds": open_seconds,
        "memory_mb": after - before,
        "gets_per_second": gets,
        "changed_lists_per_second": lists,
        "watch_events_per_second": await watch(store, 1_000, 200),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    await store.close()
    return result


async def watch(store: Store, watchers: int, changes: int) -> float:
    """Events per second told to watchers who take a batch's joined frames."""
    told = [0]

    def deliver(batch: Any) -> None:
        batch.joined()
        told[0] += len(batch)

    for _ in range(watchers):
        store.watch("pods", None, None, deliver)
    begin = time.perf_counter()
    await asyncio.gather(*(store.create("pods", "watched", f"w-{i}", encode(f"w-{i}")) for i in range(changes)))
    return told[0] / (time.perf_counter() - begin)


def row(name: str, unit: str, ours: float, floor: float | None = None, **more: float) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name, "unit": unit, "ours": round(ours, 1)}
    if floor is not None:
        found |= {"floor": round(floor, 1), "ratio": round(ours / floor, 2)}
    return found | {key: round(value, 3) for key, value in more.items()}


def write_rows(base: Path, seconds: float) -> list[dict[str, Any]]:
    rows = []
    for safe in (False, True):
        for writers in (1, 64):
            folder = base / f"safe-{safe}-{writers}"
            folder.mkdir()
            if safe and (warning := make_power_safe(folder)) is not None:
                print(f"left out: {warning}", file=sys.stderr)
                return rows
            measured = asyncio.run(creates(folder, writers, seconds))
            plain = base / f"floor-{safe}-{writers}"
            plain.mkdir()
            floor = sqlite_creates(plain, writers, "full" if safe else "off", seconds)
            against = "a power cut" if safe else "kill -9"
            rate = measured.pop("per_second")
            rows.append(row(f"creates safe against {against}, {writers} writers", "1/s", rate, floor, **measured))
            shutil.rmtree(folder)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=None, help="where to write (default: the temporary folder)")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--records", type=int, default=50_000)
    parser.add_argument("--read", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        print(json.dumps(asyncio.run(read(*options.read))))
        return
    base = Path(tempfile.mkdtemp(prefix="k3py-bench-", dir=options.folder))
    try:
        rows = write_rows(base, options.seconds)
        full, empty = base / "full", base / "empty"
        full.mkdir()
        empty.mkdir()
        asyncio.run(fill(full, options.records))
        command = [sys.executable, __file__, "--read", str(full), str(empty)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        records = found.pop("records")
        rows += [row(f"{name}, {records:.0f} records of 1.3 KB", "", value) for name, value in found.items()]
        print(json.dumps({"benchmark": "store", "rows": rows}, indent=1))
    finally:
        shutil.rmtree(base)


if __name__ == "__main__":
    main()
