"""How long packets may be: whatever the length, they arrive, or their sender is told. UDP data sizes around bounds."""

import socket
from contextlib import closing
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from k3py.model.ghost import Ghost
from k3py.vpc.kernel import layout, namespaces
from k3py.vpc.wanted import HOST_IPV4, PodNetwork
from tests.vpc.kernel.machine import (
    CLUSTER,
    CONFIG,
    OUTSIDE,
    TIMEOUT_SECONDS,
    Machine,
    ghost,
    listener_in,
    node_pod,
    on_a_machine,
    run,
    wanted,
)  # fmt: skip

POD_MTU, POD_END_MTU = 1472, 1480
IPV4_UDP, IPV6_UDP = 28, 48
# Longer than any interface's MTU: several fragments.
LONG = 20_000
# Pods may send to ports of the host that nobody chose, and to its DNS.
PORT, OTHER_PORT, DNS_PORT = 50_000, 50_001, 53
IP_MTU_DISCOVER, IP_MTU = 10, 14
NEVER, ALWAYS = 0, 2


def around(bound: int) -> list[int]:
    """Sizes up to and beyond the longest that goes in one piece."""
    return [1, *range(bound - 1, bound + 31), LONG]


def datagrams(path: str, address: str, port: int) -> socket.socket:
    """A UDP socket of a namespace (empty: this one)."""

    def make() -> socket.socket:
        made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        made.bind((address, port))
        made.settimeout(TIMEOUT_SECONDS)
        return made

    return namespaces.inside(Path(path), make) if path else make()


def there_and_back(near: socket.socket, far: socket.socket, target: str, sizes: list[int], port: int = PORT) -> None:
    """Each size arrives as it was sent, in both directions."""
    for size in sizes:
        sent = bytes(each % 251 for each in range(size))
        near.sendto(sent, (target, port))
        received, sender = far.recvfrom(LONG + 1)
        assert received == sent, size
        far.sendto(received, sender)
        assert near.recv(LONG + 1) == sent


def test_the_host_and_a_translated_socket(tmp_path):
    """IPv6 as long as the underlay allows has 1452 bytes of data and fits, 20 bytes shorter, the pod's end."""

    async def story(machine: Machine) -> None:
        pod = machine.pod("pod", "10.42.0.3")
        assert await machine.node.converge(wanted(node_pod(), pod)) == {}
        own = str(Ghost(CLUSTER, 0, HOST_IPV4).address)
        with closing(datagrams("", own, OTHER_PORT)) as near, closing(datagrams(pod.netns, "0.0.0.0", PORT)) as far:
            there_and_back(near, far, ghost(pod), around(CONFIG.mtu - IPV6_UDP))
        with closing(datagrams("", own, PORT)) as far, closing(datagrams(pod.netns, "0.0.0.0", OTHER_PORT)) as near:
            there_and_back(near, far, str(HOST_IPV4), around(POD_MTU - IPV4_UDP))

    on_a_machine(tmp_path, story)


def test_the_host_and_a_native_socket(tmp_path):
    """DNS answers native sockets from the host: 1424 bytes of data in one piece."""

    async def story(machine: Machine) -> None:
        pod = machine.pod("pod", "10.42.0.3")
        now = wanted(node_pod(), pod)
        assert await machine.node.converge(now) == {}
        dns = str(Ghost(CLUSTER, 0, now.dns, native=True).address)
        with closing(datagrams("", dns, DNS_PORT)) as near, closing(datagrams(pod.netns, "::", PORT)) as far:
            there_and_back(near, far, ghost(pod, native=True), around(POD_MTU - IPV6_UDP))
        with closing(datagrams("", dns, DNS_PORT)) as far, closing(datagrams(pod.netns, "::", OTHER_PORT)) as near:
            there_and_back(near, far, dns, around(POD_MTU - IPV6_UDP), DNS_PORT)

    on_a_machine(tmp_path, story)


