"""Writes the entries of one layer below ``/``, in the form that overlayfs reads.

It runs inside a chroot of the layer's own fresh folder, so that nothing an archive says can reach outside; on top of
that ``..`` is refused and no symbolic link is followed on the way to a file. Whiteouts become character devices 0/0,
opaque directories get ``trusted.overlay.opaque`` (kernel ``Documentation/filesystems/overlayfs.rst``); the layer format
is that of the OCI image specification, ``layer.md``. Only the standard library.
"""

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from k3py.image import tar_stream as tar
from k3py.image.errors import CorruptImage, ImageTooLarge
from k3py.image.tar_stream import Entry, TarStream

WHITEOUT_PREFIX: Final = b".wh."
OPAQUE_MARK: Final = b".wh..wh..opq"
_OPAQUE_ATTRIBUTE: Final = b"trusted.overlay.opaque"

# Deeper trees cannot be removed by shutil.rmtree, which recurses; the deepest known ones (node_modules) stay below 100.
DEPTH_MAX: Final = 256
# The kernel's PATH_MAX.
PATH_BYTES_MAX: Final = 4095
# Writers that leave out folders (crane, bazel) add a handful of files; beyond this the folders keep mode 0755.
IMPLIED_BYTES_MAX: Final = 256 * 1024
# 32-bit ids; the last one means "no change" to chown.
ID_MAX: Final = 2**32 - 2
# What every Linux file system can hold: ext4 with 256-byte inodes ends in the year 2446.
MTIME_SECONDS_MAX: Final = 2**33

# An attribute of another name could forge overlayfs' or a security module's own records, so this list says what stays.
_KEPT_ATTRIBUTES: Final = (b"security.capability", b"system.posix_acl_access", b"system.posix_acl_default")


@dataclass
class Written:
    """What a layer came to. ``bytes`` is the sum of its files' sizes."""

    entries: int = 0
    bytes: int = 0


