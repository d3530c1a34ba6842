"""How this node's pod network does, judged from facts. Decides; ``vpc_doctor`` finds them out and shows the result."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from k3py.cli.checks import Level, Result
from k3py.model.vpc_socket import Pong, VpcEntry

# So many pods are named when something is wrong with all of them.
NAMED_MAX: Final = 5
# The daemon compares everything with what it wants this often (seconds), and repairs what differs.
RECHECK_SECONDS: Final = 10


@dataclass(frozen=True)
class NetworkFacts:
    """What is so. Without ``pong`` the daemon does not answer, ``unavailable`` says why, and only ``log`` is known.

    ``pods`` are those that the daemon knows, as people call them; ``bare`` those of them without programs in the
    kernel. ``table``: the nft table of ours, ``table_exists`` None when nft cannot be asked.
    """

    log: str
    unavailable: str = ""
    pong: Pong | None = None
    vpcs: Sequence[VpcEntry] = ()
    pods: Sequence[str] = ()
    bare: Sequence[str] = ()
    table: str = ""
    table_exists: bool | None = True


def examine_network(facts: NetworkFacts) -> list[Result]:
    """Every check; without the daemon there is only one."""
    if facts.pong is None:
        remedy = f"'k3py up' starts it; {facts.log} says why it ended"
        return [Result("VPC daemon", Level.FAIL, facts.unavailable, remedy)]
    return [check(facts, facts.pong) for check in CHECKS]


def _daemon(facts: NetworkFacts, pong: Pong) -> Result:
    if not pong.ready:
        return Result("VPC daemon", Level.FAIL, f"not ready: {pong.why}", f"{facts.log} says more")
    return Result("VPC daemon", Level.OK, f"ready on node {pong.node}, packets of up to {pong.mtu} bytes")


def _server(facts: NetworkFacts, pong: Pong) -> Result:
    if pong.in_contact:
        return Result("server", Level.OK, f"in contact, cluster {pong.cluster:08x}")
    said = "away: what this node knows goes on, and new pods get addresses of its blocks"
    return Result("server", Level.WARN, said, f"start it ('k3py up'), or see {facts.log} why it is not reached")


def _vpcs(facts: NetworkFacts, pong: Pong) -> Result:
    if not facts.vpcs:
        return Result("VPCs", Level.WARN, "none is known yet", "they come from the server at the first contact")
    names = ", ".join(f"{each.name} ({each.pods})" for each in facts.vpcs)
    return Result("VPCs", Level.OK, f"{len(facts.vpcs)} with pods of this node: {names}")


def _programs(facts: NetworkFacts, pong: Pong) -> Result:
    if not facts.bare:
        return Result("programs", Level.OK, f"{len(facts.pods)} pods, each with its programs")
    more = "" if len(facts.bare) <= NAMED_MAX else ", ..."
    said = f"missing from {', '.join(facts.bare[:NAMED_MAX])}{more}"
    remedy = f"they are repaired within {RECHECK_SECONDS} s; if not, {facts.log} says why"
    return Result("programs", Level.FAIL, said, remedy)


def _rules(facts: NetworkFacts, pong: Pong) -> Result:
    if facts.table_exists is None:
        return Result("rules", Level.WARN, "the nft command cannot be asked", "apt-get install nftables")
    if not facts.table_exists:
        remedy = f"it is repaired within {RECHECK_SECONDS} s; if not, {facts.log} says why"
        return Result("rules", Level.FAIL, f"table inet {facts.table} is missing", remedy)
    return Result("rules", Level.OK, f"table inet {facts.table}")


CHECKS: Final[Sequence[Callable[[NetworkFacts, Pong], Result]]] = (_daemon, _server, _vpcs, _programs, _rules)
