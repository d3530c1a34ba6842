"""Compiles bpf/*.bpf.c into k3py/vpc/bpf/objects/*.o, those that are older than the sources.

With PyPI's ziglang if it is installed, else with clang. The objects serve every machine: eBPF is one architecture.

Usage: python tools/build_bpf.py
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "bpf"
OBJECTS = ROOT / "k3py/vpc/bpf/objects"
FLAGS = ("-mcpu=v3", "-O2", "-g", "-std=gnu11", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror")


def compiler() -> list[str]:
    """The command that compiles C to eBPF.

    Raises:
        SystemExit: there is none.
    """
    if importlib.util.find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang", "cc", "-target", "bpfel-freestanding-none"]
    if shutil.which("clang"):
        return ["clang", "-target", "bpf"]
    sys.exit("cannot compile the eBPF programs: neither ziglang (pip install ziglang) nor clang is installed")


def build() -> list[Path]:
    """Compile what is out of date; the objects that were written.

    Raises:
        subprocess.CalledProcessError: the compiler refused; what it says is shown.
    """
    newest = max(each.stat().st_mtime for each in SOURCES.rglob("*.[ch]"))
    written = []
    for source in sorted(SOURCES.glob("*.bpf.c")):
        made = OBJECTS / f"{source.name.removesuffix('.bpf.c')}.o"
        if made.exists() and made.stat().st_mtime >= newest:
            continue
        OBJECTS.mkdir(exist_ok=True)
        # Written beside and renamed: whoever reads meanwhile finds the old object or the new one.
        fresh = made.with_suffix(f".{os.getpid()}")
        subprocess.run([*compiler(), *FLAGS, "-c", source, "-o", fresh], check=True, cwd=ROOT)
        fresh.replace(made)
        written.append(made)
    return written


if __name__ == "__main__":
    for each in build():
        print(each.relative_to(ROOT))