class LayerWriter:
    """Applies one archive below ``root`` (``b""`` within a chroot; the folder belongs to this layer alone)."""

    def __init__(self, entries_max: int, root: bytes = b"") -> None:
        self._entries_max = entries_max
        self._root = root
        self._folders: set[tuple[bytes, ...]] = {()}
        self._implied: set[tuple[bytes, ...]] = {()}
        self._hidden: set[tuple[bytes, ...]] = set()
        self._folder_times: dict[bytes, int] = {}
        self.written = Written()

    def apply(self, archive: TarStream) -> None:
        """Write every entry of the archive, then the folders' times.

        Raises:
            CorruptImage: an entry breaks a rule or the archive is damaged.
            ImageTooLarge: there are more entries than allowed.
            OSError: the file system refuses, for example since it is full.
        """
        for entry in archive:
            self.written.entries += 1
            if self.written.entries > self._entries_max:
                raise ImageTooLarge(f"it holds more than {self._entries_max} files")
            self._apply_entry(entry, archive)
        for path, mtime_ns in self._folder_times.items():
            os.utime(path, ns=(mtime_ns, mtime_ns), follow_symlinks=False)

    def implied_folders(self) -> list[str]:
        """The folders made only since something lies in them, as far as the bound allows; ``""`` is the root."""
        found, left = [], IMPLIED_BYTES_MAX
        for parts in sorted(self._implied):
            path = b"/".join(parts)
            left -= len(path)
            if left < 0:
                break
            found.append(path.decode("utf-8", "surrogateescape"))
        return found

    def _apply_entry(self, entry: Entry, archive: TarStream) -> None:
        parts = components(entry.name)
        if not parts:
            if entry.kind == tar.DIRECTORY:
                self._implied.discard(())
                self._set_attributes(self._path(()), entry)
            return
        self._make_parents(parts[:-1])
        base = parts[-1]
        if base == OPAQUE_MARK:
            os.setxattr(self._path(parts[:-1]), _OPAQUE_ATTRIBUTE, b"y", follow_symlinks=False)
        elif base.startswith(WHITEOUT_PREFIX):
            self._white_out(parts)
        else:
            self._write(entry, parts, archive)

    def _write(self, entry: Entry, parts: tuple[bytes, ...], archive: TarStream) -> None:
        path = self._path(parts)
        if entry.kind == tar.REGULAR:
            self._write_file(path, parts, entry, archive.contents())
        elif entry.kind == tar.DIRECTORY:
            self._make_folder(parts)
            self._implied.discard(parts)
            self._set_attributes(path, entry)
        elif entry.kind == tar.HARD_LINK:
            self._link(path, parts, entry)
        else:
            self._clear(path, parts)
            if entry.kind == tar.SYMBOLIC_LINK:
                _make_link(entry, path)
            else:
                _make_node(entry, path)
            self._set_attributes(path, entry)

    def _path(self, parts: tuple[bytes, ...]) -> bytes:
        return self._root + b"/" + b"/".join(parts)

    def _make_parents(self, parts: tuple[bytes, ...]) -> None:
        if parts in self._folders:
            return
        for depth in range(1, len(parts) + 1):
            if parts[:depth] not in self._folders:
                self._make_folder(parts[:depth])
                self._implied.add(parts[:depth])

    def _make_folder(self, parts: tuple[bytes, ...]) -> None:
        """A real directory at this place: whatever else is there, also a link to a directory, is replaced."""
        if parts in self._folders:
            return
        path = self._path(parts)
        try:
            os.mkdir(path, 0o755)
        except FileExistsError:
            self._clear(path, parts)
            os.mkdir(path, 0o755)
        if parts in self._hidden:
            # A whiteout came first: the directory is new, and nothing of lower layers may shine through.
            os.setxattr(path, _OPAQUE_ATTRIBUTE, b"y", follow_symlinks=False)
        self._folders.add(parts)

    def _clear(self, path: bytes, parts: tuple[bytes, ...]) -> None:
        """Take away what an earlier entry of this layer left there."""
        try:
            os.unlink(path)
        except FileNotFoundError:
            return
        except (IsADirectoryError, PermissionError):
            shutil.rmtree(path)
            depth = len(parts)
            self._folders = {folder for folder in self._folders if folder[:depth] != parts}
            self._implied &= self._folders
            below = path + b"/"
            for folder in [f for f in self._folder_times if f == path or f.startswith(below)]:
                del self._folder_times[folder]

    def _white_out(self, parts: tuple[bytes, ...]) -> None:
        name = parts[-1][len(WHITEOUT_PREFIX) :]
        if name.startswith(WHITEOUT_PREFIX):
            # Reserved by the old aufs driver (".wh..wh.plnk"); means nothing to anybody else.
            return
        if name in (b"", b".", b".."):
            raise CorruptImage(f"{_show(parts[-1])} is no whiteout")
        target = (*parts[:-1], name)
        self._hidden.add(target)
        path = self._path(target)
        try:
            os.mknod(path, stat.S_IFCHR, os.makedev(0, 0))
        except FileExistsError:
            # The layer brings the name anew: only what lower layers say of it is hidden.
            if target in self._folders:
                os.setxattr(path, _OPAQUE_ATTRIBUTE, b"y", follow_symlinks=False)

    def _write_file(self, path: bytes, parts: tuple[bytes, ...], entry: Entry, contents: Iterator[memoryview]) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            descriptor = os.open(path, flags, 0o600)
        except FileExistsError:
            self._clear(path, parts)
            descriptor = os.open(path, flags, 0o600)
        try:
            for piece in contents:
                while piece:
                    piece = piece[os.write(descriptor, piece) :]
            self.written.bytes += entry.size
            # In this order: a change of owner clears set-id bits and capabilities.
            os.fchown(descriptor, _id(entry.uid), _id(entry.gid))
            os.fchmod(descriptor, entry.mode)
            if entry.xattrs:
                _set_xattrs(path, entry.xattrs)
            moment = _moment(entry.mtime_ns)
            os.utime(descriptor, ns=(moment, moment))
        finally:
            os.close(descriptor)

    def _link(self, path: bytes, parts: tuple[bytes, ...], entry: Entry) -> None:
        target = components(entry.link)
        if not target or target[:-1] not in self._folders or target == parts:
            raise CorruptImage(f"hard link {_show(entry.name)} leads to {_show(entry.link)}, not a file of its layer")
        source = self._path(target)
        try:
            if stat.S_ISDIR(os.lstat(source).st_mode):
                raise CorruptImage(f"hard link {_show(entry.name)} leads to a directory")
            self._clear(path, parts)
            os.link(source, path, follow_symlinks=False)
        except FileNotFoundError:
            raise CorruptImage(
                f"hard link {_show(entry.name)} leads to {_show(entry.link)}, which its layer does not hold"
            ) from None

    def _set_attributes(self, path: bytes, entry: Entry) -> None:
        os.chown(path, _id(entry.uid), _id(entry.gid), follow_symlinks=False)
        if entry.kind != tar.SYMBOLIC_LINK:
            os.chmod(path, entry.mode)
        if entry.xattrs:
            _set_xattrs(path, entry.xattrs)
        moment = _moment(entry.mtime_ns)
        if entry.kind == tar.DIRECTORY:
            self._folder_times[path] = moment
        else:
            os.utime(path, ns=(moment, moment), follow_symlinks=False)


