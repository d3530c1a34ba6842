"""What is known of a pod's programs beside their pins: numbers in a small map, pinned among them. Acts."""

import struct
import threading
from pathlib import Path
from typing import Final

from k3py.vpc.bpf.object_file import MapDefinition
from k3py.vpc.kernel.maps import open_if_there, open_or_make

NAME: Final = "mark"
_ARRAY: Final = 2
_BYTES: Final = 32
# Of what the attached programs were made; the number of the pod's namespace; the interfaces of the two programs.
MARK, COOKIE, FROM_POD, TO_POD = range(4)
_MAP: Final = MapDefinition(NAME, _ARRAY, 4, _BYTES, 4, 0, 0, 0)


class Notes:
    """Notes of any pod, by the folder of its pins. Threads may share it.

    Raises:
        BpfError, OSError: in every method, when the kernel refuses.
    """

    def __init__(self) -> None:
        self._making = threading.Lock()

    def write(self, folder: Path, note: int, value: bytes) -> None:
        """Note up to 32 bytes."""
        folder.mkdir(parents=True, exist_ok=True)
        with self._making, open_or_make(folder / NAME, _MAP) as noted:
            noted[struct.pack("<I", note)] = value.ljust(_BYTES, b"\0")

    def read(self, folder: Path, note: int) -> bytes:
        """What was noted, zeros where nothing was; empty: there are no notes."""
        noted = open_if_there(folder / NAME)
        if noted is None:
            return b""
        with noted:
            try:
                return noted[struct.pack("<I", note)]
            except KeyError:
                return b""

    def write_number(self, folder: Path, note: int, number: int) -> None:
        """Note a number below 2**64."""
        self.write(folder, note, struct.pack("<Q", number))

    def read_number(self, folder: Path, note: int) -> int:
        """The number that was noted; 0: none."""
        (number,) = struct.unpack_from("<Q", self.read(folder, note).ljust(8, b"\0"))
        return int(number)
