"""Names of services and pods, as Kubernetes' specification 1.1.0 wants them, and per VPC."""

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.reversename
import pytest

from k3py.agent.dns.responder import Forward, Responder
from k3py.agent.dns.table import Table
from tests.agent.dns.world import (
    BANK,
    CLUSTER,
    SHOP,
    ask,
    endpoints,
    forwarded,
    native,
    put,
    says,
    service,
    source,
    table,
    vpc,
)

WEB = "web.default.svc.cluster.local"
DB = "db.default.svc.cluster.local"


def everything() -> Table:
    return table(
        service("web", "10.43.0.80"),
        service("dual", "10.43.0.81", families=("IPv4", "IPv6")),
        service("six", "10.43.0.82", families=("IPv6",)),
        service("db", "None"),
        endpoints("db", ("10.42.0.5", "db-0", True), ("10.42.0.6", "", True), ("10.42.0.7", "db-2", False)),
        service("early", "None", not_ready=True, families=("IPv4", "IPv6")),
        endpoints("early", ("10.42.0.8", "one", False)),
        service("empty", "None"),
        service("far", external="www.example.com"),
        service("near", external=WEB),
        service("lost", external="nobody.default.svc.cluster.local"),
        service("kubernetes", "10.43.0.1", ports=(("https", "TCP", 443),)),
    )


ANSWERS = [
    (WEB, "A", [f"{WEB} A 10.43.0.80"]),
    (WEB, "AAAA", ["NOERROR"]),
    (WEB, "MX", ["NOERROR"]),
    (WEB, "ANY", [f"{WEB} A 10.43.0.80"]),
    ("dual.default.svc.cluster.local", "A", ["dual.default.svc.cluster.local A 10.43.0.81"]),
    (
        "dual.default.svc.cluster.local",
        "AAAA",
        [f"dual.default.svc.cluster.local AAAA {native(1, '10.43.0.81')}"],
    ),
    ("six.default.svc.cluster.local", "A", ["NOERROR"]),
    ("six.default.svc.cluster.local", "AAAA", [f"six.default.svc.cluster.local AAAA {native(1, '10.43.0.82')}"]),
    (DB, "A", [f"{DB} A 10.42.0.5", f"{DB} A 10.42.0.6"]),
    (f"db-0.{DB}", "A", [f"db-0.{DB} A 10.42.0.5"]),
    (f"10-42-0-6.{DB}", "A", [f"10-42-0-6.{DB} A 10.42.0.6"]),
    (f"db-2.{DB}", "A", ["NXDOMAIN"]),
    (f"web-0.{WEB}", "A", ["NXDOMAIN"]),
    ("one.early.default.svc.cluster.local", "A", ["one.early.default.svc.cluster.local A 10.42.0.8"]),
    (
        "one.early.default.svc.cluster.local",
        "AAAA",
        [f"one.early.default.svc.cluster.local AAAA {native(1, '10.42.0.8')}"],
    ),
    ("empty.default.svc.cluster.local", "A", ["NXDOMAIN"]),
    (f"_http._tcp.{WEB}", "SRV", [f"_http._tcp.{WEB} SRV 0 100 80 {WEB}."]),
    (f"_http._tcp.{WEB}", "A", ["NOERROR"]),
    (f"_http._udp.{WEB}", "SRV", ["NXDOMAIN"]),
    (f"_https._tcp.{WEB}", "SRV", ["NXDOMAIN"]),
    (f"_tcp.{WEB}", "A", ["NOERROR"]),
    (f"_udp.{WEB}", "A", ["NXDOMAIN"]),
    (f"x._http._tcp.{WEB}", "SRV", ["NXDOMAIN"]),
    (
        f"_http._tcp.{DB}",
        "SRV",
        [f"_http._tcp.{DB} SRV 0 50 8080 10-42-0-6.{DB}.", f"_http._tcp.{DB} SRV 0 50 8080 db-0.{DB}."],
    ),
    ("far.default.svc.cluster.local", "CNAME", ["far.default.svc.cluster.local CNAME www.example.com."]),
    (
        "near.default.svc.cluster.local",
        "A",
        [f"near.default.svc.cluster.local CNAME {WEB}.", f"{WEB} A 10.43.0.80"],
    ),
    (
        "lost.default.svc.cluster.local",
        "A",
        ["lost.default.svc.cluster.local CNAME nobody.default.svc.cluster.local."],
    ),
    ("10-42-0-5.default.pod.cluster.local", "A", ["10-42-0-5.default.pod.cluster.local A 10.42.0.5"]),
    ("10-42-0-5.default.pod.cluster.local", "AAAA", ["NOERROR"]),
    ("10-9-0-5.default.pod.cluster.local", "A", ["NXDOMAIN"]),
    ("hello.default.pod.cluster.local", "A", ["NXDOMAIN"]),
    ("dns-version.cluster.local", "TXT", ['dns-version.cluster.local TXT "1.1.0"']),
    ("ns.dns.cluster.local", "A", ["ns.dns.cluster.local A 10.43.0.10"]),
    ("cluster.local", "NS", ["cluster.local NS ns.dns.cluster.local."]),
    ("cluster.local", "A", ["NOERROR"]),
    ("svc.cluster.local", "A", ["NOERROR"]),
    ("pod.cluster.local", "A", ["NOERROR"]),
    ("default.svc.cluster.local", "A", ["NOERROR"]),
    ("default.pod.cluster.local", "A", ["NOERROR"]),
    ("nowhere.svc.cluster.local", "A", ["NXDOMAIN"]),
    ("nobody.default.svc.cluster.local", "A", ["NXDOMAIN"]),
    ("web.default.cluster.local", "A", ["NXDOMAIN"]),
    (f"a.b.c.{WEB}", "A", ["NXDOMAIN"]),
    ("google.com.default.svc.cluster.local", "A", ["NXDOMAIN"]),
    ("kubernetes.default.svc.cluster.local", "A", ["kubernetes.default.svc.cluster.local A 10.43.0.1"]),
    ("kube-dns.kube-system.svc.cluster.local", "A", ["kube-dns.kube-system.svc.cluster.local A 10.43.0.10"]),
]


