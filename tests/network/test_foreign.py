"""What others own on the host stays as it is, to the byte, whatever we do."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from k3py.vpc.bpf.links import Link
from k3py.vpc.bpf.loader import Loaded, read_object
from k3py.vpc.bpf.object_file import AttachType
from k3py.vpc.wanted import HostPort, Protocol
from tests.network.bed import OUTSIDE, Bed, bed, in_namespace
from tests.vpc.kernel.machine import CONFIG, ghost, listener_in, ping, run, talk

# As Docker, firewalld, ufw and podman write them, and a table whose name resembles ours.
FOREIGN_RULES = """
table ip filter {
    chain DOCKER-USER { counter return; }
    chain DOCKER { ip daddr 172.17.0.2 tcp dport 80 accept; }
    chain FORWARD {
        type filter hook forward priority filter; policy drop;
        jump DOCKER-USER
        oifname "docker0" ct state related,established accept
        oifname "docker0" jump DOCKER
        iifname "docker0" oifname != "docker0" accept
    }
}
table ip nat {
    chain DOCKER { iifname != "docker0" tcp dport 8081 dnat to 172.17.0.2:80; }
    chain PREROUTING { type nat hook prerouting priority dstnat; policy accept; fib daddr type local jump DOCKER; }
    chain POSTROUTING { type nat hook postrouting priority srcnat; ip saddr 172.17.0.0/16 masquerade; }
}
table inet firewalld {
    set trusted { type ipv4_addr; flags interval; elements = { 192.0.2.0/24 } }
    chain filter_INPUT {
        type filter hook input priority filter + 10; policy accept;
        ct state { established, related } accept
        ip saddr @trusted accept
    }
}
table ip6 filter {
    chain FORWARD { type filter hook forward priority filter; policy accept; counter; }
}
table inet k3py-7e57ab1f {
    chain guard { type filter hook prerouting priority raw; ip daddr 100.64.64.0/18 accept; }
}
"""
OTHER_CLUSTER = "fd6b:3370:1000:dead:beef:0:a9fe:101"


def others() -> dict[str, str]:
    """Everything that is not ours, as the host's own tools list it; called in the node's namespace."""
    links = settled(run("ip", "-o", "link"))
    ours = f"group {CONFIG.group} ", f"group {CONFIG.group + 0x10000} "
    kept = [each for each in links.splitlines() if not any(mark in each for mark in ours)]
    names = [each.split(": ")[1].split("@")[0] for each in kept]
    tables = [each for each in run("nft", "list", "tables").splitlines() if not each.endswith(f" {CONFIG.table}")]
    routes = settled("".join(run("ip", version, "route", "show", "table", "all") for version in ("-4", "-6")))
    mine = f"metric {CONFIG.group}", "dev k7e57"
    addresses = [settled(run("ip", "-o", "addr", "show", "dev", name)) for name in names]
    return {
        "links": "\n".join(kept),
        "addresses": "\n".join(
            line for text in addresses for line in text.splitlines() if f"metric {CONFIG.group}" not in line
        ),
        "routes": "\n".join(
            sorted(each for each in routes.splitlines() if not any(mark in each for mark in (*mine, *LOCAL_ROUTES)))
        ),
        "rules": "\n".join(run("nft", "-s", "list", *each.split()) for each in tables),
        "filters": "\n".join(run("tc", "filter", "show", "dev", name, "ingress") for name in names),
    }


# The kernel writes these for addresses of ours on loopback, and for all networks as soon as it forwards.
LOCAL_ROUTES = ("anycast ", "fd6b:3370:1000:c0ff:ee11", "fd6b:3370:1001:c0ff:ee11")


def settings() -> dict[str, str]:
    """The sysctls of the calling thread's namespace that a node needs."""
    paths = ("ipv4/ip_forward", "ipv6/conf/all/forwarding", "ipv6/conf/up0/accept_ra", "ipv6/conf/lo/disable_ipv6")
    return {each: Path("/proc/sys/net", each).read_text() for each in paths}


def settled(listing: str) -> str:
    """Without what the kernel finds out by and by of the other ends of cables."""
    return re.sub(r"NO-CARRIER,|,LOWER_UP|,M-DOWN| tentative| state \w+| linkdown", "", listing)


