"""``k3py vpc``: this node's network in one process. What it made lives in the kernel and outlives it."""

import asyncio
import ipaddress
import logging
import os
import random
import socket
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from k3py.base.backoff import Backoff
from k3py.base.clock import Clock, SystemClock
from k3py.base.paths import Paths, make_private, write_private
from k3py.base.tasks import Tasks
from k3py.client.http import HttpClient
from k3py.daemons.process import StatusFile, die, notify, serve_until_told
from k3py.daemons.settings import BadSetting, VpcSettings
from k3py.model.vpc_socket import AnyRequest
from k3py.pki.credentials import Credentials, NodeCredentials
from k3py.pki.errors import PkiError
from k3py.pki.rotation import install, keep_fresh
from k3py.vpc.answering import answer
from k3py.vpc.daemon import Machine, VpcDaemon
from k3py.vpc.egress import SHARED, choose_egress_range
from k3py.vpc.host import attachment_exists, boot_id
from k3py.vpc.kernel.host_addresses import groups_of_links, host_ipv4, host_routes, underlay_mtu
from k3py.vpc.kernel.maps import BPFFS
from k3py.vpc.kernel.names import is_other_node_group, node_group
from k3py.vpc.kernel.netlink import NetlinkError
from k3py.vpc.kernel.node import KernelNode
from k3py.vpc.kernel.reset import pins_folder
from k3py.vpc.kernel.ruleset import DnatRule
from k3py.vpc.ports import NetworkProblem
from k3py.vpc.records import Records, log_in
from k3py.vpc.services.late import LateServices
from k3py.vpc.services.table import service_ports
from k3py.vpc.socket_server import SocketServer, make_room
from k3py.vpc.wanted import NodeConfig

log = logging.getLogger(__name__)

# The agent joins within a second; on a node without a server it may take until somebody starts one.
FIRST_WAIT_SECONDS: Final = 0.05
WAIT_SECONDS_MAX: Final = 2.0
SERVICES_RECHECK_SECONDS: Final = 10.0
# IPv6 asks for no less (RFC 8200, 5), and pods get 28 bytes less than the network between nodes carries.
MTU_MIN: Final = 1280 + 28
MTU_MAX: Final = 65_535


