"""Takes away everything of an instance, known by its group, metric and names alone. Acts."""

import shutil
from collections.abc import Callable
from pathlib import Path

from k3py.model.vpc_socket import KERNEL_REFUSED
from k3py.vpc.bpf.abi import Direction
from k3py.vpc.kernel import attachments, links, routes, seen
from k3py.vpc.kernel.grace_periods import grace_periods
from k3py.vpc.kernel.maps import BPFFS
from k3py.vpc.kernel.netlink import NetlinkError, netlink
from k3py.vpc.kernel.nft import Nft
from k3py.vpc.kernel.sysctls import Sysctls
from k3py.vpc.ports import NetworkProblem
from k3py.vpc.wanted import NodeConfig


def pins_folder(config: NodeConfig, bpffs: Path = BPFFS) -> Path:
    """Everything of ours in bpffs; names there have no dots."""
    return bpffs / f"k3py-{config.instance}"


def remove_everything(config: NodeConfig, record: Path, bpffs: Path = BPFFS) -> None:
    """Links, routes, addresses, pins and rules of the instance; sysctls become what they were (``record``).

    A step that fails does not keep the others from being done.

    Raises:
        NetworkProblem: at the end, what could not be done.
    """
    steps: list[Callable[[], None]] = [
        lambda: _remove_links(config),
        lambda: _remove_routes(config),
        lambda: _remove_pins(pins_folder(config, bpffs)),
        Nft(config.table).remove,
        Sysctls(record).restore,
        grace_periods(record).restore,
    ]
    failures = []
    for step in steps:
        try:
            step()
        except (OSError, NetlinkError) as error:
            failures.append(str(error))
    if failures:
        raise NetworkProblem(KERNEL_REFUSED, f"cannot remove everything of {config.table}: {'; '.join(failures)}")


def _remove_links(config: NodeConfig) -> None:
    """Pairs go; a TAP device is its virtual machine's."""
    with netlink() as socket:
        for each in seen.ours(seen.all_links(), config):
            if each.kind == "veth":
                links.remove(socket, each.name)
            else:
                links.release(socket, each.name)
                for direction in Direction:
                    attachments.remove_filter(each.index, direction)


def _remove_routes(config: NodeConfig) -> None:
    with netlink() as socket:
        devices = {each.index: each.name for each in seen.all_links()}
        for route in routes.seen(config, devices):
            routes.remove(socket, config, route, links.index(route.device))
        for address in routes.seen_addresses(socket, config):
            routes.remove_address(socket, address)


def _remove_pins(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