@pytest.mark.parametrize(("name", "kind", "expected"), ANSWERS)
def test_a_name_has_its_records(name: str, kind: str, expected: list[str]) -> None:
    answer = ask(Responder(everything()), name, kind)
    assert says(answer) == expected
    assert all(rrset.ttl == 5 for rrset in answer.answer)
    if not answer.answer:
        (soa,) = answer.authority
        assert soa.rdtype == dns.rdatatype.SOA
        assert (soa.name.to_text(), soa[0].minimum, soa.ttl) == ("cluster.local.", 5, 5)


def test_srv_brings_the_addresses_of_its_targets() -> None:
    answer = ask(Responder(everything()), f"_http._tcp.{DB}", "SRV")
    assert sorted(f"{each.name} {each[0]}" for each in answer.additional) == [
        f"10-42-0-6.{DB}. 10.42.0.6",
        f"db-0.{DB}. 10.42.0.5",
    ]


POINTERS = [
    ("10.43.0.80", [WEB]),
    (native(1, "10.43.0.81"), ["dual.default.svc.cluster.local"]),
    (native(1, "10.43.0.80"), []),  # it has no IPv6 family
    ("10.42.0.5", [f"db-0.{DB}"]),
    ("10.42.0.6", [f"10-42-0-6.{DB}"]),
    ("10.42.0.7", []),  # not ready
    ("10.42.0.8", ["one.early.default.svc.cluster.local"]),
    (native(1, "10.42.0.8"), ["one.early.default.svc.cluster.local"]),
    ("10.43.0.1", ["kubernetes.default.svc.cluster.local"]),
    ("10.43.0.10", ["kube-dns.kube-system.svc.cluster.local"]),
    ("10.43.9.9", []),
    (native(SHOP, "10.43.0.81"), []),
    (source(1, "10.43.0.81", native=True, cluster=CLUSTER + 1), []),
]


