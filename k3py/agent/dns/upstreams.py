"""Whom to ask for names outside: the VPC's name servers, else the node's own (``/etc/resolv.conf``). Acts: reads it."""

import logging
from collections.abc import Collection, Sequence
from ipaddress import IPv4Network, ip_address
from pathlib import Path
from typing import Final

from k3py.agent.dns.cache import Server
from k3py.agent.dns.entries import NAMESERVERS_MAX, VpcEntry
from k3py.base.clock import Clock
from k3py.model import ghost

log = logging.getLogger(__name__)

PORT: Final = 53
# How often the file is looked at: a stat(2) for a thousand questions is none too many.
LOOK_SECONDS: Final = 1.0
FILE_SIZE_MAX: Final = 64 * 1024


def parse_resolv_conf(text: str) -> tuple[str, ...]:
    """The name servers of a resolv.conf(5); what is no address is left out."""
    found: list[str] = []
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver":
            try:
                found.append(str(ip_address(words[1])))
            except ValueError:
                continue
    return tuple(dict.fromkeys(found))


def servers_of(
    vpc: VpcEntry, host: Sequence[str], own: Collection[str], default: VpcEntry | None = None, port: int = PORT
) -> tuple[Server, ...]:
    """Whom to ask for a VPC, in this order.

    Left out are ``own``, the addresses this server answers on, and the cluster's DNS address in any form: the question
    would come back. And where another VPC names an address of ``default``: the node has a way to its pods, which that
    VPC has not.
    """
    ours = set(own)
    if vpc.service_network:
        address = IPv4Network(vpc.service_network)[10]
        ours |= {str(address)}
        ours |= {str(ghost.Ghost(vpc.cluster, ghost.SYSTEM_VPC, address, native)) for native in (False, True)}
    wanted = vpc.nameservers or host
    if vpc.nameservers and default is not None and default.id != vpc.id:
        wanted = [each for each in wanted if not _is_in(each, IPv4Network(default.network))]
    return tuple((each, port) for each in wanted if each not in ours)[:NAMESERVERS_MAX]


def _is_in(text: str, network: IPv4Network) -> bool:
    address = ip_address(text)
    return address.version == 4 and address in network


class HostResolvConf:
    """The node's name servers, read again when the file changes. Its loopback resolvers stay: the agent lives in the
    host's network, where they answer."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._looked = float("-inf")
        self._stamp: tuple[int, int, int] | None = None
        self._servers: tuple[str, ...] = ()

    def servers(self) -> tuple[str, ...]:
        """The name servers as of now; those of before while the file cannot be read."""
        now = self._clock.monotonic()
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            self._look()
        return self._servers

    def _look(self) -> None:
        try:
            stat = self._path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if stamp == self._stamp:
                return
            with self._path.open(encoding="utf-8", errors="replace") as file:
                text = file.read(FILE_SIZE_MAX)
        except OSError as problem:
            if self._stamp is not None:
                log.warning("cannot read %s, the name servers of before are asked: %s", self._path, problem)
                self._stamp = None
            return
        self._stamp = stamp
        self._servers = parse_resolv_conf(text)
