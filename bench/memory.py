"""What an idle cluster of one node costs: memory and processor time of its daemons after ``k3py up``.

``python bench/memory.py [--seconds 30] [--settle 10] [--pods 500]`` prints JSON. The VPC daemon is measured once more
when it has attached ``--pods`` network namespaces, since it works for each of them; 0 leaves that out. Memory is PSS
(proportional set size) at the end of the window, processor time that of all threads within it. PSS shares the pages of
programs and libraries among all who use them, other Python programs too; RSS counts them in full and is the bound from
above. No peer is measured: K3s and k0s are no packages of Debian.
"""

import argparse
import asyncio
import json
import time

from measure import Row, cpu_seconds, host, memory_mb, row
from network_attach import attach_all
from network_namespaces import Namespaces, namespaces
from one_cluster import Cluster, one_cluster

from k3py.client.vpc import VpcClient

MEMORY_TARGETS_MB = {"server": 120, "agent": 70, "vpc": 60}
WITH_PODS_TARGET_MB = 90
TITLES = {"server": "server", "agent": "agent", "vpc": "VPC daemon"}
AT_ONCE = 8
SHARE_TARGET_PERCENT = 1.0
NO_PEER = "none: K3s and k0s are no packages of Debian"


def idle(seconds: float, settle: float, pods: int) -> list[Row]:
    """Measure one cluster without pods, then its VPC daemon with some."""
    with one_cluster() as cluster:
        cluster.up()
        time.sleep(settle)
        rows = window(cluster, seconds, f"idle for {seconds:.0f} s, no pods", MEMORY_TARGETS_MB)
        if pods:
            with namespaces() as made:
                asyncio.run(attach(cluster, made, pods))
                time.sleep(settle)
                load = f"idle for {seconds:.0f} s, {pods} pods"
                rows += window(cluster, seconds, load, {"vpc": WITH_PODS_TARGET_MB})
        return rows


async def attach(cluster: Cluster, made: Namespaces, pods: int) -> None:
    async with VpcClient(cluster.paths.run / "vpc.sock") as client:
        await attach_all(client, made, pods, AT_ONCE)


def window(cluster: Cluster, seconds: float, load: str, targets: dict[str, int]) -> list[Row]:
    """Memory and processor time of some daemons."""
    pids = {daemon: cluster.pid(daemon) for daemon in targets}
    before = {daemon: cpu_seconds(pid) for daemon, pid in pids.items()}
    begin = time.perf_counter()
    time.sleep(seconds)
    taken = time.perf_counter() - begin
    rows = []
    for daemon, pid in pids.items():
        percent = (cpu_seconds(pid) - before[daemon]) / taken * 100
        pss, rss = memory_mb(pid, "Pss"), memory_mb(pid, "Rss")
        name, target = f"memory of the {TITLES[daemon]} (PSS)", targets[daemon]
        rows.append(row(name, "MB", pss, load=load, target=target, rss_mb=rss))
        rows.append(row(f"{TITLES[daemon]}'s share of a core", "%", percent, load=load, target=SHARE_TARGET_PERCENT))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--settle", type=float, default=10, help="seconds between Ready and the window")
    parser.add_argument("--pods", type=int, default=500)
    options = parser.parse_args()
    facts = host()
    rows = idle(options.seconds, options.settle, options.pods)
    print(
        json.dumps(
            {"benchmark": "memory", "host": facts, "peer": NO_PEER, "rows": rows},
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