@pytest.mark.parametrize(("address", "names"), POINTERS)
def test_an_address_has_its_names(address: str, names: list[str]) -> None:
    answer = ask(Responder(everything()), dns.reversename.from_address(address).to_text(), "PTR")
    assert [each.to_text(omit_final_dot=True) for rrset in answer.answer for each in rrset] == names
    if not names:
        assert answer.rcode() == dns.rcode.NXDOMAIN
        (soa,) = answer.authority
        assert answer.question[0].name.is_subdomain(soa.name)


def test_what_lies_between_zone_and_address_exists() -> None:
    responder = Responder(everything())
    assert says(ask(responder, "0.43.10.in-addr.arpa", "PTR")) == ["NOERROR"]
    assert says(ask(responder, "0.0.7.3.3.b.6.d.f.ip6.arpa", "PTR")) == ["NOERROR"]


@pytest.mark.parametrize(
    "name",
    [
        "example.com",
        "cluster.local.example.com",
        "db.default.svc.cluster.local.google.com",
        "xcluster.local",
        "local",
        ".",
        "8.8.8.8.in-addr.arpa",
        "10.in-addr.arpa",
        "hello.in-addr.arpa",
        "1.0.0.2.ip6.arpa",
    ],
)
def test_other_names_are_asked_elsewhere(name: str) -> None:
    assert isinstance(forwarded(Responder(everything()), name), Forward)


def test_external_names_inside_the_cluster_are_followed_but_not_in_rings() -> None:
    made = everything()
    put(
        made,
        service("pet", external=f"db-0.{DB}"),
        service("chain", external="far.default.svc.cluster.local"),
        service("ring", external="rung.default.svc.cluster.local"),
        service("rung", external="ring.default.svc.cluster.local"),
        service("apex", external="cluster.local"),
        service("none", external="not..a.name"),
    )
    responder = Responder(made)
    pet = "pet.default.svc.cluster.local"
    assert says(ask(responder, pet)) == [f"db-0.{DB} A 10.42.0.5", f"{pet} CNAME db-0.{DB}."]
    wanted = forwarded(responder, "chain.default.svc.cluster.local")
    assert (wanted.name, len(wanted.alias)) == (b"\3www\7example\3com\0", 2)
    assert says(ask(responder, "ring.default.svc.cluster.local")) == ["SERVFAIL"]
    assert says(ask(responder, "apex.default.svc.cluster.local")) == [
        "apex.default.svc.cluster.local CNAME cluster.local."
    ]
    assert says(ask(responder, "none.default.svc.cluster.local")) == ["NOERROR"]
    lost = ask(responder, "lost.default.svc.cluster.local")
    assert lost.rcode() == dns.rcode.NXDOMAIN


def test_an_external_name_is_asked_elsewhere_behind_its_alias() -> None:
    wanted = forwarded(Responder(everything()), "far.default.svc.cluster.local")
    assert wanted.name == b"\3www\7example\3com\0"
    assert [each.rdata for each in wanted.alias] == [b"\3www\7example\3com\0"]


def test_names_that_are_too_long_with_a_long_domain_are_a_failure() -> None:
    long = "x" * 63
    made = table(service(long, "None", namespace=long), endpoints(long, ("10.42.0.5", long, True), namespace=long))
    assert says(ask(Responder(made), "5.0.42.10.in-addr.arpa", "PTR")) != ["SERVFAIL"]
    assert says(ask(Responder(made, domain=f"{long}.example"), "5.0.42.10.in-addr.arpa", "PTR")) == ["SERVFAIL"]


def test_more_endpoints_than_a_message_holds_are_cut_by_tcp_as_well() -> None:
    made = table(service("db", "None"))
    for number in range(45):
        found = [(f"10.42.{number}.{host}", "", True) for host in range(100)]
        put(made, endpoints("db", *found, name=f"db-{number}"))
    answer = ask(Responder(made), DB, tcp=True)
    assert answer.flags & dns.flags.TC
    assert 4000 < len(says(answer)) <= 4096


