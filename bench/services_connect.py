"""What connect() to a cluster address costs more than connect() to a pod's own, with 10,000 other services in the maps.

``python bench/services_connect.py [--rounds 15]`` prints JSON. Cases take turns; a figure is the mean of some hundred
connects, what a service costs more is the median of the rounds' differences, with their quartiles. The socket of a
datagram sends nothing when it connects, that of a stream two packets. After it a connection's packets meet nobody: they
carry the pod's own address. The cgroup, the maps and the pods are of a world of their own, that of the tests.
"""

import argparse
import json
import sys
import tempfile
from ipaddress import IPv4Address
from pathlib import Path
from statistics import median, quantiles

from measure import Row, host, row

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.vpc.bpf.kernel_objects import in_network_namespace
from tests.vpc.services.world import PORT, SERVICE_PORT, VIP, World, datagrams, ghost, service, world

# How many connects make one figure: a datagram socket's sends nothing, a stream's waits for two packets.
CONNECTS = {"SOCK_DGRAM": 3000, "SOCK_STREAM": 400}
OTHER_SERVICES = 10_000
TARGET_US = 10.0


def connect_cost(kind: str, rounds: int) -> dict[str, list[float]]:
    """Microseconds per connect() of a socket of that kind, ``rounds`` figures for each case, taken in turns."""
    figures: dict[str, list[float]] = {}

    def story(made: World) -> None:
        server, client = made.pod("10.42.0.20", serves="web"), made.pod("10.42.0.10")
        without = made.pod("10.42.0.11", member=False, below=False)
        others = [service([server], vip=str(IPv4Address("10.44.0.0") + each)) for each in range(OTHER_SERVICES)]
        made.serve(service([server], native=True), datagrams([server], native=True), *others)
        cases = {
            "pod, without programs": (without, server.ipv4, PORT),
            "pod": (client, server.ipv4, PORT),
            "service": (client, VIP, SERVICE_PORT),
            "native pod, without programs": (without, ghost(server.ipv4), PORT),
            "native service": (client, ghost(VIP), SERVICE_PORT),
        }
        for _ in range(rounds):
            for name, (pod, address, port) in cases.items():
                seconds = pod.does(f"connect_seconds({kind}, '{address}', {port}, {CONNECTS[kind]})")
                figures.setdefault(name, []).append(seconds * 1_000_000)

    def inside() -> None:
        with tempfile.TemporaryDirectory() as folder, world(Path(folder)) as made:
            story(made)

    in_network_namespace(inside)
    return figures


def rows(kind: str, figures: dict[str, list[float]]) -> list[Row]:
    """What each case takes, and what a service or the programs cost more."""
    load = f"{kind}, {OTHER_SERVICES} other services, {CONNECTS[kind]} connects a round"
    found = [row(f"connect, {name}", "us", median(each), load=load) for name, each in figures.items()]
    for case, plain in (("service", "pod"), ("pod", "pod"), ("native service", "native pod")):
        pairs = zip(figures[case], figures[f"{plain}, without programs"], strict=True)
        low, middle, high = quantiles([ours - theirs for ours, theirs in pairs], n=4)
        quartiles = [round(low, 2), round(high, 2)]
        found.append(row(f"connect, {case}: more", "us", middle, load=load, target=TARGET_US, quartiles=quartiles))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    facts = host()
    found = [each for kind in CONNECTS for each in rows(kind, connect_cost(kind, options.rounds))]
    print(json.dumps({"benchmark": "services_connect", "host": facts, "rows": found}, indent=1))


if __name__ == "__main__":
    main()
