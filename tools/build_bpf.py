"""Compiles bpf/*.bpf.c into k3py/vpc/bpf/objects/*.o, those whose sources have changed.

With PyPI's ziglang if it is installed, else with clang. The objects serve every machine: eBPF is one architecture.
Beside each object lies the digest of what it was made from, so no clock and no checkout can make it look newer.

Usage: python tools/build_bpf.py [--check]

``--check`` writes nothing and fails when an object is missing or out of date.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "bpf"
OBJECTS = ROOT / "k3py/vpc/bpf/objects"
# The compiler that releases and tests use; other versions may warn of other things, so only here warnings are errors.
ZIGLANG = "ziglang==0.17.1"
FLAGS = ("-mcpu=v3", "-O2", "-g", "-std=gnu11", "-Wall", "-Wextra", "-Wno-unused-parameter")
INCLUDE = re.compile(r'^#include "([^"]+)"', re.MULTILINE)


@cache
def clang_works() -> bool:
    """Whether there is a clang that knows eBPF."""
    if not shutil.which("clang"):
        return False
    probe = ["clang", "-target", "bpf", *FLAGS, "-x", "c", "-c", os.devnull, "-o", os.devnull]
    return subprocess.run(probe, capture_output=True).returncode == 0


def has_ziglang() -> bool:
    """Whether PyPI's ziglang is installed for this Python."""
    return importlib.util.find_spec("ziglang") is not None


def compiler() -> list[str]:
    """The command that compiles C to eBPF.

    Raises:
        SystemExit: there is none.
    """
    if has_ziglang():
        return [sys.executable, "-m", "ziglang", "cc", "-target", "bpfel-freestanding-none", "-Werror"]
    if clang_works():
        return ["clang", "-target", "bpf"]
    sys.exit(f"cannot compile the eBPF programs: there is neither ziglang (pip install {ZIGLANG}) nor a clang for eBPF")


def sources(file: Path) -> set[Path]:
    """A source and all that it includes."""
    found, left = set(), [file]
    while left:
        each = left.pop()
        if each not in found:
            found.add(each)
            left += [(each.parent / name).resolve() for name in INCLUDE.findall(each.read_text())]
    return found


def digest(source: Path) -> str:
    """What an object is made from, as a number: all its sources, and how they are compiled."""
    made_from = hashlib.sha256(repr(FLAGS).encode())
    for each in sorted(sources(source)):
        made_from.update(f"{each.relative_to(ROOT)}\n".encode() + each.read_bytes())
    return made_from.hexdigest()


def outdated() -> Iterator[tuple[Path, Path, str]]:
    """Source, object and digest of what has to be compiled."""
    for source in sorted(SOURCES.glob("*.bpf.c")):
        made = OBJECTS / f"{source.name.removesuffix('.bpf.c')}.o"
        wanted, stamp = digest(source), made.with_suffix(".sha256")
        if not made.exists() or not stamp.exists() or stamp.read_text() != wanted:
            yield source, made, wanted


def build() -> list[Path]:
    """Compile what is out of date; the objects that were written.

    Raises:
        subprocess.CalledProcessError: the compiler refused; what it says is shown.
    """
    written = []
    for source, made, wanted in outdated():
        OBJECTS.mkdir(exist_ok=True)
        # Written beside and renamed: whoever reads meanwhile finds the old object or the new one.
        fresh = made.with_suffix(f".{os.getpid()}")
        try:
            subprocess.run([*compiler(), *FLAGS, "-c", source, "-o", fresh], check=True, cwd=ROOT)
            fresh.replace(made)
            fresh.write_text(wanted)
            fresh.replace(made.with_suffix(".sha256"))
        finally:
            fresh.unlink(missing_ok=True)
        written.append(made)
    return written


def main() -> None:
    """Build, or check."""
    if "--check" not in sys.argv[1:]:
        for each in build():
            print(each.relative_to(ROOT))
    elif stale := [each.name for _, each, _ in outdated()]:
        sys.exit(f"out of date: {', '.join(stale)}; run 'python tools/build_bpf.py'")


if __name__ == "__main__":
    main()