class VpcProcess:
    """One VPC daemon: opens its records, takes up what the kernel has, listens, and follows the server."""

    def __init__(self, settings: VpcSettings, config: NodeConfig, paths: Paths, clock: Clock | None = None) -> None:
        self._settings = settings
        self._paths = paths
        self._clock = clock or SystemClock()
        self._source = random.Random()
        self._status = StatusFile(paths.run / "vpc.json")
        self._tasks = Tasks(lambda name, problem: die(f"{name} failed: {problem!r}"))
        self._config = config
        folder = pins_folder(self._config, BPFFS) / "services"
        self._services = LateServices(folder, self._cluster, self._node_ports)
        self._node = KernelNode(self._config, paths.state, services=self._services, on_drop=self._on_drop)
        self._daemon: VpcDaemon | None = None
        self._socket: SocketServer | None = None
        self._client: HttpClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        # Asking the kernel takes longer the more links there are, and services are switched with every pod.
        self._addresses: Sequence[ipaddress.IPv4Address] = ()

    async def start(self) -> None:
        """Take up what was there, with or without a server; then answer on the socket.

        Raises:
            BadSetting: a setting cannot be used.
            CannotOpen, LogFailed: the records cannot be read or written.
            NetworkProblem: the kernel or the host cannot do what is needed.
            AlreadyServed: another daemon has the socket.
        """
        self._loop = asyncio.get_running_loop()
        self._addresses = await asyncio.to_thread(self._host_addresses)
        make_private(self._paths.state / "vpc")
        # Before the store is opened, which fences the daemon that has the socket.
        make_room(self._paths.vpc_socket)
        records = Records(log_in(self._paths.state / "vpc/store"), die)
        kept = await records.open()
        machine = Machine(
            node=self._node,
            services=self._services,
            translate=service_ports,
            node_addresses=lambda: self._addresses,
            exists=attachment_exists,
            boot_id=boot_id(),
            offload=asyncio.to_thread,
        )
        daemon = VpcDaemon(self._config, records, kept, machine, self._clock, self._source, die)
        await self._node.start()
        self._daemon = daemon
        await daemon.start()

        async def serve(request: AnyRequest) -> Any:
            return await answer(daemon, request)

        self._socket = SocketServer(self._paths.vpc_socket, serve)
        await self._socket.start()
        self._tasks.start(self._follow(daemon), "first certificate")
        self._tasks.start(self._recheck_services(daemon), "re-check of the services")
        self._status.write(node=self._config.node_name)
        notify("READY=1", os.environ)
        log.info("the network of node %s is served; egress range %s", self._config.node_name, self._config.egress_range)

    async def stop(self) -> None:
        """End; the kernel goes on."""
        if self._socket is not None:
            await self._socket.stop()
        await self._tasks.stop()
        if self._daemon is not None:
            await self._daemon.stop()
        await self._node.stop()
        self._services.close()
        if self._client is not None:
            await self._client.close()
        self._status.remove()

    # --- the parts, for one another

    def _cluster(self) -> int:
        return self._daemon.state.cluster if self._daemon is not None else 0

    def _on_drop(self, record: bytes) -> None:
        if self._daemon is not None:
            self._daemon.on_drop(record)

    def _node_ports(self, rules: Sequence[DnatRule]) -> None:
        """Called from the thread that switches the services."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._node.set_node_ports, rules)

    async def _recheck_services(self, daemon: VpcDaemon) -> None:
        """What no message tells of: pins that somebody removed, and addresses that the host got."""
        while True:
            await asyncio.sleep(SERVICES_RECHECK_SECONDS)
            try:
                missing = await asyncio.to_thread(self._services.repair)
                addresses = await asyncio.to_thread(self._host_addresses)
            except (NetworkProblem, NetlinkError, OSError) as problem:
                log.warning("not repaired: %s", problem)
                continue
            if missing:
                log.warning("pins were missing: %s", ", ".join(missing))
            if addresses != self._addresses:
                self._addresses = addresses
                daemon.feed.poke()

    def _host_addresses(self) -> list[ipaddress.IPv4Address]:
        return host_ipv4([self._config.group, node_group(self._config)])

    # --- the server

    async def _follow(self, daemon: VpcDaemon) -> None:
        """Follow the server as this node, with the certificate that the agent gets and renews."""
        folder = NodeCredentials(self._paths.agent_state / "pki", self._config.node_name, self._clock, self._source)
        credentials = await self._first(folder)
        context = credentials.context()
        self._client = HttpClient([self._settings.server], context)
        daemon.follow(self._client)
        backoff = Backoff(self._source, 1.0, 60.0)

        async def renewed() -> bytes:
            fresh = folder.load()
            if fresh is None:
                raise PkiError("the agent has no certificate")
            install(context, fresh.certificate_pem, fresh.key_pem)
            return fresh.certificate_pem

        await keep_fresh(credentials.certificate_pem, renewed, self._clock, backoff)

    async def _first(self, folder: NodeCredentials) -> Credentials:
        backoff = Backoff(self._source, FIRST_WAIT_SECONDS, WAIT_SECONDS_MAX)
        while True:
            found = folder.load()
            if found is not None:
                return found
            await asyncio.sleep(backoff.next_seconds())


def node_config(settings: VpcSettings, paths: Paths) -> NodeConfig:
    """What stays the same as long as the daemon runs. A range that is chosen here is kept for the next start.

    Asks the kernel, which a thread with a running event loop cannot.

    Raises:
        BadSetting: a setting cannot be used.
        NetworkProblem: no range is free.
    """
    mtu = settings.mtu or underlay_mtu()
    if not MTU_MIN <= mtu <= MTU_MAX:
        raise BadSetting(f"cannot use mtu {mtu}: it has to be within {MTU_MIN} and {MTU_MAX} bytes")
    config = NodeConfig(
        instance=paths.instance_id,
        node_name=settings.node_name or socket.gethostname().lower(),
        egress_range=_egress_range(settings, paths),
        mtu=mtu,
        host_access=settings.host_access,
    )
    if config.host_access and any(is_other_node_group(config, each) for each in groups_of_links()):
        log.warning("another cluster owns this host's routes to pods and services: only pods reach this one's")
        return replace(config, host_access=False)
    return config


def _egress_range(settings: VpcSettings, paths: Paths) -> ipaddress.IPv4Network:
    kept = paths.state / "vpc/egress-range"
    try:
        if settings.egress_range:
            return ipaddress.IPv4Network(settings.egress_range)
        if kept.exists():
            return ipaddress.IPv4Network(kept.read_text().strip())
    except ValueError as error:
        raise BadSetting(f"cannot use egress-range: {error}") from None
    chosen = choose_egress_range(paths.instance_id, host_routes())
    write_private(kept, f"{chosen}\n".encode())
    return chosen


async def remove_network(paths: Paths) -> None:
    """Take away everything that this instance's VPC daemon made on the host; what it changed becomes as it was.

    Raises:
        NetworkProblem: at the end, what could not be taken away.
    """
    if not (paths.state / "vpc").exists():
        return
    # Only the instance counts: settings that can be used no more keep nobody from leaving.
    await KernelNode(NodeConfig(paths.instance_id, "", SHARED), paths.state).remove_all()


async def run(settings: VpcSettings, paths: Paths) -> None:
    """Be a VPC daemon until told to stop."""
    if not settings.server.startswith("https://"):
        raise BadSetting(f"cannot use server {settings.server!r}: give the URL of a server, https://host:6443")
    process = VpcProcess(settings, await asyncio.to_thread(node_config, settings, paths), paths)
    await serve_until_told(process.start, process.stop)
