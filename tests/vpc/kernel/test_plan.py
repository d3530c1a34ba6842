"""What has to be done, as a table of what was seen. Actions are told by their names."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest

from k3py.vpc.kernel import entries, layout, names
from k3py.vpc.kernel.actions import Plan
from k3py.vpc.kernel.plan import plan_pod, plan_removal
from k3py.vpc.kernel.plan_node import plan_everything, plan_settings, plan_surplus
from k3py.vpc.kernel.ruleset import ruleset
from k3py.vpc.kernel.values import Link, Namespace, Programs, Route, Seen, SeenPod
from k3py.vpc.ports import NetworkProblem
from k3py.vpc.wanted import PodNetwork
from tests.vpc.kernel.machine import CONFIG, DEFAULT, TWIN, node_pod, wanted

BASE = b"these objects"
POD = PodNetwork("pod", DEFAULT.id, IPv4Address("10.42.0.3"), "/ns", IPv4Address("100.64.0.2"))
NOW = wanted(POD)
DEVICE = names.host_end(CONFIG, "pod")
LINK = Link(DEVICE, 5, CONFIG.group, names.GATEWAY_MAC, CONFIG.mtu, True, True, False, 0, "veth")
MARK = layout.programs_mark(BASE, layout.pod_settings(NOW, POD))
SEEN = SeenPod(
    LINK,
    None,
    Programs(5, 5, MARK),
    layout.pod_routes(CONFIG, NOW, POD),
    0,
    {
        entries.ROUTES: entries.route_entries(CONFIG, NOW, DEFAULT),
        entries.LOCAL_PODS: {entries.local_key(POD): entries.local_pod(POD, 5)},
    },
    True,
)
NEW = [
    "LoadPrograms MakeLink PutEntry",
    "ConfigurePod",
    "AttachProgram",
    "MarkPrograms",
    "BringUp",
    "JoinServices PutLocalPod PutRoute",
]


def told(plan: Plan) -> list[str]:
    """Each stage's kinds of actions."""
    return [" ".join(sorted({type(each).__name__ for each in stage})) for stage in plan]


CASES = [
    ("all is well", SEEN, []),
    ("nothing is there", SeenPod(), NEW),
    (
        "it leads elsewhere",
        replace(SEEN, namespace=1),
        ["RemoveLink", "LoadPrograms MakeLink", *NEW[1:]],
    ),
    ("programs are gone", replace(SEEN, programs=None), ["LoadPrograms", "AttachProgram", "MarkPrograms"]),
    ("one is gone", replace(SEEN, programs=Programs(5, 0, MARK)), ["LoadPrograms", "AttachProgram", "MarkPrograms"]),
    (
        "they are on a device that had this name",
        replace(SEEN, programs=Programs(4, 4, MARK)),
        ["LoadPrograms", "AttachProgram", "MarkPrograms"],
    ),
    (
        "they are of another make",
        replace(SEEN, programs=Programs(5, 5, b"older")),
        ["LoadPrograms", "ExchangePrograms", "MarkPrograms"],
    ),
    (
        "one is gone, one of another make",
        replace(SEEN, programs=Programs(0, 5, b"older")),
        ["LoadPrograms", "AttachProgram ExchangePrograms", "MarkPrograms"],
    ),
    (
        "never brought up",
        replace(SEEN, link=replace(LINK, up=False, carrier=False), routes=frozenset()),
        ["ConfigurePod", "BringUp", "PutRoute"],
    ),
    ("the pod's end is down", replace(SEEN, link=replace(LINK, carrier=False)), ["ConfigurePod", "BringUp"]),
    ("another group", replace(SEEN, link=replace(LINK, group=0)), ["DressLink"]),
    ("no routes", replace(SEEN, routes=frozenset()), ["PutRoute"]),
    (
        "an old outside address",
        replace(SEEN, routes=SEEN.routes | {Route(IPv4Network("100.64.0.9/32"), DEVICE)}),
        ["RemoveRoute"],
    ),
    ("an old entry", replace(SEEN, entries={**SEEN.entries, entries.LOCAL_PODS: {}}), ["PutLocalPod"]),
    ("the VPC's ways", replace(SEEN, entries={**SEEN.entries, entries.ROUTES: {}}), ["PutEntry"]),
    ("a new process", replace(SEEN, joined=False), ["JoinServices"]),
]


@pytest.mark.parametrize(("seen", "expected"), [each[1:] for each in CASES], ids=[each[0] for each in CASES])
def test_a_pods_plan(seen, expected):
    plan = plan_pod(CONFIG, NOW, POD, seen, BASE)
    assert told(plan) == expected
    assert all(each.why for stage in plan for each in stage)


