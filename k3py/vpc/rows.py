"""The rows of the VPC daemon's store: keys and values, to bytes and back. Speaks.

::

    format                          "1"
    sequence                        number of the last batch
    node                            NodeRow
    pod/<uid>                       PodRow
    block/<VPC id>/<cidr>           BlockRow
    vpc/<VPC id>                    VpcRow
    released/<pool>/<IPv4>          number: the higher, the later the address was given back
    service/<namespace>/<name>      a Service as the server last said it
    slice/<namespace>/<name>        an EndpointSlice likewise

A pool is a VPC id, or ``outside``.
"""

from ipaddress import IPv4Address, IPv4Network
from typing import Final, TypeVar

import msgspec

from k3py.model import codec
from k3py.model.generated.core_v1 import Service
from k3py.model.generated.discovery_v1 import EndpointSlice
from k3py.model.vpc_socket import HostPort
from k3py.store.errors import Corrupt
from k3py.store.log import Put, Row

FORMAT: Final = 1
OUTSIDE_POOL: Final = "outside"
FORMAT_KEY: Final = b"format"
SEQUENCE_KEY: Final = b"sequence"
NODE_KEY: Final = b"node"

Name = tuple[str, str]
"""Namespace and name."""

T = TypeVar("T")


class _Row(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Base of the rows."""


class NodeRow(_Row, frozen=True):
    """What the node keeps of itself. ``cluster`` 0: none was seen yet. ``boot_id``: of the boot that wrote it."""

    cluster: int = 0
    boot_id: str = ""
    egress_range: str = ""


class Attachment(_Row, frozen=True):
    """What a pod's link hangs on: a network namespace's path, or a TAP device and the guest's MAC address."""

    netns: str = ""
    tap: str = ""
    mac: str = ""
    namespace: str = ""
    name: str = ""
    host_ports: tuple[HostPort, ...] = ()
    device: str = ""


class PodRow(_Row, frozen=True):
    """A pod's addresses, and its attachment when it has one."""

    vpc: str
    vpc_id: int
    ipv4: IPv4Address
    outside_ipv4: IPv4Address | None = None
    outside_native_ipv4: IPv4Address | None = None
    attachment: Attachment | None = None


class BlockRow(_Row, frozen=True):
    """A slice of a VPC that this node owns. ``leaving``: nothing is given from it any more, it is being given back."""

    vpc: str
    vpc_id: int
    cidr: IPv4Network
    leaving: bool = False


class VpcRow(_Row, frozen=True):
    """A VPC as the server last said it. ``gone``: the server has it no longer, but this node has pods of it."""

    id: int
    name: str
    cidr: IPv4Network
    masquerade: bool
    cluster: int
    service_cidr: IPv4Network
    terminating: bool = False
    gone: bool = False

    @property
    def active(self) -> bool:
        """New pods may come."""
        return not self.terminating and not self.gone


class Kept(msgspec.Struct):
    """Everything that the store has. ``released``: address -> number, by pool. ``damaged``: keys of cached objects
    that could not be read; the server says them again."""

    node: NodeRow = NodeRow()
    sequence: int = 0
    pods: dict[str, PodRow] = {}
    blocks: list[BlockRow] = []
    vpcs: dict[int, VpcRow] = {}
    released: dict[str, dict[int, int]] = {}
    services: dict[Name, Service] = {}
    slices: dict[Name, EndpointSlice] = {}
    damaged: list[str] = []


def put_node(row: NodeRow) -> Put:
    """What the node keeps of itself."""
    return NODE_KEY, _encode(row)


def put_pod(uid: str, row: PodRow | None) -> Put:
    """A pod's addresses and attachment; None removes it, here and below."""
    return b"pod/" + uid.encode(), None if row is None else _encode(row)


def put_block(row: BlockRow, *, remove: bool = False) -> Put:
    """A slice that this node owns."""
    return f"block/{row.vpc_id}/{row.cidr}".encode(), None if remove else _encode(row)


def put_vpc(row: VpcRow, *, remove: bool = False) -> Put:
    """A VPC as it is known."""
    return f"vpc/{row.id}".encode(), None if remove else _encode(row)


def put_released(pool: str, address: int, number: int | None) -> Put:
    """When an address was given back, as a number that grows."""
    return f"released/{pool}/{IPv4Address(address)}".encode(), None if number is None else b"%d" % number


def put_service(name: Name, service: Service | None) -> Put:
    """A Service as the server said it."""
    return "/".join(("service", *name)).encode(), None if service is None else codec.encode(service)


def put_slice(name: Name, slice_: EndpointSlice | None) -> Put:
    """An EndpointSlice as the server said it."""
    return "/".join(("slice", *name)).encode(), None if slice_ is None else codec.encode(slice_)


def put_sequence(sequence: int) -> list[Put]:
    """Part of every batch."""
    return [(FORMAT_KEY, b"%d" % FORMAT), (SEQUENCE_KEY, b"%d" % sequence)]


def read_format(value: bytes | None) -> None:
    """Check the format, before anything else is read.

    Raises:
        Corrupt: a newer daemon has written it, or it is no number.
    """
    known = FORMAT if value is None else _number("format", value)
    if known != FORMAT:
        raise Corrupt(f"cannot read the VPC daemon's store: it has format {known}, this program knows {FORMAT}")


def read_row(row: Row, kept: Kept) -> None:
    """Take one row in.

    Raises:
        Corrupt: it is no row of this format, or its value is damaged; the message says which. The store is as it was.
    """
    key, value = _text(row[0]), row[1]
    head, _, rest = key.partition("/")
    if head == "format":
        read_format(value)
    elif head == "sequence":
        kept.sequence = _number(key, value)
    elif head == "node":
        kept.node = _decode(key, value, NodeRow)
    elif head == "pod" and rest:
        kept.pods[rest] = _decode(key, value, PodRow)
    elif head == "block":
        kept.blocks.append(_decode(key, value, BlockRow))
    elif head == "vpc":
        vpc = _decode(key, value, VpcRow)
        kept.vpcs[vpc.id] = vpc
    elif head == "released":
        _read_released(key, rest, value, kept)
    elif head in ("service", "slice"):
        _read_cached(head, rest, value, kept)
    else:
        raise Corrupt(f"cannot read the VPC daemon's store: nobody knows rows like {key!r}; nothing was changed")


def _read_released(key: str, rest: str, value: bytes, kept: Kept) -> None:
    pool, _, address = rest.partition("/")
    try:
        kept.released.setdefault(pool, {})[int(IPv4Address(address))] = _number(key, value)
    except ValueError as error:
        raise _damaged(key, error) from error


def _read_cached(head: str, rest: str, value: bytes, kept: Kept) -> None:
    namespace, _, name = rest.partition("/")
    try:
        if head == "service":
            kept.services[namespace, name] = codec.decode(Service, value)
        else:
            kept.slices[namespace, name] = codec.decode(EndpointSlice, value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        kept.damaged.append(f"{head}/{rest}")


def _encode(row: _Row) -> bytes:
    return msgspec.json.encode(row, enc_hook=str)


def _decode(key: str, value: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(value, type=kind, dec_hook=lambda wanted, text: wanted(text))
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise _damaged(key, error) from error


def _number(key: str, value: bytes) -> int:
    if not value.isdigit() or len(value) > 18:
        raise _damaged(key, ValueError(f"{value[:40]!r} is no number"))
    return int(value)


def _text(key: bytes) -> str:
    try:
        return key.decode()
    except UnicodeDecodeError as error:
        raise _damaged(repr(key), error) from error


def _damaged(key: str, error: Exception) -> Corrupt:
    return Corrupt(f"cannot read {key!r} of the VPC daemon's store: {error}; nothing was changed")
