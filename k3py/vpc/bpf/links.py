"""Links: a program attached to an interface or a cgroup. A pinned link outlives whoever made it. Acts."""

import os
from pathlib import Path

from k3py.vpc.bpf import kernel
from k3py.vpc.bpf.object_file import AttachType


class Link:
    """A link by its descriptor, which it owns. Closing the last descriptor of an unpinned link detaches its program.

    Raises:
        BpfError: in every method, when the kernel refuses.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    @classmethod
    def to_interface(cls, program: int, index: int, attach: AttachType) -> "Link":
        """Attach to an interface of the network namespace that the caller is in (tcx)."""
        return cls(kernel.link_create(program, index, attach))

    @classmethod
    def to_cgroup(cls, program: int, folder: Path, attach: AttachType) -> "Link":
        """Attach to a folder of the cgroup2 hierarchy, for all processes below it."""
        target = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            return cls(kernel.link_create(program, target, attach))
        finally:
            os.close(target)

    @classmethod
    def open(cls, path: Path) -> "Link":
        """The link pinned there."""
        return cls(kernel.get_pinned(str(path)))

    def update(self, program: int) -> None:
        """Exchange the program at once: every packet sees the old one or the new one."""
        kernel.link_update(self.descriptor, program)

    def pin(self, path: Path) -> None:
        """Let the link live on under a name in bpffs; unlinking the name detaches it."""
        kernel.pin(self.descriptor, str(path))

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.descriptor)

    def __enter__(self) -> "Link":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
