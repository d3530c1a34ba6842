"""What connect() to a service costs, beside connect() to a pod's own address without and with the programs."""

import sys
import tempfile
from ipaddress import IPv4Address
from pathlib import Path
from statistics import median, quantiles

from tests.vpc.bpf.kernel_objects import in_network_namespace
from tests.vpc.services.world import PORT, SERVICE_PORT, VIP, World, datagrams, ghost, service, world

# How many connects make one figure: a datagram socket's sends nothing, a stream's waits for two packets.
CONNECTS = {"SOCK_DGRAM": 3000, "SOCK_STREAM": 400}
OTHER_SERVICES = 10_000


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


def show(rounds: int) -> None:
    """Print medians, and the quartiles of what a service costs more than the pod without programs."""
    for kind in CONNECTS:
        figures = connect_cost(kind, rounds)
        print(kind, {name: f"{median(each):.2f} us" for name, each in figures.items()})
        for service_case, plain in (("service", "pod"), ("native service", "native pod")):
            pairs = zip(figures[service_case], figures[f"{plain}, without programs"], strict=True)
            print(f"  {service_case}: more by {[round(each, 2) for each in quantiles([a - b for a, b in pairs])]} us")


if __name__ == "__main__":
    show(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
