"""What became of a pod's packets: reads the counters that its two programs keep. Acts."""

from dataclasses import dataclass

from k3py.vpc.bpf.abi import OUTCOMES_MAX, Counter, Direction, Outcome
from k3py.vpc.bpf.maps import Map


@dataclass(frozen=True)
class Total:
    """Packets and bytes of one outcome."""

    packets: int
    bytes: int


def read_counters(counters: Map, direction: Direction) -> dict[Outcome, Total]:
    """What became of a pod's packets so far, summed over all CPUs; outcomes that never happened are left out."""
    totals = {}
    for outcome in Outcome:
        key = int(direction * OUTCOMES_MAX + outcome).to_bytes(4, "little")
        values = [Counter.from_buffer_copy(each) for each in counters.per_cpu(key)]
        total = Total(sum(each.packets for each in values), sum(each.bytes for each in values))
        if total.packets:
            totals[outcome] = total
    return totals
