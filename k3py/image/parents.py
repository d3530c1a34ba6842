"""Folders that a layer never speaks of, but needs.

An archive may hold ``tmp/x`` and say nothing of ``tmp``. Unpacked by itself, as shared layers are, it gets a ``tmp``
of mode 0755, and overlayfs shows a folder as the topmost layer has it: the image's sticky ``tmp`` would be gone. So
for such an image one more layer goes on top, which holds nothing but these folders, as the layers that do speak of
them say.
"""

import hashlib
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_OPAQUE_ATTRIBUTE: Final = "trusted.overlay.opaque"


@dataclass(frozen=True)
class LayerFolders:
    """An unpacked layer, and which of its folders its archive did not mention (paths, ``""`` for its root)."""

    root: Path
    implied: frozenset[str]


@dataclass(frozen=True)
class Attributes:
    """What a folder that comes from an archive has."""

    mode: int = 0o755
    uid: int = 0
    gid: int = 0
    mtime_ns: int = 0


def parents_id(diff_ids: Sequence[str]) -> str:
    """The id of the additional layer for an image of these layers, in the form of a diff id."""
    return f"sha256:{hashlib.sha256(chr(10).join(['parents', *diff_ids]).encode()).hexdigest()}"


def lost_folders(layers: Sequence[LayerFolders]) -> dict[str, Attributes]:
    """The folders that overlayfs would show with other attributes than the image means, and those attributes.

    ``layers`` go from bottom to top. Parents of such folders are in the answer too, and come before them.
    """
    found: dict[str, Attributes] = {}
    for path in sorted(set().union(*(layer.implied for layer in layers))):
        meant = _meant(layers, path)
        if meant is None or (meant.mode, meant.uid, meant.gid) == (0o755, 0, 0):
            continue
        parts = path.split("/") if path else []
        for depth in range(len(parts)):
            parent = "/".join(parts[:depth])
            found.setdefault(parent, _meant(layers, parent) or Attributes())
        found[path] = meant
    return found


def make_folders(root: Path, folders: dict[str, Attributes]) -> None:
    """Make the folders below ``root``, parents first.

    Raises:
        OSError: the file system refuses.
    """
    for path, attributes in folders.items():
        if path:
            (root / path).mkdir()
        os.chown(root / path, attributes.uid, attributes.gid)
        os.chmod(root / path, attributes.mode)
    for path, attributes in folders.items():
        os.utime(root / path, ns=(attributes.mtime_ns, attributes.mtime_ns))


def _meant(layers: Sequence[LayerFolders], path: str) -> Attributes | None:
    """What the topmost layer that mentions the folder says of it; None if none does, or it is not visible."""
    parts = path.split("/") if path else []
    for layer in reversed(layers):
        place, status = layer.root, os.lstat(layer.root)
        is_closed = False
        for part in parts:
            place = place / part
            try:
                status = os.lstat(place)
            except FileNotFoundError:
                break
            if not stat.S_ISDIR(status.st_mode):
                return None
            is_closed = is_closed or _is_opaque(place)
        else:
            if path not in layer.implied:
                return Attributes(stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, status.st_mtime_ns)
        if is_closed:
            return None
    return None


def _is_opaque(path: Path) -> bool:
    try:
        return os.getxattr(path, _OPAQUE_ATTRIBUTE, follow_symlinks=False) == b"y"
    except OSError:
        return False
