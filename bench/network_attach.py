"""What it takes to give a pod its network: requests at the VPC daemon's socket, beside a bare veth pair, same run.

``python bench/network_attach.py [--count 50] [--at-once 8]`` prints JSON. Each pod is a fresh network namespace. The
figures reach from the request to the answer: address and record kept, link made, programs verified and attached, pod's
end configured and up. The floor is a veth pair with an address, both ends up, made with the same netlink library.
"""

import argparse
import asyncio
import json
import statistics
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from measure import Row, cpu_seconds, host, row
from network_namespaces import Namespaces, namespaces, plain_pair
from one_cluster import Cluster, one_cluster

from k3py.client.vpc import VpcClient
from k3py.model.vpc_socket import AttachPodRequest, DetachPodRequest

TARGET_MS = 50.0
VPC = "default"
# A pod or two before it counts: the first block, caches.
WARM_UP = 3


async def attach(client: VpcClient, uid: str, namespace: Path) -> float:
    """Seconds that the request took."""
    begin = time.perf_counter()
    await client.attach_pod(AttachPodRequest(pod_uid=uid, vpc=VPC, netns=str(namespace), name=uid))
    return time.perf_counter() - begin


async def detach(client: VpcClient, uid: str) -> float:
    """Seconds that the request took."""
    begin = time.perf_counter()
    await client.detach_pod(DetachPodRequest(pod_uid=uid))
    return time.perf_counter() - begin


async def attach_all(client: VpcClient, made: Namespaces, count: int, at_once: int) -> list[str]:
    """Many pods, ``at_once`` of them side by side; their uids."""
    uids = [str(uuid.uuid4()) for _ in range(count)]
    room = asyncio.Semaphore(at_once)

    async def one(uid: str, namespace: Path) -> None:
        async with room:
            await attach(client, uid, namespace)

    await asyncio.gather(*(one(uid, made.make(uid)) for uid in uids))
    return uids


async def one_by_one(client: VpcClient, made: Namespaces, count: int) -> dict[str, list[float]]:
    """Seconds: ours and the floor take turns."""
    taken: dict[str, list[float]] = {"attach": [], "floor": [], "detach": []}
    uids = []
    for number in range(count):
        uids.append(str(uuid.uuid4()))
        taken["attach"].append(await attach(client, uids[-1], made.make(uids[-1])))
        plain = made.make(f"plain-{number}")
        begin = time.perf_counter()
        await asyncio.to_thread(plain_pair, f"k3bench{number}", plain, "192.0.2.1")
        taken["floor"].append(time.perf_counter() - begin)
        made.remove(plain)
    for uid in uids:
        taken["detach"].append(await detach(client, uid))
    return taken


def shown(name: str, seconds: Sequence[float], load: str, target: float | None = None) -> Row:
    """A row with percentiles in milliseconds."""
    ordered = sorted(each * 1e3 for each in seconds)
    at = {f"p{part}_ms": ordered[min(len(ordered) - 1, len(ordered) * part // 100)] for part in (90, 99)}
    return row(name, "ms", statistics.median(ordered), load=load, target=target, **at)


async def measure(cluster: Cluster, count: int, at_once: int) -> list[Row]:
    pid = cluster.pid("vpc")
    with namespaces() as made:
        async with VpcClient(cluster.paths.run / "vpc.sock") as client:
            await one_by_one(client, made, WARM_UP)
            before = cpu_seconds(pid)
            taken = await one_by_one(client, made, count)
            spent = (cpu_seconds(pid) - before) / count
            begin = time.perf_counter()
            uids = await attach_all(client, made, count, at_once)
            rate = count / (time.perf_counter() - begin)
            for uid in uids:
                await detach(client, uid)
    load = f"{count} pods, one after the other"
    floor = statistics.median(taken["floor"]) * 1e3
    rows = [
        shown("a pod's network, attached", taken["attach"], load, TARGET_MS),
        shown("a bare veth pair with an address, up", taken["floor"], load),
        shown("a pod's network, detached", taken["detach"], load),
        row("processor time of the VPC daemon for both", "ms", spent * 1e3, load=load),
        row("attached per second", "1/s", rate, load=f"{count} pods, {at_once} at once"),
    ]
    rows[0] |= {"peer": "a bare veth pair", "peer_value": round(floor, 2), "peer_how": "same run"}
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--at-once", type=int, default=8)
    options = parser.parse_args()
    facts = host()
    with one_cluster() as cluster:
        cluster.up()
        rows = asyncio.run(measure(cluster, options.count, options.at_once))
    print(json.dumps({"benchmark": "network_attach", "host": facts, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
