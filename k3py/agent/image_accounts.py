"""Reads an image's ``/etc/passwd`` and ``/etc/group`` out of its layers, without following links out of them."""

import contextlib
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from k3py.agent.security import ACCOUNT_FILE_BYTES_MAX, Accounts


def read_accounts(layers: Sequence[Path]) -> Accounts:
    """The accounts of an image whose layers are given bottom to top."""
    return Accounts(passwd=_topmost(layers, "passwd"), group=_topmost(layers, "group"))


def _topmost(layers: Sequence[Path], name: str) -> str:
    for layer in reversed(layers):
        found = _read(layer, name)
        if found is not None:
            return found
    return ""


def _read(layer: Path, name: str) -> str | None:
    """The file's text, empty when this layer takes it away, None when the layer does not speak of it."""
    with contextlib.ExitStack() as opened:
        try:
            folder = os.open(layer / "etc", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            opened.callback(os.close, folder)
            # Non-blocking: a layer may hold a named pipe there.
            file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
            opened.callback(os.close, file)
        except FileNotFoundError:
            return None
        except OSError:
            return ""
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode) or status.st_size > ACCOUNT_FILE_BYTES_MAX:
            return ""
        return os.read(file, ACCOUNT_FILE_BYTES_MAX).decode("utf-8", "replace")
