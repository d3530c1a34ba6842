"""What hatchling does before it builds a wheel, editable or not: the eBPF programs are compiled into the package."""

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).resolve().parent / "tools"))

import build_bpf


class CompilePrograms(BuildHookInterface[Any]):
    """Compiles ``bpf/`` into ``k3py/vpc/bpf/objects``; the objects are declared as artifacts in pyproject.toml."""

    def dependencies(self) -> list[str]:
        """A compiler, where there is none yet and the objects do not lie there already."""
        if build_bpf.has_ziglang() or build_bpf.clang_works() or not list(build_bpf.outdated()):
            return []
        return [build_bpf.ZIGLANG]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile what is out of date."""
        build_bpf.build()
