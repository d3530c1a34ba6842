"""Every kind of traffic on every way through a real node, one test for each cell of the table.

Ways of the second column take the place of the first's where pods cannot hand packets to each other at once.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Network

import pytest

from k3py.vpc.bpf.abi import Direction, Outcome, Setting, Settings
from k3py.vpc.kernel import layout, names
from k3py.vpc.wanted import PodNetwork, VpcNetwork, Wanted
from tests.network.bed import GATEWAY, NARROW_MTU, NOWHERE, OUTSIDE, Bed, bed
from tests.vpc.kernel.machine import CONFIG, NODE_IPV4, ghost, run

# What a pod's own kernel sends besides: it looks for routers and listeners, in vain.
CHATTER = {
    Outcome.NEIGHBOR_ANSWERED,
    Outcome.RECEIVED_NEIGHBOR,
    Outcome.IGNORED_MULTICAST_REPORT,
    Outcome.DROP_MULTICAST,
    Outcome.DROP_NEIGHBOR,
}
NATIVE_OUTSIDE = f"64:ff9b::{OUTSIDE}"
# A node with this VPC has no short cuts.
SLOW = VpcNetwork(99, "slow", IPv4Network("10.99.0.0/16"))


class Town:
    """Two pods, the host and a server outside, each with somebody who talks."""

    def __init__(self, place: Bed, *more: VpcNetwork) -> None:
        self.place, machine = place, place.machine
        self.first = place.home.do(lambda: machine.pod("first", "10.42.0.3"))
        self.second = place.home.do(lambda: machine.pod("second", "10.42.0.4"))
        place.connect(*more)
        self._places = {"first": self.first.netns, "second": self.second.netns, "host": "", "outside": place.outside}
        self._speakers = {name: place.speaker(netns) for name, netns in self._places.items()}

    def asks(self, who: str, line: str) -> str:
        """What somebody says to a line. Whoever failed before is there again."""
        if self._speakers[who].process.poll() is not None:
            self._speakers[who] = self.place.speaker(self._places[who])
        self._speakers[who].says(line)
        return self._speakers[who].hears_something()

    def counted(self, pod: PodNetwork, direction: Direction) -> dict[Outcome, int]:
        """Packets by what became of them, without chatter."""
        total = self.place.machine.node.counters(pod.uid)[direction]
        return {each: one.packets for each, one in total.items() if one.packets and each not in CHATTER}

    @contextmanager
    def narrow(self, pod: PodNetwork, mtu: int) -> Iterator[None]:
        """The way to a pod's Ghost addresses is narrower than its ends."""
        device = names.device(CONFIG, pod)
        ways = [(ghost(pod, native), "dev", device, "metric", 1) for native in (False, True)]
        for each in ways:
            self.place.home.do(lambda each=each: run("ip", "-6", "route", "add", *each, "mtu", "lock", mtu))
        try:
            yield
        finally:
            for each in ways:
                self.place.home.do(lambda each=each: run("ip", "-6", "route", "del", *each))


@pytest.fixture(scope="module")
def at_once(place: Bed) -> Town:
    return Town(place)