def same(now: dict[str, str], before: dict[str, str]) -> None:
    """Line by line, so that a failure says which."""
    for each, text in before.items():
        changed = set(now[each].splitlines()) ^ set(text.splitlines())
        assert not changed, f"{each}: {changed}"


@contextmanager
def foreign_things(place: Bed) -> Iterator[list[Link]]:
    """A bridge with a container, addresses on loopback, routes, rules, and a program at a device."""
    rules = place.machine.folder / "rules"
    rules.write_text(FOREIGN_RULES)
    container = str(place.home.do(lambda: place.machine.namespace("container")))

    def make() -> Link:
        run("nft", "-f", rules)
        run("ip", "link", "add", "docker0", "group", 77, "type", "bridge")
        run("ip", "addr", "add", "172.17.0.1/16", "dev", "docker0")
        run("ip", "link", "set", "docker0", "up")
        run("ip", "link", "add", "k7e57dead", "type", "veth", "peer", "name", "eth0", "netns", container)
        run("ip", "link", "set", "k7e57dead", "master", "docker0", "up")
        for each in ("127.0.0.5/32", "203.0.113.5/32", f"{OTHER_CLUSTER}/128", "fd00:1::5/128"):
            run("ip", "addr", "add", each, "dev", "lo")
        run("ip", "route", "add", "10.99.0.0/16", "via", "192.0.2.254", "proto", 107, "metric", 42)
        run("ip", "-6", "route", "add", "unreachable", "fd6b:3370:1000:dead:beef::/80", "proto", 107, "metric", 42)
        return Link.to_interface(guard.programs["tap_guard"], _index("k7e57dead"), AttachType.TCX_INGRESS)

    with Loaded(read_object("tap_guard"), {"settings_constant": bytes(48)}, {}) as guard:
        link = place.home.do(make)
        try:
            yield [link]
        finally:
            link.close()


def _index(name: str) -> int:
    return int(run("ip", "-o", "link", "show", name).split(":")[0])


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Bed]:
    with bed(tmp_path, start=False) as made:
        yield made


def test_what_is_not_ours_stays_as_it_is(place):
    home, machine = place.home, place.machine
    with foreign_things(place):
        before, set_before = home.work(others), home.work(settings)
        home.run(machine.node.start())
        pod = home.do(lambda: machine.pod("pod", "10.42.0.3", host_ports=(HostPort(Protocol.TCP, 8080, 80),)))
        other = home.do(lambda: machine.pod("other", "10.42.0.4"))
        place.connect()
        same(home.work(others), before)
        home.run(machine.node.recheck())
        with_two = place.wanted()
        del machine.pods["pod"]
        for _ in range(3):
            home.run(machine.node.detach(place.wanted(), "pod"))
            home.run(machine.node.attach(with_two, "pod"))
        same(home.work(others), before)
        # Among pods and to the host nothing of theirs is in the way.
        with listener_in(other.netns, 80) as listener:
            assert home.work(lambda: talk(pod.netns, listener, "10.42.0.4", 80)) == "10.42.0.3"
        for address in ("10.42.0.3", ghost(pod)):
            assert home.work(lambda address=address: ping("", address)), address
        assert not home.work(lambda: ping(pod.netns, OUTSIDE))  # Docker's policy; doctor says so
        home.run(machine.node.remove_all())
        same(home.work(others), before)
        assert home.work(settings) == set_before
        assert "c0ff:ee11" not in home.work(lambda: run("ip", "-6", "route", "show", "table", "all"))


def test_a_container_of_others_is_a_stranger(place):
    """It is behind the host's bridge, not on the LAN; to pods that is the same."""
    home, machine = place.home, place.machine
    with foreign_things(place):
        home.run(machine.node.start())
        pod = home.do(lambda: machine.pod("pod", "10.42.0.3"))
        place.connect()
        container = str(machine.folder / "ns-container")

        def plug_in() -> None:
            run("ip", "addr", "add", "172.17.0.2/16", "dev", "eth0")
            run("ip", "link", "set", "eth0", "up")
            run("ip", "route", "add", "default", "via", "172.17.0.1")

        in_namespace(container, plug_in)
        for address in ("10.42.0.3", str(pod.outside_ipv4), "10.42.0.2"):
            assert not home.work(lambda address=address: ping(container, address))
