"""How a pod's programs are held at its device: by links, or by filters where the kernel has no links. Acts.

A link is pinned beside the pod's other pins, and its program is detached when the pin goes. A filter belongs to the
device and goes with it; the pod's notes say at which interface to look for it. What the programs were made of is
noted for both alike, so nothing else has to be known of them.
"""

import errno
import struct
from pathlib import Path
from typing import Final, Protocol

from k3py.vpc.bpf import attach, kernel
from k3py.vpc.bpf.abi import Direction
from k3py.vpc.bpf.errors import BpfError
from k3py.vpc.bpf.links import Link
from k3py.vpc.bpf.object_file import AttachType
from k3py.vpc.kernel import notes
from k3py.vpc.kernel.notes import Notes

_TCX: Final = {"from_pod": AttachType.TCX_INGRESS, "to_pod": AttachType.TCX_EGRESS}
_DIRECTION: Final = {"from_pod": Direction.FROM_POD, "to_pod": Direction.TO_POD}
_INTERFACE: Final = {"from_pod": notes.FROM_POD, "to_pod": notes.TO_POD}
# struct bpf_link_info: type, id, program's id; then for tcx the interface's number, which becomes 0 with it.
_LINK_INFO_BYTES: Final = 24
_LINK_INTERFACE_AT: Final = 16


class Attachments(Protocol):
    """Programs by the folder of their pod's pins and their name; interfaces are those of the caller's namespace.

    Raises:
        BpfError, OSError: in every method, when the kernel refuses.
    """

    def attach(self, folder: Path, name: str, program: int, index: int) -> None:
        """Attach a program to an interface, so that it stays; what was held under that name before goes."""
        ...

    def exchange(self, folder: Path, name: str, program: int) -> None:
        """Exchange what is attached; every packet sees the old program or the new one."""
        ...

    def interface(self, folder: Path, name: str) -> int:
        """To which interface it is attached; 0: to none, or to one that is gone."""
        ...

    def detach(self, folder: Path, name: str) -> None:
        """Detach it; it need not be attached. The folder's pin of that name, if any, may stay."""
        ...


class Links:
    """tcx links, for Linux from 6.6 on."""

    def attach(self, folder: Path, name: str, program: int, index: int) -> None:
        """As the protocol says."""
        (folder / name).unlink(missing_ok=True)
        with Link.to_interface(program, index, _TCX[name]) as link:
            link.pin(folder / name)

    def exchange(self, folder: Path, name: str, program: int) -> None:
        """As the protocol says."""
        with Link.open(folder / name) as link:
            link.update(program)

    def interface(self, folder: Path, name: str) -> int:
        """As the protocol says."""
        try:
            with Link.open(folder / name) as link:
                (index,) = struct.unpack_from("<I", kernel.info(link.descriptor, _LINK_INFO_BYTES), _LINK_INTERFACE_AT)
                return int(index)
        except BpfError as error:
            if error.errno == errno.ENOENT:
                return 0
            raise

    def detach(self, folder: Path, name: str) -> None:
        """As the protocol says."""
        (folder / name).unlink(missing_ok=True)


class Filters:
    """Filters at clsact."""

    def __init__(self, noted: Notes) -> None:
        self._notes = noted

    def attach(self, folder: Path, name: str, program: int, index: int) -> None:
        """As the protocol says. It is noted first: what is there and was never noted would be forgotten."""
        self._notes.write_number(folder, _INTERFACE[name], index)
        attach.attach_filter(index, _DIRECTION[name], program)

    def exchange(self, folder: Path, name: str, program: int) -> None:
        """As the protocol says."""
        attach.Filter(self._noted(folder, name), _DIRECTION[name]).update(program)

    def interface(self, folder: Path, name: str) -> int:
        """As the protocol says."""
        index = self._noted(folder, name)
        return index if index and attach.Filter(index, _DIRECTION[name]).exists() else 0

    def detach(self, folder: Path, name: str) -> None:
        """As the protocol says."""
        index = self._noted(folder, name)
        if index:
            remove_filter(index, _DIRECTION[name])

    def _noted(self, folder: Path, name: str) -> int:
        return self._notes.read_number(folder, _INTERFACE[name])


def choose(noted: Notes, filters: bool | None) -> Attachments:
    """The way to attach: ``filters`` or links; None: links where the kernel has them."""
    return Filters(noted) if filters or (filters is None and not attach.has_links()) else Links()


def remove_filter(index: int, direction: Direction) -> None:
    """Take a filter of ours from an interface; neither need be there."""
    found = attach.Filter(index, direction)
    if found.exists():
        found.remove()