@pytest.fixture(scope="module")
def long_way(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Pods that may not hand packets to each other."""
    usual = layout.pod_settings

    def without_short_cut(wanted: Wanted, pod: PodNetwork) -> bytes:
        made = Settings.from_buffer_copy(usual(wanted, pod))
        if SLOW.id in wanted.vpcs:  # else it is the other node, which looks after its pods meanwhile
            made.flags &= ~Setting.SHORT_CUT
        return bytes(made)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "pod_settings", without_short_cut)
        with bed(tmp_path_factory.mktemp("long")) as made:
            yield Town(made, SLOW)


@dataclass(frozen=True)
class Way:
    """Who asks, at which address, and how that is counted: what the asking pod sends, what the asked pod receives."""

    asks: str
    target: Callable[[Town], object]
    sent: Outcome | None = None
    received: Outcome | None = None


O = Outcome  # noqa: E741 - short in the table
WAYS = {
    "pod to pod, IPv4": Way("first", lambda town: town.second.ipv4, O.SENT_SHORT_CUT),
    "pod to pod, native": Way("first", lambda town: ghost(town.second, native=True), O.SENT_SHORT_CUT),
    "pod to pod the long way, IPv4": Way("first", lambda town: town.second.ipv4, O.SENT_TO_VPC, O.RECEIVED_FROM_VPC),
    "pod to pod the long way, native": Way(
        "first", lambda town: ghost(town.second, native=True), O.SENT_NATIVE, O.RECEIVED_NATIVE
    ),
    "pod to host": Way("first", lambda town: NODE_IPV4, O.SENT_SHORT_CUT),
    "pod to host the long way": Way("first", lambda town: NODE_IPV4, O.SENT_TO_VPC),
    "host to pod": Way("host", lambda town: town.second.ipv4),
    "host to pod the long way": Way("host", lambda town: town.second.ipv4, None, O.RECEIVED_FROM_VPC),
    "host to pod by Ghost": Way("host", lambda town: ghost(town.second), None, O.RECEIVED_FROM_VPC),
    "host to pod by native Ghost": Way("host", lambda town: ghost(town.second, native=True), None, O.RECEIVED_NATIVE),
    "pod to outside, IPv4": Way("first", lambda town: OUTSIDE, O.SENT_OUTSIDE),
    "pod to outside, native": Way("first", lambda town: NATIVE_OUTSIDE, O.SENT_OUTSIDE),
}
# A line for the speaker, and what it says.
TRAFFIC = {
    "TCP": ("tcp {} 1000000 20", "swallowed 20000000"),
    "UDP": ("udp {} 64 50", "answered 50"),
    "UDP GSO": ("segmented {} 1000 40", "answered 40"),
    "UDP without checksum": ("unsummed {} 64 50", "answered 50"),
    "20 kB datagrams": ("udp {} 20000 10", "answered 10"),
    "fragmented echo": ("echo {} 8000 10", "answered 10"),
    "unreachable": ("refused {} 0 0", "refused"),
}
NO_SUCH_DATAGRAM = "IPv6 has no UDP without a checksum (RFC 8200, 8.1)"
NOT_TRANSLATED = "RFC 7915, 1.2: fragmented ICMP cannot be translated without state, and one end is not ours"
IMPOSSIBLE = {
    ("pod to pod, native", "UDP without checksum"): NO_SUCH_DATAGRAM,
    ("pod to pod the long way, native", "UDP without checksum"): NO_SUCH_DATAGRAM,
    ("host to pod by native Ghost", "UDP without checksum"): NO_SUCH_DATAGRAM,
    ("pod to outside, native", "fragmented echo"): NOT_TRANSLATED,
    ("host to pod by Ghost", "fragmented echo"): NOT_TRANSLATED,
}
CELLS = [(way, kind) for way in WAYS for kind in TRAFFIC]


@pytest.fixture
def town(request: pytest.FixtureRequest, way: str) -> Town:
    """The one in which there is such a way."""
    found = request.getfixturevalue("long_way" if "long way" in way else "at_once")
    assert isinstance(found, Town)
    return found


@pytest.mark.parametrize(("way", "kind"), CELLS, ids=[": ".join(each) for each in CELLS])
def test_traffic(town, way, kind):
    if reason := IMPOSSIBLE.get((way, kind)):
        pytest.skip(reason)
    line, answer = TRAFFIC[kind]
    assert town.asks(WAYS[way].asks, line.format(WAYS[way].target(town))) == answer


@pytest.mark.parametrize("way", WAYS)
def test_counters_add_up_to_what_was_sent(town, way):
    """Fifty datagrams and their fifty answers, under one name each."""

    def counts() -> list[dict[Outcome, int]]:
        return [town.counted(pod, direction) for pod in (town.first, town.second) for direction in (*Direction,)]

    before, chosen = counts(), WAYS[way]
    assert town.asks(chosen.asks, f"udp {chosen.target(town)} 64 50") == "answered 50"
    grown = [
        {each: packets - old.get(each, 0) for each, packets in new.items() if packets != old.get(each, 0)}
        for old, new in zip(before, counts(), strict=True)
    ]
    asked, answered = grown[:2], grown[2:]
    if chosen.asks == "first":
        assert asked[0] == {chosen.sent: 50}
    if chosen.received:
        assert answered[1] == {chosen.received: 50}
    for each in grown:
        assert list(each.values()) in ([], [50])
        assert not [outcome for outcome in each if outcome.dropped]


# Where a smaller MTU can be on the way: what is sent, and how the sender is told.
LEARNED = {
    "pod to pod the long way, IPv4": [
        ("told {} 1440 64", "Message too long 1380"),
        ("told {} 20000 64", "Message too long 1372"),  # fragments need a header more
    ],
    "pod to pod the long way, native": [("told {} 1400 64", "Message too long 1400")],
    "pod to outside, IPv4": [("told {} 1410 64", f"Message too long {NARROW_MTU}")],
    "pod to outside, native": [("told {} 1410 64", f"Message too long {NARROW_MTU + 20}")],
}
NO_ROUTER = "there is no router between the two ends, and both have the same MTU"


@pytest.mark.parametrize("way", WAYS)
def test_a_smaller_mtu_on_the_way_is_learned(town, way):
    if way not in LEARNED:
        pytest.skip(NO_ROUTER)
    who, target = WAYS[way].asks, WAYS[way].target(town)
    with town.narrow(town.second, 1400):
        for line, answer in LEARNED[way]:
            assert town.asks(who, line.format(target)) == answer
        assert town.asks(who, f"udp {target} 20000 5") == "answered 5"
        assert town.asks(who, f"tcp {target} 1000000 5") == "swallowed 5000000"


ERRORS = {
    "the node, at the end of the hops, IPv4": (f"told {OUTSIDE} 64 1", "No route to host"),
    "the router, at the end of the hops, IPv4": (f"told {OUTSIDE} 64 2", "No route to host"),
    "the router, which knows no way, IPv4": (f"told {NOWHERE} 64 64", "No route to host"),
    "the router, where nobody listens, IPv4": (f"refused {GATEWAY} 0 0", "refused"),
    "the node, at the end of the hops, native": (f"told {NATIVE_OUTSIDE} 64 1", "No route to host"),
    "the router, at the end of the hops, native": (f"told {NATIVE_OUTSIDE} 64 2", "No route to host"),
    "the router, which knows no way, native": (f"told 64:ff9b::{NOWHERE} 64 64", "Network is unreachable"),
    "the router, where nobody listens, native": (f"refused 64:ff9b::{GATEWAY} 0 0", "refused"),
}


@pytest.mark.parametrize(("line", "answer"), ERRORS.values(), ids=list(ERRORS))
def test_errors_come_back_from_outside(at_once, line, answer):
    assert at_once.asks("first", line).startswith(answer)
