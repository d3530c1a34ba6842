"""Makes programs and maps of a compiled object. Acts."""

import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from k3py.vpc.bpf import kernel, object_file
from k3py.vpc.bpf.errors import ObjectError
from k3py.vpc.bpf.maps import Map
from k3py.vpc.bpf.object_file import Data, MapDefinition, ObjectFile

OBJECTS: Final = Path(__file__).parent / "objects"

_ARRAY: Final = 2
_READ_ONLY_FOR_PROGRAMS: Final = 1 << 7
# Kinds of maps that may carry type information for their fields.
_DESCRIBED: Final = frozenset({1, 2, 5, 6, 9, 10, 11})


class Loaded:
    """Programs (descriptors by name) and maps (by name) of one object, as long as the context lasts.

    What is attached or pinned lives on behind it. Shared maps belong to whoever passed them in.
    """

    def __init__(self, parsed: ObjectFile, constants: Mapping[str, bytes], shared: Mapping[str, Map]) -> None:
        """Load everything.

        Raises:
            ObjectError: a constant or shared map does not fit the object.
            VerifierError, BpfError: the kernel refused.
        """
        self.maps: dict[str, Map] = {}
        self.programs: dict[str, int] = {}
        with ExitStack() as undo:
            self._load(parsed, parsed.with_constants(constants), shared, undo)
            self._resources = undo.pop_all()

    def close(self) -> None:
        """Give all descriptors back."""
        self._resources.close()

    def __enter__(self) -> "Loaded":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _load(self, parsed: ObjectFile, data: Mapping[int, Data], shared: Mapping[str, Map], undo: ExitStack) -> None:
        btf = kernel.btf_load(parsed.btf_for_kernel)
        undo.callback(os.close, btf)
        for name, definition in parsed.maps.items():
            if name in shared:
                self.maps[name] = _fitting(shared[name], definition)
            else:
                described = btf if definition.kind in _DESCRIBED else None
                self.maps[name] = undo.enter_context(Map(kernel.map_create(definition, described)))
        sections = {index: undo.enter_context(_data_map(each)) for index, each in data.items()}
        for program in parsed.programs:
            code = object_file.linked(
                program,
                {name: each.descriptor for name, each in self.maps.items()},
                {index: each.descriptor for index, each in sections.items()},
            )
            descriptor = kernel.program_load(program.name, program.kind, program.attach, code)
            undo.callback(os.close, descriptor)
            self.programs[program.name] = descriptor


def _fitting(existing: Map, wanted: MapDefinition) -> Map:
    has = (existing.kind, existing.key_size, existing.value_size)
    if has != (wanted.kind, wanted.key_size, wanted.value_size):
        raise ObjectError(f"the existing map {wanted.name} has (type, key, value) {has}, which the program cannot use")
    return existing


def _data_map(data: Data) -> Map:
    name = data.section.replace(".", "_")[-kernel.NAME_LENGTH_MAX :]
    definition = MapDefinition(name, _ARRAY, 4, len(data.content), 1, 0, 0, 0)
    section = Map(kernel.map_create(definition, extra_flags=_READ_ONLY_FOR_PROGRAMS if data.read_only else 0))
    try:
        section[bytes(4)] = data.content
        if data.read_only:
            kernel.map_freeze(section.descriptor)
    except BaseException:
        section.close()
        raise
    return section


def read_object(name: str) -> ObjectFile:
    """The object of that name that came with the package.

    Raises:
        ObjectError: it is missing or damaged.
    """
    path = OBJECTS / f"{name}.o"
    try:
        return object_file.parse(path.read_bytes())
    except FileNotFoundError as error:
        raise ObjectError(f"{path} is missing: tools/build_bpf.py makes it") from error
