"""The socket programs' tables as soon as the cluster is known: its id is part of services' native addresses. Acts."""

import threading
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Address
from pathlib import Path

from k3py.model.vpc_socket import NOT_READY
from k3py.vpc.ports import NetworkProblem
from k3py.vpc.services.maps import OnNodePorts, ServiceMaps
from k3py.vpc.wanted import PodNetwork, ServicePort


class LateServices:
    """``ServiceMaps`` that are opened when they are first needed. ``cluster`` answers 0 until the id is known.

    Called from several threads. Raises NetworkProblem in every method: NotReady, or what ``ServiceMaps`` raises.
    """

    def __init__(self, folder: Path, cluster: Callable[[], int], on_node_ports: OnNodePorts) -> None:
        self._folder, self._cluster, self._on_node_ports = folder, cluster, on_node_ports
        self._maps: ServiceMaps | None = None
        self._lock = threading.Lock()

    def switch(
        self,
        services: Sequence[ServicePort],
        pods: Mapping[tuple[int, IPv4Address], PodNetwork],
        node_addresses: Sequence[IPv4Address],
    ) -> None:
        """As ``ServiceMaps``."""
        with self._lock:
            self._opened().switch(services, pods, node_addresses)

    def join(self, cookie: int, vpc: int, host: bool, netns: str = "") -> None:
        """As ``ServiceMaps``."""
        with self._lock:
            self._opened().join(cookie, vpc, host, netns)

    def leave(self, cookie: int) -> None:
        """As ``ServiceMaps``."""
        with self._lock:
            self._opened().leave(cookie)

    def repair(self) -> list[str]:
        """As ``ServiceMaps``; nothing is missing before there is anything."""
        with self._lock:
            return self._maps.repair() if self._maps is not None else []

    def close(self) -> None:
        """Give all descriptors back; services go on."""
        with self._lock:
            if self._maps is not None:
                self._maps.close()
                self._maps = None

    def _opened(self) -> ServiceMaps:
        if self._maps is None:
            cluster = self._cluster()
            if not cluster:
                raise NetworkProblem(NOT_READY, "the cluster's id is not known yet")
            self._maps = ServiceMaps(self._folder, cluster, self._on_node_ports)
        return self._maps
