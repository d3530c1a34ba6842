"""The name table as bytes, for an agent that starts while no server answers. Speaks."""

from ipaddress import IPv4Address, IPv4Network, ip_address
from typing import Final

import msgspec

from k3py.agent.dns.entries import ServiceEntry, SliceEntry, VpcEntry
from k3py.agent.dns.table import Table
from k3py.model import ghost

# 10,000 Services take two megabytes; a file that is larger than this is not ours, or helps nobody.
SIZE_MAX: Final = 32 * 1024 * 1024
VERSION: Final = 1


class Snapshot(msgspec.Struct, frozen=True):
    """All entries of a table, as of one moment; slices only of headless Services, as nothing else needs them."""

    version: int
    vpcs: tuple[VpcEntry, ...]
    services: tuple[ServiceEntry, ...]
    slices: tuple[SliceEntry, ...]


class BadSnapshot(ValueError):
    """The bytes are no snapshot of this version; the message says why."""


_decoder: Final = msgspec.json.Decoder(Snapshot)


def encode(table: Table) -> bytes:
    """The table as JSON; it may exceed ``SIZE_MAX``, and is not worth keeping then."""
    services = table.services
    headless = {key for key, each in services.items() if each.headless}
    slices = tuple(each for each in table.all_slices() if each.key in headless)
    return msgspec.json.encode(Snapshot(VERSION, tuple(table.vpcs.values()), tuple(services.values()), slices))


def decode(data: bytes) -> Snapshot:
    """The entries in these bytes.

    Raises:
        BadSnapshot: they are too many, no JSON, of another version, or not in shape.
    """
    if len(data) > SIZE_MAX:
        raise BadSnapshot(f"it has more than {SIZE_MAX} bytes")
    try:
        found = _decoder.decode(data)
    except msgspec.DecodeError as error:
        raise BadSnapshot(f"it cannot be read: {error}") from error
    if found.version != VERSION:
        raise BadSnapshot(f"it is of version {found.version}; only {VERSION} is known")
    addresses = [address for each in found.services for address in each.addresses]
    addresses += [each.address for made in found.slices for each in made.endpoints]
    try:
        for address in addresses:
            ip_address(address)
        for vpc in found.vpcs:
            IPv4Network(vpc.network)
            IPv4Network(vpc.service_network or vpc.network)
            ghost.Ghost(vpc.cluster, vpc.id, IPv4Address(0))
    except ValueError as error:
        raise BadSnapshot(str(error)) from error
    return found


def restore(table: Table, found: Snapshot) -> None:
    """Put everything into a table, which is complete then."""
    for vpc in found.vpcs:
        table.put_vpc(vpc)
    for service in found.services:
        table.put_service(service)
    for made in found.slices:
        table.put_slice(made)
    table.complete()
