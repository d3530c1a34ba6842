"""A pod's programs at the host end of its link, in the best way that the kernel has. Acts.

tcx links, where there are any (Linux 6.6): they can be pinned, and are gone when their pin is. Else filters of the
classifier ``bpf`` at the queueing discipline ``clsact``: they live and go with their device, and nothing pins them.
Which of the two it is, the kernel says when it is tried; its version says nothing about what was built into it. Either
way ``update`` lets every packet see the old program or the new one, never none.

The caller is in the network namespace of the interface.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol, cast

from pyroute2.iproute.linux import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from k3py.vpc.bpf import kernel
from k3py.vpc.bpf.abi import Direction
from k3py.vpc.bpf.errors import BpfError, NotSupportedError
from k3py.vpc.bpf.links import Link
from k3py.vpc.bpf.object_file import AttachType, ProgramType

_TCX: Final = {Direction.FROM_POD: AttachType.TCX_INGRESS, Direction.TO_POD: AttachType.TCX_EGRESS}
# The two hooks of clsact (linux/pkt_sched.h): TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS and TC_H_MIN_EGRESS).
_PARENT: Final = {Direction.FROM_POD: 0xFFFF_FFF2, Direction.TO_POD: 0xFFFF_FFF3}
# Which of a hook's filters is ours. The devices are ours alone, so there are no others.
_PRIORITY: Final = 1
_HANDLE: Final = 1
# How the kernel says that there is no such interface, or no such hook at it.
_ABSENT: Final = frozenset({errno.ENODEV, errno.EINVAL, errno.ENOENT})
# "Let it pass": r0 = 0; exit.
_NOTHING: Final = bytes.fromhex("b7000000000000009500000000000000")
# The largest number of an interface; nobody has it.
_NO_INTERFACE: Final = 0x7FFF_FFFF


class Attachment(Protocol):
    """A program at one side of an interface.

    Raises:
        BpfError: in every method, when the kernel refuses.
    """

    def update(self, program: int) -> None:
        """Exchange the program at once."""
        ...

    def pin(self, path: Path) -> None:
        """Let it live on when this process ends. A filter does so anyway, and nothing is made at the path."""
        ...

    def close(self) -> None:
        """Give back what this process holds. A tcx link without a pin ends here; a filter ends with its device."""
        ...


class Filter:
    """A program as filter at clsact, by interface and direction."""

    def __init__(self, index: int, direction: Direction) -> None:
        self._index, self._direction = index, direction

    def attach(self, program: int) -> None:
        """Make the hook if it is not there, and put the program in it."""
        with _netlink(self._index) as netlink:
            try:
                netlink.tc("add", "clsact", self._index)
            except NetlinkError as error:
                if error.code != errno.EEXIST:
                    raise
            self._put(netlink, program)

    def update(self, program: int) -> None:
        """Exchange the program; the kernel replaces a filter of the same handle in one step."""
        with _netlink(self._index) as netlink:
            self._put(netlink, program)

    def pin(self, path: Path) -> None:
        """Nothing to do: the device keeps it."""

    def close(self) -> None:
        """Nothing to do: no descriptor is held."""

    def exists(self) -> bool:
        """Whether there is such a filter now."""
        try:
            with _netlink(self._index) as netlink:
                found = list(netlink.get_filters(index=self._index, parent=_PARENT[self._direction]))
        except BpfError as error:
            if error.errno in _ABSENT:
                return False
            raise
        return any(each["handle"] == _HANDLE and each.get("kind") == "bpf" for each in found)

    def remove(self) -> None:
        """Take it away; packets pass unchecked from now on, unless something else holds them."""
        with _netlink(self._index) as netlink:
            parent = _PARENT[self._direction]
            netlink.tc("del-filter", "bpf", self._index, _HANDLE, parent=parent, prio=_PRIORITY)

    def _put(self, netlink: Any, program: int) -> None:
        netlink.tc(
            "replace-filter", "bpf", self._index, _HANDLE, fd=program, name=f"k3py_{self._direction.name.lower()}",
            parent=_PARENT[self._direction], prio=_PRIORITY, direct_action=True,
        )  # fmt: skip


def has_links() -> bool:
    """Whether this kernel has tcx links: tried at an interface that does not exist, so nothing is attached.

    Raises:
        BpfError: the kernel takes no programs at all.
    """
    program = kernel.program_load("nothing", ProgramType.SCHED_CLS, AttachType.TCX_INGRESS, _NOTHING)
    try:
        Link.to_interface(program, _NO_INTERFACE, AttachType.TCX_INGRESS).close()
    except NotSupportedError:
        return False
    except BpfError as error:
        if error.errno != errno.ENODEV:
            raise
    finally:
        os.close(program)
    return True


def attach(index: int, direction: Direction, program: int) -> Attachment:
    """Attach a program to an interface.

    Raises:
        BpfError: neither way was possible.
    """
    try:
        return Link.to_interface(program, index, _TCX[direction])
    except NotSupportedError:
        return attach_filter(index, direction, program)


def attach_filter(index: int, direction: Direction, program: int) -> Filter:
    """The same as a filter, whether or not there is a better way."""
    made = Filter(index, direction)
    made.attach(program)
    return made


def find(index: int, direction: Direction, pin: Path) -> Attachment | None:
    """What an earlier process attached there and pinned, if it did; the caller closes it."""
    try:
        return Link.open(pin)
    except BpfError as error:
        if error.errno != errno.ENOENT:
            raise
    existing = Filter(index, direction)
    return existing if existing.exists() else None


@contextmanager
def _netlink(index: int) -> Iterator[Any]:
    """A netlink socket in the caller's namespace, for work on an interface; its errors become ours."""
    opened: Any = cast(Any, IPRoute)()  # its methods are made at run time
    try:
        yield opened
    except NetlinkError as error:
        raise BpfError(error.code, f"cannot set the filters of interface {index}: {error}") from error
    finally:
        opened.close()
