"""What a VPC and a block may say; everything wrong is said at once."""

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k3py.model.vpc_ranges import network
from k3py.model.vpc_v1 import VPC, VPCBlock, VPCBlockSpec, VPCSpec
from k3py.objects.defaults.vpc import vpc as defaults
from k3py.objects.fields import Errors
from k3py.objects.validation import vpc as rules


def said(check, *objects):
    wrong = Errors()
    check(*objects, wrong)
    return [f"{each.field}: {each.message}" for each in wrong.causes]


def vpc(cidr="10.0.0.0/16", **spec):
    made = VPC(spec=VPCSpec(cidr=cidr, **spec))
    defaults(made)
    return made


@pytest.mark.parametrize("cidr", ["10.0.0.0/8", "192.168.7.16/28", "172.16.0.0/12", "203.0.113.0/24", "10.42.0.0/16"])
def test_ranges_that_fit(cidr):
    assert said(rules.vpc, vpc(cidr)) == []


@pytest.mark.parametrize(
    ("cidr", "why"),
    [
        ("", "Required value"),
        ("10.0.0.1/16", "must not have bits set beyond the prefix length: 10.0.0.0/16 is meant"),
        ("10.0.0.0", "must be a valid IPv4 CIDR value"),
        ("10.0.0.0/255.255.0.0", "must not have bits set beyond the prefix length: 10.0.0.0/16 is meant"),
        ("10.0.0/16", "must be a valid IPv4 CIDR value"),
        ("fd00::/64", "must be a valid IPv4 CIDR value"),
        ("8.0.0.0/7", "must be between /8 and /28 long"),
        ("10.0.0.0/29", "must be between /8 and /28 long"),
        ("0.0.0.0/8", "may not overlap 0.0.0.0/8"),
        ("127.1.0.0/16", "may not overlap 127.0.0.0/8"),
        ("169.254.0.0/24", "may not overlap 169.254.0.0/16"),
        ("100.0.0.0/8", "may not overlap 100.64.0.0/10"),
        ("240.0.0.0/8", "may not overlap 224.0.0.0/3"),
    ],
)
def test_ranges_that_do_not(cidr, why):
    (found,) = said(rules.vpc, vpc(cidr))
    assert found.startswith("spec.cidr: ")
    assert why in found


def test_everything_is_said_at_once():
    from k3py.model.generated.meta_v1 import LabelSelector
    from k3py.model.vpc_v1 import VPCDNS

    made = vpc(
        "10.0.0.1/33",
        egress="Sometimes",
        allowed_namespaces=LabelSelector(match_labels={"-": "x"}),
        dns=VPCDNS(nameservers=["9.9.9.9", "9.9.9.9", "dns.example", "::1"]),
    )
    fields = [line.split(": ")[0] for line in said(rules.vpc, made)]
    assert fields == [
        "spec.cidr",
        "spec.egress",
        "spec.allowedNamespaces.matchLabels",
        "spec.dns.nameservers",
        "spec.dns.nameservers[1]",
        "spec.dns.nameservers[2]",
    ]


def test_a_gateway_is_refused_in_clear_words():
    (found,) = said(rules.vpc, vpc(egress="Gateway"))
    assert "needs gateway nodes, which this version does not have" in found


def test_the_range_the_number_and_the_prefix_stay():
    old, new = vpc("10.0.0.0/16"), vpc("10.0.0.0/15")
    assert said(rules.vpc_update, new, old) == ['spec.cidr: Invalid value: "10.0.0.0/15": field is immutable']
    old.status.vpc_id, old.status.prefix, new.status.vpc_id = 7, "fd6b:3370:1000:1:2:7::/96", 8
    assert [each.split(":")[0] for each in said(rules.vpc_status, new, old)] == ["status.vpcID", "status.prefix"]
    assert said(rules.vpc_status, old, vpc()) == []


@pytest.mark.parametrize(("name", "fits"), [("a" * 40, True), ("a" * 41, False), ("a.b", False), ("A", False)])
def test_names_are_short_labels(name, fits):
    assert (rules.name(name) == []) is fits


def block(name="red-10-0-0-64", **spec):
    made = VPCBlock(spec=VPCBlockSpec(**{"vpc": "red", "vpc_id": 7, "cidr": "10.0.0.64/26", "node_name": "n1", **spec}))
    made.metadata.name = name
    return made


def test_a_blocks_name_is_made_of_vpc_and_slice():
    assert said(rules.block, block()) == []
    (found,) = said(rules.block, block("red-10-0-0-0"))
    assert "must be red-10-0-0-64, made of VPC and slice" in found


def test_what_is_wrong_with_a_block_is_said_at_once():
    fields = [
        each.split(":")[0] for each in said(rules.block, block(vpc="", vpc_id=0, cidr="10.0.0.65/26", node_name=""))
    ]
    assert fields == ["spec.vpc", "spec.nodeName", "spec.vpcID", "spec.cidr"]
    assert said(rules.block_update, block(node_name="n2"), block()) != []


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(max_size=20), st.from_regex(r"[0-9.]{1,15}/[0-9]{1,3}", fullmatch=True)))
def test_any_text_is_a_range_in_its_one_form_or_refused(text):
    found = said(rules.vpc, vpc(text))
    parsed = network(text)
    if not found:
        assert str(ipaddress.IPv4Network(text)) == text
        assert parsed is not None
    assert parsed is not None or found
