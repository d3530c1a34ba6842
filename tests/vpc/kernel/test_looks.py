"""What messages of the kernel and the cheap look say."""

from ipaddress import IPv4Address
from typing import Any

import pytest

from k3py.vpc.kernel import entries, layout, names
from k3py.vpc.kernel.notices import Notice, notice
from k3py.vpc.kernel.recheck import strange_pins, suspects
from k3py.vpc.kernel.values import ROUTE_PROTOCOL, Programs
from k3py.vpc.wanted import PodNetwork
from tests.vpc.kernel.machine import CONFIG, DEFAULT, wanted

POD = PodNetwork("pod", DEFAULT.id, IPv4Address("10.42.0.3"), "/ns")
DEVICE = names.host_end(CONFIG, "pod")
NOW = wanted(POD)
BASE = b"these objects"
RIGHT = {"pod": Programs(5, 5, layout.programs_mark(BASE, layout.pod_settings(NOW, POD)))}
LOCAL = {entries.local_key(POD): entries.local_pod(POD, 5)}

OTHER_END = {"event": "RTM_NEWLINK", "ifname": names.node_end(CONFIG), "index": 6, "flags": 1, "mtu": 1472}
LINK = {"event": "RTM_NEWLINK", "ifname": DEVICE, "index": 5, "flags": 1, "group": CONFIG.group, "mtu": CONFIG.mtu}
ROUTE = {"event": "RTM_DELROUTE", "proto": ROUTE_PROTOCOL, "priority": CONFIG.group, "oif": 5}
ADDRESS = {"event": "RTM_DELADDR", "index": 1, "IFA_RT_PRIORITY": CONFIG.group}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (LINK, None),
        ({**LINK, "flags": 0}, Notice(DEVICE, 5)),
        ({**LINK, "group": 0}, Notice(DEVICE, 5)),
        ({**LINK, "mtu": 9000}, Notice(DEVICE, 5)),
        ({**LINK, "event": "RTM_DELLINK"}, Notice(DEVICE, 5)),
        ({**LINK, "event": "RTM_DELLINK", "ifname": "eth0"}, None),
        (OTHER_END, None),
        ({**OTHER_END, "flags": 0}, Notice(names.node_end(CONFIG), 6)),
        (ROUTE, Notice(index=5)),
        ({**ROUTE, "oif": 1}, Notice()),
        ({**ROUTE, "oif": None}, Notice()),
        ({**ROUTE, "proto": 3}, None),
        ({**ROUTE, "priority": 1024}, None),
        ({**ROUTE, "event": "RTM_NEWROUTE"}, None),
        (ADDRESS, Notice()),
        ({**ADDRESS, "IFA_RT_PRIORITY": None}, None),
        ({**ADDRESS, "index": 2}, None),
        ({}, None),
    ],
)
def test_notices(message: dict[str, Any], expected: Notice | None):
    assert notice(CONFIG, {DEVICE, names.node_end(CONFIG)}, message) == expected


@pytest.mark.parametrize(
    ("indexes", "programs", "local"),
    [
        ({}, RIGHT, LOCAL),
        ({DEVICE: 6}, RIGHT, LOCAL),
        ({DEVICE: 5}, {}, LOCAL),
        ({DEVICE: 5}, {"pod": Programs(5, 0, RIGHT["pod"].mark)}, LOCAL),
        ({DEVICE: 5}, {"pod": Programs(5, 5, b"older")}, LOCAL),
        ({DEVICE: 5}, RIGHT, {}),
    ],
)
def test_suspects(indexes, programs, local):
    assert suspects(CONFIG, NOW, indexes, programs, local, BASE) == ["pod"]


def test_where_all_is_well_nobody_is_suspected():
    assert suspects(CONFIG, NOW, {DEVICE: 5}, RIGHT, LOCAL, BASE) == []
    assert strange_pins(NOW, RIGHT) == []
    assert strange_pins(wanted(), RIGHT) == ["pod"]
