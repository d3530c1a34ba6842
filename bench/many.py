"""A server with very many pods: its memory, and how long it takes to start again.

``python bench/many.py [--pods 50000]`` prints JSON. The store is SlateDB in a folder on tmpfs; the server has one core.
The floor of the same run is the same server without any pod. Once the API and the store alone, as kube-apiserver is
alone, and once with scheduler and controllers, which keep decoded pods.
"""

import argparse
import json
import os
from pathlib import Path

from api import NAMESPACE, SERVER_CORE, Bench, folder_in
from measure import Row, host, memory_mb, row
from one_server import one_server

MEMORY_MB_MAX = 300
START_SECONDS_MAX = 3


def measure(options: argparse.Namespace, *, api_only: bool) -> list[Row]:
    load = f"{options.pods} pods, " + ("API and store alone" if api_only else "with scheduler and controllers")
    with folder_in(Path("/dev/shm")) as folder:
        store, root = folder / "store", folder / "root"
        root.mkdir()
        with one_server(store, SERVER_CORE, api_only, root) as server:
            empty = memory_mb(server.pid, "Pss")
            Bench(server, options, "tmpfs").fill(options.pods)
            grown = memory_mb(server.pid, "Pss")
        with one_server(store, SERVER_CORE, api_only, root) as server:
            counted = server.target.call("GET", f"/api/v1/namespaces/{NAMESPACE}/pods?limit=1")
            there = 1 + counted["metadata"]["remainingItemCount"]
            if there != options.pods:
                raise RuntimeError(f"{there} of {options.pods} pods are there after the restart")
            again = memory_mb(server.pid, "Pss")
            seconds = server.start_seconds
    return [
        row("PSS of the server that made them", "MB", grown, load=load, target=MEMORY_MB_MAX, floor=empty),
        row("PSS of the server after a restart", "MB", again, load=load, target=MEMORY_MB_MAX, floor=empty),
        row("from the start to serving", "s", seconds, load=load, target=START_SECONDS_MAX),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pods", type=int, default=50_000)
    options = parser.parse_args()
    options.seconds, options.profile = 1.0, None
    facts = host()
    cores = os.sched_getaffinity(0)
    if len(cores) > 1:
        os.sched_setaffinity(0, cores - {SERVER_CORE})
    rows = measure(options, api_only=True) + measure(options, api_only=False)
    print(
        json.dumps(
            {"benchmark": "many", "host": facts, "rows": rows, "load_average_after": os.getloadavg()[0]}, indent=1
        )
    )


if __name__ == "__main__":
    main()
