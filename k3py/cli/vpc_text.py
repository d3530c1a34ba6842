"""What the VPC daemon's answers look like, and which pod somebody means. Decides."""

import ipaddress
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from k3py.cli.app import NOT_FOUND, Failure
from k3py.model.vpc_socket import Count, DropEvent, PodCounters, Reachability

# How the host itself, which is one pod of the daemon's, is called on the command line.
HOST: Final = "node"
COUNTER_HEADINGS: Final = ["NAMESPACE", "POD", "VPC", "IPV4", "DIRECTION", "OUTCOME", "PACKETS", "BYTES", "MEANING"]
DROP_HEADINGS: Final = ["TIME", "POD", "DIRECTION", "PROTOCOL", "SOURCE", "DESTINATION", "BYTES", "REASON", "MEANING"]
# What every pod's kernel sends and nobody misses: group membership, neighbour discovery.
CHATTER: Final = frozenset({"DROP_MULTICAST", "DROP_NEIGHBOR"})
_DIRECTIONS: Final = {"FromPod": "from pod", "ToPod": "to pod"}


def find_uid(pods: Sequence[PodCounters], word: str, namespace: str) -> str:
    """The uid of the pod that ``POD`` or ``NAMESPACE/POD`` means; ``node`` is the host itself.

    Raises:
        Failure: this node has no such pod.
    """
    place, slash, name = word.rpartition("/")
    if not slash:
        place = namespace
    for each in pods:
        if (each.namespace, each.name) == (place, name) or (not each.namespace and word == each.pod_uid == HOST):
            return each.pod_uid
    raise Failure(f"pod {name} of namespace {place} has no network on this node", NOT_FOUND)


def is_address(word: str) -> bool:
    """Whether this is an IP address and not a pod's name."""
    try:
        ipaddress.ip_address(word)
    except ValueError:
        return False
    return True


def counter_rows(pods: Sequence[PodCounters]) -> list[list[str]]:
    """A line for each thing that happened to packets of a pod, drops last; one line for a pod without packets."""
    rows = []
    for pod in sorted(pods, key=lambda each: (each.namespace, each.name, each.pod_uid)):
        head = [pod.namespace or "-", pod.name or pod.pod_uid, pod.vpc, pod.ipv4]
        counts = [each for each in pod.counts if each.packets]
        counts.sort(key=lambda each: (each.dropped, each.direction, each.outcome))
        rows += [[*head, *_count_cells(each)] for each in counts] or [[*head, "-", "-", "0", "0", ""]]
    return rows


def _count_cells(count: Count) -> list[str]:
    meaning = f"dropped: {count.meaning}" if count.dropped else count.meaning
    return [direction(count.direction), count.outcome, str(count.packets), str(count.bytes), meaning]


def shown_drops(events: Iterable[DropEvent], uids: Collection[str], *, chatter: bool) -> list[DropEvent]:
    """Those of these pods (none: of all), without ``CHATTER`` unless it is asked for."""
    return [each for each in events if (not uids or each.pod_uid in uids) and (chatter or each.outcome not in CHATTER)]


def drop_row(event: DropEvent) -> list[str]:
    """One dropped packet as a line; the time is UTC."""
    when = datetime.fromtimestamp(event.time, UTC).strftime("%H:%M:%S.%f")[:-3]
    pod = f"{event.namespace}/{event.name}" if event.name else event.pod_uid or "-"
    return [
        when,
        pod,
        direction(event.direction),
        event.protocol or "-",
        endpoint(event.source, event.source_port),
        endpoint(event.destination, event.destination_port),
        str(event.length),
        event.outcome,
        event.meaning,
    ]


def direction(word: str) -> str:
    """``FromPod`` as people say it."""
    return _DIRECTIONS.get(word, word)


def endpoint(address: str, port: int) -> str:
    """``10.42.0.5:80``, ``[fd6b::1]:80``, or ``-`` when there is none."""
    if not address:
        return "-"
    if not port:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def with_names(found: Reachability, pods: Sequence[PodCounters]) -> Reachability:
    """The verdict with pods' names where the daemon, which others ask too, writes uids."""

    def named(text: str) -> str:
        for each in pods:
            if each.name:
                text = text.replace(each.pod_uid, f"{each.namespace}/{each.name}")
        return text

    return Reachability(reachable=found.reachable, why=named(found.why), way=tuple(map(named, found.way)))


def reachability_text(found: Reachability) -> str:
    """The verdict, why, and the steps."""
    lines = [f"{'reachable' if found.reachable else 'not reachable'}: {found.why}"]
    lines += [f"  {number}. {step}" for number, step in enumerate(found.way, 1)]
    return "".join(f"{line}\n" for line in lines)