def test_a_pod_that_cannot_be_connected():
    for pod, seen, reason in (
        (POD, replace(SEEN, namespace=Namespace.GONE), "DeviceVanished"),
        (replace(POD, netns="", tap="tap1"), SeenPod(), "DeviceVanished"),
        (replace(POD, vpc=77), SEEN, "VPCNotFound"),
    ):
        with pytest.raises(NetworkProblem) as caught:
            plan_pod(CONFIG, NOW, pod, seen, BASE)
        assert caught.value.reason == reason


def test_the_node_pod_is_made_again_when_its_other_end_has_vanished():
    pod = node_pod()
    link = replace(LINK, name=names.host_end(CONFIG, pod.uid), peer_namespace=None)
    seen = SeenPod(link, None, namespace=None)
    assert told(plan_pod(CONFIG, wanted(pod), pod, seen, BASE))[0] == "RemoveLink"


def test_a_devices_end_comes_before_that_of_its_pins():
    seen = Seen(
        {DEVICE: LINK}, programs={"pod": Programs(5, 5)}, entries={entries.LOCAL_PODS: SEEN.entries["local_pods"]}
    )
    assert told(plan_removal(LINK, "pod", seen)) == ["RemoveEntry", "RemoveLink", "LeaveServices", "RemovePins"]
    assert told(plan_removal(None, "pod", replace(seen, links={}))) == ["RemoveEntry", "LeaveServices", "RemovePins"]
    assert told(plan_removal(None, "", Seen())) == []


def test_somebody_elses_device_is_left():
    tap = replace(LINK, name="tap1", kind="tun")
    seen = Seen({"tap1": tap}, routes=frozenset({Route(IPv4Network("100.64.0.2/32"), "tap1")}))
    assert told(plan_removal(tap, "", seen)) == ["RemoveRoute", "ReleaseDevice"]


def test_another_pods_entry_under_the_same_key_is_kept():
    other = {entries.local_key(POD): entries.local_pod(POD, 9)}
    seen = Seen({DEVICE: LINK, "k7e57other": replace(LINK, index=9)}, entries={entries.LOCAL_PODS: other})
    assert "RemoveEntry" not in told(plan_removal(LINK, "pod", seen))


def test_a_fresh_node_has_rules_before_it_forwards():
    sysctls = {
        "net/ipv6/conf/all/forwarding": "0",
        "net/ipv4/ip_forward": "0",
        "net/ipv6/conf/lo/disable_ipv6": "1",
        "net/ipv6/conf/eth0/accept_ra": "1",
        "net/ipv6/conf/eth1/accept_ra": "0",
    }
    plan = plan_settings(CONFIG, NOW, Seen(sysctls=sysctls, uplinks=("eth0", "eth1")))
    assert told(plan) == ["WriteTable", "SetSysctl", "SetSysctl", "AddAddress", "PutRoute", "PutEntry"]
    changed = [(each.path, each.value) for stage in plan[1:3] for each in stage]  # type: ignore[union-attr]
    assert changed == [
        ("net/ipv6/conf/eth0/accept_ra", "2"),
        ("net/ipv6/conf/lo/disable_ipv6", "0"),
        ("net/ipv6/conf/all/forwarding", "1"),
        ("net/ipv4/ip_forward", "1"),
    ]


def as_wanted() -> Seen:
    """A node where all is well."""
    return Seen(
        links={DEVICE: LINK, "eth0": Link("eth0", 2, 0, "", 1500, True, True, True)},
        routes=SEEN.routes | layout.block_routes(NOW),
        addresses=layout.system_addresses(NOW),
        programs={"pod": Programs(5, 5, MARK)},
        namespaces={"pod": 0},
        entries={**SEEN.entries, entries.ROUTES: entries.all_routes(CONFIG, NOW)},
        sysctls={"net/ipv4/ip_forward": "1"},
        table_text=ruleset(CONFIG, NOW),
        joined=frozenset({"pod"}),
    )


def test_where_all_is_well_nothing_is_done():
    everything = plan_everything(CONFIG, NOW, as_wanted(), BASE)
    assert (everything.before, everything.pods, everything.impossible, everything.after) == ([], {"pod": []}, {}, [])


def test_what_nobody_wants_goes_and_what_is_others_stays():
    empty = replace(NOW, pods={}, blocks=frozenset(), vpcs={TWIN.id: TWIN})
    seen = replace(as_wanted(), table_text=ruleset(CONFIG, empty))
    everything = plan_everything(CONFIG, empty, seen, BASE)
    assert told(everything.before) == ["RemoveEntry", "RemoveLink", "LeaveServices", "RemovePins"]
    assert told(plan_surplus(CONFIG, empty, seen)) == ["RemoveEntry RemoveRoute"]
    assert "eth0" not in str(everything)


def test_one_bad_pod_does_not_keep_the_others():
    bad = PodNetwork("bad", 77, IPv4Address("10.42.0.9"), "/ns")
    everything = plan_everything(CONFIG, wanted(POD, bad), as_wanted(), BASE)
    assert set(everything.impossible) == {"bad"}
    assert everything.pods == {"pod": []}
