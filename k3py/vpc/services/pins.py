"""The socket programs in the kernel: their maps and links, pinned so that they go on without any daemon. Acts.

Below the folder are ``maps/<name>`` and ``links/<program>``. Starting and recovering are the same: what is there is
taken over, what is missing is made, and every link gets the programs of this release.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from k3py.vpc.bpf.links import Link
from k3py.vpc.bpf.loader import Loaded, read_object
from k3py.vpc.bpf.maps import Map
from k3py.vpc.bpf.object_file import MapDefinition

OBJECT: Final = "services"
MAPS: Final = "maps"
LINKS: Final = "links"


class Pins:
    """All maps by name, held open together with the links; closing changes nothing in the kernel.

    Raises:
        OSError: the kernel refused, in every method.
        ObjectError: the compiled object is missing or damaged.
    """

    def __init__(self, folder: Path, cgroup: Path) -> None:
        """Adopt or make everything; ``cgroup`` is the folder whose processes' sockets are resolved."""
        self._folder = folder
        self.maps: dict[str, Map] = {}
        self._links: dict[str, Link] = {}
        with ExitStack() as undo:
            self._open(cgroup, undo)
            self._held = undo.pop_all()

    def _open(self, cgroup: Path, undo: ExitStack) -> None:
        parsed = read_object(OBJECT)
        for each in (MAPS, LINKS):
            (self._folder / each).mkdir(parents=True, exist_ok=True)
        for name, definition in parsed.maps.items():
            adopted = _adopted(self._folder / MAPS / name, definition)
            if adopted is not None:
                self.maps[name] = undo.enter_context(adopted)
        with Loaded(parsed, {}, self.maps) as loaded:
            for name in parsed.maps.keys() - self.maps.keys():
                loaded.maps[name].pin(self._folder / MAPS / name)
                self.maps[name] = undo.enter_context(Map.open(self._folder / MAPS / name))
            # Addresses are shown as services' before any is resolved: programs that resolve come last.
            for program in sorted(parsed.programs, key=lambda each: each.name.startswith(("svc_connect", "svc_send"))):
                path, descriptor = self._folder / LINKS / program.name, loaded.programs[program.name]
                link = _exchanged(path, descriptor)
                if link is None:
                    link = Link.to_cgroup(descriptor, cgroup, program.attach)
                    undo.callback(link.close)
                    link.pin(path)
                else:
                    undo.callback(link.close)
                self._links[program.name] = link
        self._forget_strangers()

    def _forget_strangers(self) -> None:
        """An older release may have had other maps and programs."""
        for kind, ours in ((LINKS, self._links.keys()), (MAPS, self.maps.keys())):
            for name in set(os.listdir(self._folder / kind)) - ours:
                (self._folder / kind / name).unlink(missing_ok=True)

    def repair(self) -> list[str]:
        """Give back the names that somebody took away in bpffs; which ones."""
        repaired = []
        for kind, path, held in self._everything():
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                held.pin(path)
                repaired.append(f"{kind}/{path.name}")
        return repaired

    def close(self) -> None:
        """Give the descriptors back; what is pinned goes on."""
        self._held.close()

    def _everything(self) -> Iterator[tuple[str, Path, Map | Link]]:
        for name, held in self.maps.items():
            yield MAPS, self._folder / MAPS / name, held
        for name, link in self._links.items():
            yield LINKS, self._folder / LINKS / name, link


def remove(folder: Path) -> None:
    """Detach the programs pinned below the folder and forget their maps; nothing is done where nothing is."""
    for kind in (LINKS, MAPS):
        place = folder / kind
        for name in os.listdir(place) if place.exists() else ():
            (place / name).unlink(missing_ok=True)
        if place.exists():
            place.rmdir()
    if folder.exists():
        folder.rmdir()


def _exchanged(path: Path, program: int) -> Link | None:
    """The link pinned there, with a new program; None when there is none, or its cgroup is gone."""
    if not path.exists():
        return None
    link = Link.open(path)
    try:
        link.update(program)
    except OSError as error:
        link.close()
        if error.errno != errno.ENOLINK:
            raise
        path.unlink()
        return None
    return link


def _adopted(path: Path, wanted: MapDefinition) -> Map | None:
    """The map pinned there; None when there is none, or one of an older release that these programs cannot use."""
    if not path.exists():
        return None
    found = Map.open(path)
    has = (found.kind, found.key_size, found.value_size, found.entries_max)
    if has == (wanted.kind, wanted.key_size, wanted.value_size, wanted.entries_max):
        return found
    found.close()
    path.unlink()
    return None
