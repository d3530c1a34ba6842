"""Each pod's two programs: loaded, attached, exchanged, pinned. Acts.

Pins of a pod, in ``pods/<pin name>``: ``from_pod`` and ``to_pod`` (links), ``counters``, and ``mark``, a map with what
the programs were made of and the number of the namespace that the socket programs know.
"""

import errno
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from k3py.vpc.bpf import kernel
from k3py.vpc.bpf.abi import Direction, Outcome
from k3py.vpc.bpf.counters import Total, read_counters
from k3py.vpc.bpf.errors import BpfError
from k3py.vpc.bpf.links import Link
from k3py.vpc.bpf.loader import Loaded
from k3py.vpc.bpf.maps import Map
from k3py.vpc.bpf.object_file import AttachType, MapDefinition
from k3py.vpc.kernel.maps import COUNTERS, OBJECT_NAMES, SharedMaps, open_if_there, open_or_make
from k3py.vpc.kernel.values import Programs

ATTACH: Final = {"from_pod": AttachType.TCX_INGRESS, "to_pod": AttachType.TCX_EGRESS}
MARK: Final = "mark"

_ARRAY: Final = 2
_MARK_BYTES: Final = 32
_MARK_MAP: Final = MapDefinition("mark", _ARRAY, 4, _MARK_BYTES, 2, 0, 0, 0)
_MARK_KEY, _COOKIE_KEY = (struct.pack("<I", each) for each in range(2))
# struct bpf_link_info: type, id, program's id; then for tcx the interface's number, which becomes 0 with it.
_LINK_INFO_BYTES: Final = 24
_LINK_INTERFACE_AT: Final = 16


class PodPrograms:
    """The pins of all pods of the node, below ``folder``.

    Raises:
        BpfError, OSError: in every method, when the kernel refuses.
    """

    def __init__(self, folder: Path, shared: SharedMaps) -> None:
        self._pods = folder / "pods"
        self._shared = shared
        self._pods.mkdir(parents=True, exist_ok=True)

    def counters_map(self, pin: str) -> Map:
        """The pod's counters, those that it has or new ones; to be closed."""
        folder = self._pods / pin
        folder.mkdir(parents=True, exist_ok=True)
        return open_or_make(folder / COUNTERS, self._shared.counters)

    def load(self, name: str, settings: bytes, counters: Map) -> Loaded:
        """One program, verified with the pod's constants and attached to nothing; to be closed."""
        maps = {**self._shared.maps, COUNTERS: counters}
        return Loaded(self._shared.objects[name], {"settings_constant": settings}, maps)

    def attach(self, pin: str, name: str, program: int, index: int) -> None:
        """Attach a program to an interface of the caller's namespace, and pin the link; an older pin goes."""
        path = self._pods / pin / name
        path.unlink(missing_ok=True)
        with Link.to_interface(program, index, ATTACH[name]) as link:
            link.pin(path)

    def exchange(self, pin: str, programs: Mapping[str, int]) -> None:
        """Exchange what is attached; no packet is lost."""
        for name, program in programs.items():
            with Link.open(self._pods / pin / name) as link:
                link.update(program)

    def mark(self, pin: str, mark: bytes) -> None:
        """Note what the attached programs were made of."""
        self._note(pin, _MARK_KEY, mark)

    def note_cookie(self, pin: str, cookie: int) -> None:
        """Note the number of the pod's namespace."""
        self._note(pin, _COOKIE_KEY, struct.pack("<Q", cookie).ljust(_MARK_BYTES, b"\0"))

    def cookie(self, pin: str) -> int:
        """The number that was noted; 0: none."""
        (number,) = struct.unpack_from("<Q", self._noted(pin, _COOKIE_KEY).ljust(8, b"\0"))
        return int(number)

    def pins(self) -> list[str]:
        """The names under which pods are pinned."""
        return sorted(each.name for each in self._pods.iterdir()) if self._pods.is_dir() else []

    def see(self, pin: str) -> Programs | None:
        """What is pinned of a pod; None: nothing."""
        folder = self._pods / pin
        if not folder.is_dir():
            return None
        from_pod, to_pod = (_interface(folder / name) for name in OBJECT_NAMES)
        return Programs(from_pod, to_pod, self._noted(pin, _MARK_KEY))

    def see_all(self) -> dict[str, Programs]:
        """What is pinned, by name."""
        return {pin: seen for pin in self.pins() if (seen := self.see(pin)) is not None}

    def remove(self, pin: str) -> None:
        """Unpin everything of a pod."""
        folder = self._pods / pin
        if folder.is_dir():
            for each in folder.iterdir():
                each.unlink(missing_ok=True)
            folder.rmdir()

    def counters(self, pin: str) -> dict[Direction, dict[Outcome, Total]]:
        """What became of a pod's packets; empty when nothing is pinned."""
        counters = open_if_there(self._pods / pin / COUNTERS)
        if counters is None:
            return {}
        with counters:
            return {each: read_counters(counters, each) for each in Direction}

    def _note(self, pin: str, key: bytes, value: bytes) -> None:
        folder = self._pods / pin
        folder.mkdir(parents=True, exist_ok=True)
        with open_or_make(folder / MARK, _MARK_MAP) as noted:
            noted[key] = value

    def _noted(self, pin: str, key: bytes) -> bytes:
        noted = open_if_there(self._pods / pin / MARK)
        if noted is None:
            return b""
        with noted:
            return noted[key]


def _interface(path: Path) -> int:
    try:
        with Link.open(path) as link:
            (index,) = struct.unpack_from("<I", kernel.info(link.descriptor, _LINK_INFO_BYTES), _LINK_INTERFACE_AT)
            return int(index)
    except BpfError as error:
        if error.errno == errno.ENOENT:
            return 0
        raise
