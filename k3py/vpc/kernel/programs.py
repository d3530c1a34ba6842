"""Each pod's two programs: loaded, attached, exchanged, pinned. Acts.

Pins of a pod, in ``pods/<pin name>``: ``from_pod`` and ``to_pod`` (links, where the kernel has them), ``counters``, and
``mark``, the pod's notes.
"""

from collections.abc import Mapping
from pathlib import Path

from k3py.vpc.bpf.abi import Direction, Outcome
from k3py.vpc.bpf.counters import Total, read_counters
from k3py.vpc.bpf.loader import Loaded
from k3py.vpc.bpf.maps import Map
from k3py.vpc.kernel import attachments, notes
from k3py.vpc.kernel.maps import COUNTERS, OBJECT_NAMES, SharedMaps, open_if_there, open_or_make
from k3py.vpc.kernel.notes import Notes
from k3py.vpc.kernel.values import Programs


class PodPrograms:
    """The pins of all pods of the node, below ``folder``. ``filters``: how to attach, as in ``attachments.choose``.

    Raises:
        BpfError, OSError: in every method, when the kernel refuses.
    """

    def __init__(self, folder: Path, shared: SharedMaps, filters: bool | None = None) -> None:
        self._pods = folder / "pods"
        self._shared, self._notes = shared, Notes()
        self._attachments = attachments.choose(self._notes, filters)
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
        """Attach a program to an interface of the caller's namespace, so that it stays."""
        self._attachments.attach(self._pods / pin, name, program, index)

    def exchange(self, pin: str, programs: Mapping[str, int]) -> None:
        """Exchange what is attached; no packet is lost."""
        for name, program in programs.items():
            self._attachments.exchange(self._pods / pin, name, program)

    def mark(self, pin: str, mark: bytes) -> None:
        """Note what the attached programs were made of."""
        self._notes.write(self._pods / pin, notes.MARK, mark)

    def note_cookie(self, pin: str, cookie: int) -> None:
        """Note the number of the pod's namespace."""
        self._notes.write_number(self._pods / pin, notes.COOKIE, cookie)

    def cookie(self, pin: str) -> int:
        """The number that was noted; 0: none."""
        return self._notes.read_number(self._pods / pin, notes.COOKIE)

    def pins(self) -> list[str]:
        """The names under which pods are pinned."""
        return sorted(each.name for each in self._pods.iterdir()) if self._pods.is_dir() else []

    def see(self, pin: str) -> Programs | None:
        """What is pinned of a pod; None: nothing."""
        folder = self._pods / pin
        if not folder.is_dir():
            return None
        from_pod, to_pod = (self._attachments.interface(folder, name) for name in OBJECT_NAMES)
        return Programs(from_pod, to_pod, self._notes.read(folder, notes.MARK))

    def see_all(self) -> dict[str, Programs]:
        """What is pinned, by name."""
        return {pin: seen for pin in self.pins() if (seen := self.see(pin)) is not None}

    def remove(self, pin: str) -> None:
        """Detach and unpin everything of a pod."""
        folder = self._pods / pin
        if folder.is_dir():
            for name in OBJECT_NAMES:
                self._attachments.detach(folder, name)
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