def test_the_host_as_a_pod(tmp_path):
    async def story(machine: Machine) -> None:
        pod = machine.pod("pod", "10.42.0.3")
        assert await machine.node.converge(wanted(node_pod(), pod)) == {}
        with (
            closing(datagrams("", "0.0.0.0", OTHER_PORT)) as near,
            closing(datagrams(pod.netns, "0.0.0.0", PORT)) as far,
        ):
            there_and_back(near, far, "10.42.0.3", around(POD_MTU - IPV4_UDP))

    on_a_machine(tmp_path, story)


# What goes in one piece from the outside to a pod: native sockets' becomes IPv6, with a fragment header if need be.
OUTSIDE_MTU = {False: POD_MTU, True: POD_END_MTU - layout.TRANSLATION_BYTES}


@pytest.mark.parametrize("native", [False, True], ids=["IPv4", "native"])
def test_the_outside_fragments_for_a_pod(tmp_path, native):
    async def story(machine: Machine) -> None:
        outside = machine.outside()
        pod = machine.pod("pod", "10.42.0.3")
        assert await machine.node.converge(wanted(node_pod(), pod)) == {}
        near, target = asking(pod, native)
        with closing(near), closing(datagrams(str(outside), OUTSIDE, PORT)) as far:
            far.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, NEVER)
            there_and_back(near, far, target, around(OUTSIDE_MTU[native] - IPV4_UDP))

    on_a_machine(tmp_path, story)


@pytest.mark.parametrize("native", [False, True], ids=["IPv4", "native"])
def test_who_must_not_fragment_is_told(tmp_path, native):
    async def story(machine: Machine) -> None:
        outside = machine.outside()
        pod = machine.pod("pod", "10.42.0.3")
        assert await machine.node.converge(wanted(node_pod(), pod)) == {}
        near, target = asking(pod, native)
        with closing(near), closing(datagrams(str(outside), OUTSIDE, PORT)) as far:
            near.sendto(b"here I am", (target, PORT))
            far.connect(far.recvfrom(100)[1])
            far.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, ALWAYS)
            fits = OUTSIDE_MTU[native] - IPV4_UDP
            far.send(bytes(fits))
            assert len(near.recv(LONG)) == fits
            far.send(bytes(fits + 1))
            with pytest.raises(OSError, match="Message too long"):
                far.recv(1)
            assert far.getsockopt(socket.IPPROTO_IP, IP_MTU) == OUTSIDE_MTU[native]

    on_a_machine(tmp_path, story)


@pytest.mark.parametrize("native", [False, True], ids=["IPv4", "native"])
def test_tcp_from_the_outside_never_has_to_learn(tmp_path, native):
    """Many never hear the ICMP errors that they would learn by, so full segments fit from the first on."""

    async def story(machine: Machine) -> None:
        outside = machine.outside()
        pod = machine.pod("pod", "10.42.0.3")
        assert await machine.node.converge(wanted(node_pod(), pod)) == {}
        target = nat64(OUTSIDE) if native else OUTSIDE

        def connect() -> socket.socket:
            return socket.create_connection((target, 80), timeout=TIMEOUT_SECONDS)

        with listener_in(str(outside), 80) as listener, namespaces.inside(Path(pod.netns), connect) as client:
            server, _ = listener.accept()
            with server:
                server.settimeout(TIMEOUT_SECONDS)
                server.sendall(bytes(100_000))
                received = 0
                while received < 100_000:
                    received += len(client.recv(65_536))
                longest = server.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
                assert OUTSIDE_MTU[native] - 60 < longest <= OUTSIDE_MTU[native] - 40
        told = namespaces.inside(outside, lambda: run("ip", "route", "get", "192.0.2.1"))
        assert "mtu" not in told

    on_a_machine(tmp_path, story)


def asking(pod: PodNetwork, native: bool) -> tuple[socket.socket, str]:
    """A socket of the pod, and what it calls the host outside."""
    return datagrams(pod.netns, "::" if native else "0.0.0.0", OTHER_PORT), nat64(OUTSIDE) if native else OUTSIDE


def nat64(address: str) -> str:
    """How native sockets write an IPv4 address of the outside."""
    return f"64:ff9b::{IPv4Address(address)}"


def test_the_bounds():
    assert layout.pod_mtu(CONFIG) == POD_MTU
    assert layout.pod_end_mtu(CONFIG) == POD_END_MTU
