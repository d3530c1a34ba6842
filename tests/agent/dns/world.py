"""Objects for the name table, and a client that reads answers with dnspython, which shares no code with ours."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network

import dns.message
import dns.rcode
import dns.rdatatype

from k3py.agent.dns import entries
from k3py.agent.dns.responder import Forward, Responder
from k3py.agent.dns.table import Table
from k3py.model import ghost, vpc_v1
from k3py.model.generated import core_v1, discovery_v1, meta_v1

CLUSTER = 0xC0FFEE01
SHOP, BANK = 7, 8


def vpc(name: str, number: int, cidr: str = "10.42.0.0/16", *nameservers: str) -> vpc_v1.VPC:
    prefix = ghost.block(CLUSTER, number, IPv4Network("0.0.0.0/0"))
    return vpc_v1.VPC(
        metadata=meta_v1.ObjectMeta(name=name),
        spec=vpc_v1.VPCSpec(cidr=cidr, dns=vpc_v1.VPCDNS(nameservers=list(nameservers)) if nameservers else None),
        status=vpc_v1.VPCStatus(phase="Active", vpc_id=number, prefix=str(prefix), service_cidr="10.43.0.0/16"),
    )


def meta(name: str, namespace: str, vpc: str, **labels: str) -> meta_v1.ObjectMeta:
    found = {key.replace("__", "/"): value for key, value in labels.items()}
    if vpc:
        found[vpc_v1.VPC_LABEL] = vpc
    return meta_v1.ObjectMeta(name=name, namespace=namespace, labels=found)


def service(
    name: str,
    address: str = "",
    *,
    namespace: str = "default",
    vpc: str = "",
    families: Sequence[str] = ("IPv4",),
    ports: Sequence[tuple[str, str, int]] = (("http", "TCP", 80),),
    external: str = "",
    not_ready: bool = False,
) -> core_v1.Service:
    spec = core_v1.ServiceSpec(
        type="ExternalName" if external else "ClusterIP",
        cluster_ip=address,
        cluster_ips=[address] if address else [],
        ip_families=list(families),
        external_name=external,
        publish_not_ready_addresses=not_ready,
        ports=[core_v1.ServicePort(name=each, protocol=protocol, port=port) for each, protocol, port in ports],
    )
    return core_v1.Service(metadata=meta(name, namespace, vpc), spec=spec)


def endpoints(
    service: str,
    *found: tuple[str, str, bool],
    name: str = "",
    namespace: str = "default",
    vpc: str = "",
    port: int = 8080,
    family: str = "IPv4",
) -> discovery_v1.EndpointSlice:
    """A slice; each endpoint is its address, host name and readiness."""
    about = meta(name or f"{service}-1", namespace, vpc)
    about.labels[entries.SERVICE_NAME] = service
    return discovery_v1.EndpointSlice(
        metadata=about,
        address_type=family,
        endpoints=[
            discovery_v1.Endpoint(
                addresses=[address],
                hostname=host or None,
                conditions=discovery_v1.EndpointConditions(ready=ready),
            )
            for address, host, ready in found
        ],
        ports=[discovery_v1.EndpointPort(name="http", protocol="TCP", port=port)],
    )


def put(table: Table, *objects: object) -> None:
    for each in objects:
        if isinstance(each, core_v1.Service):
            table.put_service(entries.service_entry(each))
        elif isinstance(each, discovery_v1.EndpointSlice):
            made = entries.slice_entry(each)
            assert made is not None
            table.put_slice(made)
        elif isinstance(each, vpc_v1.VPC):
            known = entries.vpc_entry(each)
            assert known is not None
            table.put_vpc(known)


def table(*objects: object) -> Table:
    """A complete table with the VPCs ``default``, ``shop`` and ``bank``; the last two have the same range."""
    made = Table()
    put(made, vpc("default", 1), vpc("shop", SHOP, "10.0.0.0/16"), vpc("bank", BANK, "10.0.0.0/16"), *objects)
    made.complete()
    return made


def source(number: int, address: str = "10.42.0.9", *, native: bool = False, cluster: int = CLUSTER) -> str:
    """The source address of a pod's query."""
    return str(ghost.Ghost(cluster, number, IPv4Address(address), native))


def ask(
    responder: Responder, name: str, kind: str = "A", number: int = 1, *, edns: bool = False, tcp: bool = False
) -> dns.message.Message:
    """What a pod of VPC ``number`` is answered."""
    query = dns.message.make_query(name, kind, use_edns=0 if edns else -1, payload=1232 if edns else None)
    data = query.to_wire()
    asked = source(number)
    answer = (None if tcp else responder.ready(data, asked)) or responder.decide(data, asked, tcp=tcp)
    assert isinstance(answer, bytes), answer
    assert len(answer) <= (65_535 if tcp else 1232 if edns else 512)
    message = dns.message.from_wire(answer)
    assert query.is_response(message)
    return message


def forwarded(responder: Responder, name: str, kind: str = "A", number: int = 1) -> Forward:
    wanted = responder.decide(dns.message.make_query(name, kind).to_wire(), source(number))
    assert isinstance(wanted, Forward), wanted
    return wanted


def says(message: dns.message.Message) -> list[str]:
    """The answer section, a record a line, sorted; the result's name if there is none."""
    found = [
        f"{rrset.name.to_text(omit_final_dot=True)} {dns.rdatatype.to_text(rrset.rdtype)} {each.to_text()}"
        for rrset in message.answer
        for each in rrset
    ]
    return sorted(found) or [dns.rcode.to_text(message.rcode())]


def native(number: int, address: str) -> str:
    return source(number, address, native=True)