# --- VPCs


def two_vpcs() -> Table:
    return table(
        service("web", "10.43.0.80", namespace="shop", vpc="shop"),
        service("web", "10.43.0.90", namespace="bank", vpc="bank"),
        service("db", "None", namespace="shop", vpc="shop"),
        endpoints("db", ("10.0.0.5", "db-0", True), namespace="shop", vpc="shop"),
        service("db", "None", namespace="bank", vpc="bank"),
        endpoints("db", ("10.0.0.5", "vault", True), namespace="bank", vpc="bank"),
    )


def test_names_of_other_vpcs_do_not_exist() -> None:
    responder = Responder(two_vpcs())
    name = "web.shop.svc.cluster.local"
    assert says(ask(responder, name, number=SHOP)) == [f"{name} A 10.43.0.80"]
    for number in (1, BANK):
        assert says(ask(responder, name, number=number)) == ["NXDOMAIN"]
        assert says(ask(responder, "shop.svc.cluster.local", number=number)) == ["NXDOMAIN"]
        assert says(ask(responder, "db-0.db.shop.svc.cluster.local", number=number)) == ["NXDOMAIN"]
        assert says(ask(responder, "80.0.43.10.in-addr.arpa", "PTR", number)) == ["NXDOMAIN"]


def test_one_address_has_a_name_in_each_vpc() -> None:
    responder = Responder(two_vpcs())
    for number, name in ((SHOP, "db-0.db.shop"), (BANK, "vault.db.bank")):
        answer = ask(responder, "5.0.0.10.in-addr.arpa", "PTR", number)
        assert says(answer) == [f"5.0.0.10.in-addr.arpa PTR {name}.svc.cluster.local."]


def test_system_services_exist_in_every_vpc_even_before_they_are_known() -> None:
    responder = Responder(two_vpcs())
    for number in (1, SHOP, BANK):
        for name, address in (("kubernetes.default", "10.43.0.1"), ("kube-dns.kube-system", "10.43.0.10")):
            assert says(ask(responder, f"{name}.svc.cluster.local", number=number)) == [
                f"{name}.svc.cluster.local A {address}"
            ]
        assert says(ask(responder, "_https._tcp.kubernetes.default.svc.cluster.local", "SRV", number)) == [
            "_https._tcp.kubernetes.default.svc.cluster.local SRV 0 100 443 kubernetes.default.svc.cluster.local."
        ]


def test_a_slice_of_another_vpc_adds_nothing() -> None:
    made = two_vpcs()
    put(made, endpoints("db", ("10.0.0.66", "evil", True), name="db-2", namespace="shop", vpc="bank"))
    assert says(ask(Responder(made), "db.shop.svc.cluster.local", number=SHOP)) == [
        "db.shop.svc.cluster.local A 10.0.0.5"
    ]


def test_the_node_sees_what_the_default_vpc_sees() -> None:
    responder = Responder(everything())
    assert says(ask(responder, WEB, number=0)) == [f"{WEB} A 10.43.0.80"]


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1", source(1, cluster=CLUSTER + 1), "fe80::1%eth0"])
def test_strangers_are_refused(address: str) -> None:
    answer = Responder(everything()).decide(dns.message.make_query(WEB, "A").to_wire(), address)
    assert isinstance(answer, bytes)
    assert dns.message.from_wire(answer).rcode() == dns.rcode.REFUSED


def test_a_vpc_that_is_not_known_yet_has_to_ask_again() -> None:
    assert says(ask(Responder(everything()), WEB, number=99)) == ["SERVFAIL"]


# --- changes


def test_a_change_is_seen_by_the_next_query() -> None:
    made = everything()
    responder = Responder(made)
    assert says(ask(responder, WEB)) == [f"{WEB} A 10.43.0.80"]
    made.remove_service(("default", "web"))
    assert says(ask(responder, WEB)) == ["NXDOMAIN"]
    put(made, service("web", "10.43.0.99"))
    assert says(ask(responder, WEB)) == [f"{WEB} A 10.43.0.99"]
    assert says(ask(responder, "80.0.43.10.in-addr.arpa", "PTR")) == ["NXDOMAIN"]


