"""What requests and limits become in cgroup files, and what those files say. Pure; cgroups(7), cgroup-v2.rst."""

from typing import Final

CPU_PERIOD_MICROSECONDS: Final = 100_000
CPU_SHARES_MIN: Final = 2  # the kernel's bounds of cpu.shares
CPU_SHARES_MAX: Final = 262_144
CPU_QUOTA_MICROSECONDS_MIN: Final = 1_000  # the kernel refuses less than one millisecond
NO_LIMIT_V1: Final = -1


def cpu_shares(request_milli: int) -> int:
    """``cpu.shares`` for a request: 1024 per core, at least 2 (kubelet's MilliCPUToShares)."""
    return max(CPU_SHARES_MIN, min(CPU_SHARES_MAX, request_milli * 1024 // 1000))


def cpu_weight(request_milli: int) -> int:
    """``cpu.weight`` (1 to 10000) for a request, by the linear map of shares that OCI runtimes use (KEP-2254)."""
    return 1 + ((cpu_shares(request_milli) - 2) * 9999) // 262_142


def cpu_quota_microseconds(limit_milli: int) -> int:
    """CPU time per ``CPU_PERIOD_MICROSECONDS`` for a limit, at least a millisecond."""
    return max(CPU_QUOTA_MICROSECONDS_MIN, limit_milli * CPU_PERIOD_MICROSECONDS // 1000)


def parse_flat_keyed(text: str) -> dict[str, int]:
    """A "flat keyed" file (``memory.stat``, ``memory.events``, ``cpu.stat``): one ``name number`` per line.

    Lines of another form are skipped: kernels add some.
    """
    found = {}
    for line in text.splitlines():
        name, _, number = line.partition(" ")
        if number.strip().isdecimal():
            found[name] = int(number)
    return found


def parse_number(text: str) -> int:
    """A single number; ``max`` and anything else that is none counts as 0."""
    stripped = text.strip()
    return int(stripped) if stripped.isdecimal() else 0
