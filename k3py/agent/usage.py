"""From samples of counters to use per second. Values in, values out; proc(5), cgroups(7)."""

import re
from dataclasses import dataclass
from typing import Final

from k3py.model.usage import Usage

# Two moments this close say more about the scheduler's turns than about the program.
WINDOW_SECONDS_MIN: Final = 1.0
# A container that is younger has no second sample yet: its use since its start is taken (metrics-server does so too).
FRESH_SECONDS_MAX: Final = 60.0
NANOSECONDS: Final = 1_000_000_000
# user, nice, system, irq, softirq of /proc/stat's first line: what is neither idle, waiting, nor somebody else's.
_BUSY_FIELDS: Final = (0, 1, 2, 5, 6)


@dataclass(frozen=True)
class Sample:
    """Counters at one moment: seconds since 1970, CPU time in nanoseconds, memory in bytes."""

    at: float
    cpu_nanoseconds: int
    memory_usage_bytes: int
    working_set_bytes: int


@dataclass(frozen=True)
class Samples:
    """The newest sample and the one before it, None while there is only one."""

    last: Sample
    previous: Sample | None = None

    def add(self, sample: Sample) -> "Samples":
        """With one more. One that comes too early, or from before (the clock was set back), replaces the newest."""
        if sample.at < self.last.at:
            return Samples(sample)
        if sample.at - self.last.at < WINDOW_SECONDS_MIN:
            return Samples(sample, self.previous)
        return Samples(sample, self.last)


def usage_of(samples: Samples, started_at: float = 0.0) -> Usage | None:
    """The use between the two samples, or since ``started_at`` (0: unknown) of what has only just begun."""
    last, first = samples.last, samples.previous
    if first is None and started_at and WINDOW_SECONDS_MIN <= last.at - started_at <= FRESH_SECONDS_MAX:
        first = Sample(started_at, 0, 0, 0)
    if first is None or last.at - first.at < WINDOW_SECONDS_MIN or last.cpu_nanoseconds < first.cpu_nanoseconds:
        return None
    window = last.at - first.at
    return Usage(
        at=last.at,
        window_seconds=window,
        cpu_nanoseconds=last.cpu_nanoseconds,
        cpu_nanocores=int((last.cpu_nanoseconds - first.cpu_nanoseconds) / window),
        memory_usage_bytes=last.memory_usage_bytes,
        working_set_bytes=last.working_set_bytes,
    )


def node_sample(stat: str, meminfo: str, ticks_per_second: int, at: float) -> Sample:
    """The whole machine's counters out of ``/proc/stat`` and ``/proc/meminfo``. What cannot be read counts as 0."""
    memory = {
        match[1]: int(match[2]) * 1024 for match in re.finditer(r"^([\w()]+):\s+(\d+) kB$", meminfo, re.MULTILINE)
    }
    used = max(0, memory.get("MemTotal", 0) - memory.get("MemFree", 0))
    return Sample(
        at=at,
        cpu_nanoseconds=_busy_ticks(stat) * NANOSECONDS // ticks_per_second,
        memory_usage_bytes=used,
        working_set_bytes=max(0, used - memory.get("Inactive(file)", 0)),
    )


def boot_time(stat: str) -> float:
    """When the machine was started, in seconds since 1970; 0.0 when ``/proc/stat`` does not say."""
    found = re.search(r"^btime (\d+)$", stat, re.MULTILINE)
    return float(found[1]) if found else 0.0


def _busy_ticks(stat: str) -> int:
    found = re.search(r"^cpu +(.+)$", stat, re.MULTILINE)
    fields = found[1].split() if found else []
    return sum(int(fields[each]) for each in _BUSY_FIELDS if each < len(fields) and fields[each].isdecimal())