def test_endpoints_move_between_slices_without_a_gap() -> None:
    made = table(service("db", "None"), endpoints("db", ("10.42.0.5", "a", True), name="one"))
    put(made, endpoints("db", ("10.42.0.5", "a", True), name="two"))
    made.remove_slice(("default", "db"), "one")
    responder = Responder(made)
    assert says(ask(responder, DB)) == [f"{DB} A 10.42.0.5"]
    assert says(ask(responder, "5.0.42.10.in-addr.arpa", "PTR")) == [f"5.0.42.10.in-addr.arpa PTR a.{DB}."]
    made.remove_slice(("default", "db"), "two")
    assert says(ask(responder, DB)) == ["NXDOMAIN"]
    assert says(ask(responder, "5.0.42.10.in-addr.arpa", "PTR")) == ["NXDOMAIN"]


def test_an_address_that_is_in_a_slice_many_times_costs_no_more_and_goes_with_it() -> None:
    made = table(service("s", "None"))
    put(made, endpoints("s", *[("10.42.0.5", "", True)] * 100_000))
    entry = made.vpcs["default"]
    address = bytes((10, 42, 0, 5))
    assert len(made._owners[("default", address)]) == 1, "else it takes minutes"
    assert [each.name for each in made.owners(entry, address)] == ["s"]
    put(made, endpoints("s"))
    assert not made._owners


def test_a_service_may_come_after_its_slices_and_change_its_kind() -> None:
    made = table(endpoints("db", ("10.42.0.5", "a", True)))
    put(made, service("db", "None"))
    responder = Responder(made)
    assert says(ask(responder, "5.0.42.10.in-addr.arpa", "PTR")) == [f"5.0.42.10.in-addr.arpa PTR a.{DB}."]
    put(made, service("db", "10.43.0.7"))
    assert says(ask(responder, DB)) == [f"{DB} A 10.43.0.7"]
    assert says(ask(responder, "5.0.42.10.in-addr.arpa", "PTR")) == ["NXDOMAIN"]


def test_the_same_again_is_no_change() -> None:
    made = everything()
    before = made.generation
    put(made, service("web", "10.43.0.80"), vpc("default", 1))
    assert made.generation == before


def test_an_incomplete_table_does_not_deny_names() -> None:
    made = Table()
    put(made, vpc("default", 1), service("web", "10.43.0.80"))
    responder = Responder(made)
    assert says(ask(responder, WEB)) == [f"{WEB} A 10.43.0.80"]
    assert says(ask(responder, DB)) == ["SERVFAIL"]
    made.complete()
    assert says(ask(responder, DB)) == ["NXDOMAIN"]


def test_a_vpc_id_that_is_given_again_belongs_to_the_new_vpc() -> None:
    made = two_vpcs()
    put(made, vpc("store", SHOP, "10.0.0.0/16"))
    made.remove_vpc("shop")
    responder = Responder(made)
    assert says(ask(responder, "web.shop.svc.cluster.local", number=SHOP)) == ["NXDOMAIN"]
    assert says(ask(responder, "kubernetes.default.svc.cluster.local", number=SHOP)) != ["SERVFAIL"]


def test_a_large_table_fits_and_changes_quickly() -> None:
    made = table()
    for number in range(2_000):
        put(made, service(f"s{number}", "None"))
        found = [(f"10.42.{number % 250}.{host}", "", True) for host in range(10)]
        put(made, endpoints(f"s{number}", *found))
    responder = Responder(made)
    assert len(says(ask(responder, "s1999.default.svc.cluster.local"))) == 10
    for number in range(2_000):
        made.remove_service(("default", f"s{number}"))
        made.remove_slice(("default", f"s{number}"), f"s{number}-1")
    assert not made.services
    assert not list(made.all_slices())
    assert not made._owners
    assert not made._namespaces
