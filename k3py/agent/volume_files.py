"""Makes a pod's volumes on the host and keeps files in them up to date.

Files of ConfigMaps and Secrets change all at once: they lie in a folder of their own that a symbolic link ``..data``
points to, and the link is replaced by a rename (the layout that programs know from kubelet). Everything may be repeated
and finds what an earlier run, killed anywhere, left.
"""

import asyncio
import contextlib
import os
import shutil
import stat
from pathlib import Path
from typing import Final

from k3py.agent.volumes import EmptyDir, Files, HostPath, Source, VolumeProblem, sub_path
from k3py.runtime import kernel

DATA: Final = "..data"
_NEW_DATA: Final = "..data_new"
# Room for all files of a Secret several times over; an object has at most 1 MiB (Kubernetes' limit on Secrets).
SECRET_TMPFS_BYTES: Final = 16 * 1024 * 1024

_CHECKS: Final = {
    "Directory": stat.S_ISDIR,
    "File": stat.S_ISREG,
    "Socket": stat.S_ISSOCK,
    "CharDevice": stat.S_ISCHR,
    "BlockDevice": stat.S_ISBLK,
}


class VolumeFiles:
    """The volumes of one pod below ``folder``; ``fs_group`` owns what it may own (None: nobody asked)."""

    def __init__(self, folder: Path, fs_group: int | None = None) -> None:
        self._folder = folder
        self._fs_group = fs_group

    def prepare(self, wanted: dict[str, Source]) -> dict[str, Path]:
        """Make all volumes; where each lies on the host.

        Raises:
            VolumeProblem: one cannot be made; the others may have been.
        """
        result = {}
        for name, source in wanted.items():
            try:
                result[name] = self._prepare(name, source)
            except OSError as problem:
                text = f'MountVolume.SetUp failed for volume "{name}" : {problem}'
                raise VolumeProblem(text) from problem
        return result

    def _prepare(self, name: str, source: Source) -> Path:
        if isinstance(source, HostPath):
            return _host_path(source)
        path = self._folder / name
        fresh = not path.is_dir()
        path.mkdir(parents=True, exist_ok=True)
        in_memory = source.memory if isinstance(source, EmptyDir) else source.secret
        if in_memory and not os.path.ismount(path):
            size = source.size_limit if isinstance(source, EmptyDir) else SECRET_TMPFS_BYTES
            kernel.mount("tmpfs", str(path), "tmpfs", data=None if size is None else f"size={size}")
            fresh = True
        if isinstance(source, Files):
            write_files(path, source, self._fs_group)
            path.chmod(0o755)
        elif fresh:
            path.chmod(0o777)
            self._own(path)
        return path

    def _own(self, path: Path) -> None:
        if self._fs_group is not None:
            os.chown(path, -1, self._fs_group)
            path.chmod(stat.S_IMODE(path.stat().st_mode) | 0o2070)

    async def remove(self) -> None:
        """Unmount and delete every volume. What a hostPath leads to is never touched.

        Off the event loop: a pod may have left millions of files, and the other pods' probes do not wait for them.
        """
        await asyncio.to_thread(self._remove)

    def _remove(self) -> None:
        if self._folder.is_dir():
            kernel.unmount_below(self._folder)
            shutil.rmtree(self._folder, ignore_errors=True)


def _host_path(source: HostPath) -> Path:
    path = Path(source.path)
    if source.kind == "DirectoryOrCreate":
        path.mkdir(mode=0o755, parents=True, exist_ok=True)
    elif source.kind == "FileOrCreate" and not path.exists():
        path.touch(mode=0o644)
    kind = source.kind.removesuffix("OrCreate")
    check = _CHECKS.get(kind)
    if check is not None:
        try:
            fits = check(path.stat().st_mode)
        except FileNotFoundError:
            fits = False
        if not fits:
            raise VolumeProblem(f"hostPath type check failed: {path} is not a {_KIND_WORDS[kind]}")
    return path


_KIND_WORDS: Final = {
    "Directory": "directory",
    "File": "file",
    "Socket": "socket file",
    "CharDevice": "character device",
    "BlockDevice": "block device",
}


def write_files(folder: Path, files: Files, fs_group: int | None = None) -> bool:
    """Make the folder show exactly these files, in one step; whether anything changed."""
    current = _current(folder)
    if current is not None and _shows(current, files, fs_group):
        return False
    number = 0
    while (target := folder / f"..{number:08d}").exists():
        number += 1
    target.mkdir(mode=0o755)
    for relative, (content, mode) in files.entries.items():
        path = target / relative
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        path.write_bytes(content)
        owner = files.owners.get(relative, -1)
        if fs_group is not None or owner >= 0:
            os.chown(path, owner, -1 if fs_group is None else fs_group)
        path.chmod(_mode(mode, fs_group))
    new = folder / _NEW_DATA
    new.unlink(missing_ok=True)
    new.symlink_to(target.name)
    os.replace(new, folder / DATA)
    _link_names(folder, {relative.split("/", 1)[0] for relative in files.entries})
    for old in folder.glob("..[0-9]*"):
        if old != target:
            shutil.rmtree(old, ignore_errors=True)
    return True


def _mode(mode: int, fs_group: int | None) -> int:
    return mode if fs_group is None else mode | 0o440


def _current(folder: Path) -> Path | None:
    try:
        return folder / os.readlink(folder / DATA)
    except OSError:
        return None


def _shows(current: Path, files: Files, fs_group: int | None) -> bool:
    """The folder holds exactly these files already."""
    there = {str(path.relative_to(current)): path for path in current.rglob("*") if path.is_file()}
    if there.keys() != files.entries.keys():
        return False
    for relative, (content, mode) in files.entries.items():
        path = there[relative]
        if stat.S_IMODE(path.stat().st_mode) != _mode(mode, fs_group) or path.read_bytes() != content:
            return False
    return True


def _link_names(folder: Path, wanted: set[str]) -> None:
    """The visible names lead through ``..data``; those that no file has any more go."""
    for entry in os.scandir(folder):
        if not entry.name.startswith("..") and entry.name not in wanted and entry.is_symlink():
            os.unlink(entry.path)
    for name in wanted:
        with contextlib.suppress(FileExistsError):
            (folder / name).symlink_to(f"{DATA}/{name}")


def resolve_sub_path(volume: Path, wanted: str) -> Path:
    """The place of a ``subPath`` in a volume, made as a folder when nothing is there.

    Links are followed here and the result checked, so a link that a container planted cannot lead out.

    Raises:
        VolumeProblem: it leads out of the volume, or cannot be made.
    """
    root = volume.resolve()
    path = (root / sub_path(wanted)).resolve()
    if path != root and root not in path.parents:
        raise VolumeProblem(f"subPath {wanted!r} leads out of its volume")
    if not path.exists():
        try:
            path.mkdir(mode=0o750, parents=True)
            path.chmod(stat.S_IMODE(root.stat().st_mode))
        except OSError as problem:
            raise VolumeProblem(f"failed to create subPath directory {wanted!r}: {problem}") from problem
    return path