def components(name: bytes) -> tuple[bytes, ...]:
    """A member's name as path components; a leading ``/`` or ``./`` means the layer's root.

    Raises:
        CorruptImage: the name holds ``..`` or a NUL, or is too long or too deep.
    """
    parts = tuple(part for part in name.split(b"/") if part not in (b"", b"."))
    if b".." in parts:
        raise CorruptImage(f"member {_show(name)} leads out of its layer")
    if b"\0" in name:
        raise CorruptImage(f"member {_show(name)} has a NUL in its name")
    if len(name) > PATH_BYTES_MAX or len(parts) > DEPTH_MAX:
        raise CorruptImage(f"member {_show(name)} is longer than {PATH_BYTES_MAX} or deeper than {DEPTH_MAX}")
    return parts


def kept_attribute(name: bytes) -> bool:
    """Whether an extended attribute of a layer is applied: file capabilities, ACLs and users' own, nothing else."""
    return name in _KEPT_ATTRIBUTES or (name.startswith(b"user.") and not name.startswith(b"user.overlay."))


def _make_link(entry: Entry, path: bytes) -> None:
    if not entry.link or b"\0" in entry.link or len(entry.link) > PATH_BYTES_MAX:
        raise CorruptImage(f"symbolic link {_show(entry.name)} has no usable target")
    os.symlink(entry.link, path)


def _make_node(entry: Entry, path: bytes) -> None:
    if entry.kind == tar.FIFO:
        os.mkfifo(path, 0o600)
        return
    kind = stat.S_IFCHR if entry.kind == tar.CHARACTER_DEVICE else stat.S_IFBLK
    if not 0 <= entry.major < 2**12 or not 0 <= entry.minor < 2**20:
        raise CorruptImage(f"device {_show(entry.name)} has impossible numbers")
    if kind == stat.S_IFCHR and entry.major == entry.minor == 0:
        raise CorruptImage(f"device {_show(entry.name)} is an overlayfs whiteout in disguise")
    os.mknod(path, kind | 0o600, os.makedev(entry.major, entry.minor))


def _set_xattrs(path: bytes, xattrs: dict[bytes, bytes]) -> None:
    for name, value in xattrs.items():
        if not kept_attribute(name):
            continue
        try:
            os.setxattr(path, name, value, follow_symlinks=False)
        except OSError as error:
            # Some file systems know no users' attributes (tmpfs before Linux 6.6); a capability must not get lost.
            if name == b"security.capability" or error.errno not in (errno.EOPNOTSUPP, errno.EPERM):
                raise


def _id(number: int) -> int:
    if not 0 <= number <= ID_MAX:
        raise CorruptImage(f"{number} is no user or group id")
    return number


def _moment(mtime_ns: int) -> int:
    return max(0, min(mtime_ns, MTIME_SECONDS_MAX * 1_000_000_000))


def _show(name: bytes) -> str:
    text = name.decode("utf-8", "backslashreplace")
    return repr(text if len(text) <= 128 else text[:125] + "...")
