"""Making a folder power-safe.

SlateDB syncs no file and no folder. With the attributes S and D (``chattr +S +D``), set before the first file is
there, the kernel does it for every file below (ext4 inherits them): after a simulated power cut every store opened
and had every acknowledged row; without, none opened.
"""

import fcntl
import os
import struct
from pathlib import Path
from typing import Final

# linux/fs.h
FS_IOC_GETFLAGS: Final = 0x80086601
FS_IOC_SETFLAGS: Final = 0x40086602
FS_SYNC_FL: Final = 0x00000008
FS_DIRSYNC_FL: Final = 0x00010000

_FLAGS: Final = struct.Struct("l")


def make_power_safe(folder: Path) -> str | None:
    """Make the folder with mode 0700 if it is not there, and have everything below it written synchronously.

    Returns None when that is so, else a warning for people: the file system does not know the attributes (tmpfs,
    overlay, NFS, macOS), or files were there before, which do not have them.

    Raises:
        OSError: the folder cannot be made.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    wanted = FS_SYNC_FL | FS_DIRSYNC_FL
    try:
        had = _change_flags(folder, wanted)
    except OSError as problem:
        return (
            f"a power cut may destroy the store in {folder}: its file system cannot write synchronously "
            f"({problem.strerror}); use ext4, or a bucket"
        )
    if had & wanted != wanted and any(folder.iterdir()):
        return (
            f"a power cut may destroy the store in {folder}: it was filled before its folder was made synchronous; "
            f"run chattr -R +S +D {folder} while the server is stopped"
        )
    return None


def _change_flags(folder: Path, wanted: int) -> int:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        had: int = _FLAGS.unpack(fcntl.ioctl(descriptor, FS_IOC_GETFLAGS, bytes(_FLAGS.size)))[0]
        if had & wanted != wanted:
            fcntl.ioctl(descriptor, FS_IOC_SETFLAGS, _FLAGS.pack(had | wanted))
        return had
    finally:
        os.close(descriptor)
