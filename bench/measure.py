"""What all benchmarks share: one row of a result, the host they ran on, processor time and memory of a process."""

import os
import platform
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def row(name: str, unit: str, ours: float, *, load: str, target: float | None = None, **more: Any) -> Row:
    """One figure: what was measured, under which load, and what it was meant to be.

    ``target`` is a least value when the unit is a rate (``1/s``), else a greatest one.
    """
    found: Row = {"name": name, "load": load, "unit": unit, "ours": rounded(ours)}
    if target is not None:
        met = ours >= target if unit == "1/s" else ours <= target
        found |= {"target": target, "met": met}
    return found | {key: rounded(value) if isinstance(value, float) else value for key, value in more.items()}


def peer(ours: float, theirs: float, name: str, how: str) -> Row:
    """What to add to a row for the value of somebody else; ``how`` is "same run" or where it was recorded."""
    return {"peer": name, "peer_value": rounded(theirs), "peer_how": how, "ratio": round(ours / theirs, 2)}


def rounded(value: float) -> float:
    """Three significant digits are more than a shared machine gives."""
    return round(value, 1) if abs(value) >= 100 else round(value, 3)


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Median and 99th percentile in milliseconds."""
    ordered = sorted(seconds)
    late = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return {"p50_ms": statistics.median(ordered) * 1e3, "p99_ms": late * 1e3}


def host() -> dict[str, Any]:
    """The machine, and how busy it is."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_average": os.getloadavg()[0],
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def cpu_seconds(pid: int) -> float:
    """Processor time of a process, all its threads, the ended ones too (clock_getcpuclockid(3))."""
    return time.clock_gettime((~pid << 3) | 2)


def memory_mb(pid: int, what: str) -> float:
    """Memory of a process in MB (10^6 bytes): ``Rss``, or ``Pss``, in which shared pages count in proportion."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise ValueError(f"/proc/{pid}/smaps_rollup has no line {what}")


def file_system(folder: Path) -> str:
    """Type of the file system that a folder is on (/proc/self/mounts)."""
    target = folder.resolve()
    mounts = [line.split()[1:3] for line in Path("/proc/self/mounts").read_text().splitlines()]
    fitting = [(len(point), kind) for point, kind in mounts if target.is_relative_to(point)]
    return max(fitting)[1]
