"""``k3py vpc doctor``: whether this node's pod network is as it should be, and what to do if not."""

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

from k3py.base.paths import Paths
from k3py.cli.app import Failure
from k3py.cli.options import JsonOrText, wants_json
from k3py.model.vpc_socket import PodCounters, Pong, VpcEntry

if TYPE_CHECKING:
    from k3py.cli.vpc_checks import NetworkFacts
    from k3py.client.vpc import VpcClient

PINS: Final = Path("/sys/fs/bpf")
NFT_SECONDS: Final = 5.0


def vpc_doctor(output: JsonOrText = "") -> None:
    """Check this node's pod network: the daemon, what it made in the kernel, the host. Says how to mend it."""
    from k3py.cli.host_network import network_results
    from k3py.cli.reporting import print_results
    from k3py.cli.vpc_checks import examine_network

    as_json, paths = wants_json(output), Paths.from_environment()
    facts = gather_network(paths)
    results = [*examine_network(facts), *network_results(paths, daemon_runs=facts.pong is not None)]
    print_results(results, as_json=as_json)


def gather_network(paths: Paths) -> "NetworkFacts":
    """What the daemon says and what is in the kernel."""
    from k3py.cli.vpc_checks import NetworkFacts
    from k3py.cli.vpc_daemon import ask
    from k3py.vpc.kernel.names import pin_name

    log = str(paths.log / "vpc.log")
    try:
        pong, vpcs, pods = ask(_ask)
    except Failure as failure:
        return NetworkFacts(log, unavailable=str(failure).partition(";")[0])
    table = f"k3py-{paths.instance_id}"
    pins = PINS / table / "pods"
    named = {each.pod_uid: f"{each.namespace}/{each.name}" if each.name else each.pod_uid for each in pods}
    return NetworkFacts(
        log=log,
        pong=pong,
        vpcs=vpcs,
        pods=list(named.values()),
        bare=[name for uid, name in named.items() if not (pins / pin_name(uid)).exists()],
        table=table,
        table_exists=_table_exists(table),
    )


async def _ask(client: "VpcClient") -> tuple[Pong, list[VpcEntry], list[PodCounters]]:
    pong = await client.ping()
    if not pong.ready:
        return pong, [], []
    return pong, list(await client.list_vpcs()), list(await client.counters())


def _table_exists(table: str) -> bool | None:
    try:
        done = subprocess.run(["nft", "list", "table", "inet", table], capture_output=True, timeout=NFT_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.returncode == 0
