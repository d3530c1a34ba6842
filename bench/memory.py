"""What an idle cluster of one node costs: memory and processor time of server and agent after ``k3py up``.

``python bench/memory.py [--seconds 30] [--settle 10]`` prints JSON. Memory is PSS (proportional set size) at the end of
the window, processor time that of all threads within it. PSS shares the pages of programs and libraries among all who
use them, other Python programs too; RSS counts them in full and is the bound from above. No peer is
measured: K3s and k0s are no packages of Debian.
"""

import argparse
import json
import time

from measure import Row, cpu_seconds, host, memory_mb, row
from one_cluster import one_cluster

MEMORY_TARGETS_MB = {"server": 120, "agent": 70}
SHARE_TARGET_PERCENT = 1.0
NO_PEER = "none: K3s and k0s are no packages of Debian"


def idle(seconds: float, settle: float) -> list[Row]:
    """Measure one cluster without pods."""
    with one_cluster() as cluster:
        cluster.up()
        time.sleep(settle)
        pids = {daemon: cluster.pid(daemon) for daemon in MEMORY_TARGETS_MB}
        before = {daemon: cpu_seconds(pid) for daemon, pid in pids.items()}
        begin = time.perf_counter()
        time.sleep(seconds)
        taken = time.perf_counter() - begin
        rows = []
        load = f"idle for {seconds:.0f} s, no pods"
        for daemon, pid in pids.items():
            percent = (cpu_seconds(pid) - before[daemon]) / taken * 100
            pss, rss = memory_mb(pid, "Pss"), memory_mb(pid, "Rss")
            name, target = f"memory of the {daemon} (PSS)", MEMORY_TARGETS_MB[daemon]
            rows.append(row(name, "MB", pss, load=load, target=target, rss_mb=rss))
            rows.append(row(f"{daemon}'s share of a core", "%", percent, load=load, target=SHARE_TARGET_PERCENT))
        return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--settle", type=float, default=10, help="seconds between Ready and the window")
    options = parser.parse_args()
    facts = host()
    rows = idle(options.seconds, options.settle)
    print(
        json.dumps(
            {"benchmark": "memory", "host": facts, "peer": "none: K3s and k0s are no packages of Debian", "rows": rows},
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
