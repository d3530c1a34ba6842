"""Kernel settings below ``/proc/sys``: read, changed with the old value on record, and put back. Acts."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

PROC_SYS: Final = Path("/proc/sys")


class Change(msgspec.Struct, frozen=True):
    """A setting that we changed."""

    was: str
    now: str


class Sysctls:
    """The settings of the host that we change; ``record`` is the file that remembers what they were."""

    def __init__(self, record: Path) -> None:
        self._record = record

    def read(self, paths: Iterable[str]) -> dict[str, str]:
        """The settings' values; those that do not exist are left out."""
        return {each: value for each in paths if (value := _read(each)) is not None}

    def set(self, path: str, value: str) -> None:
        """Change a setting; what it was is on disk first. A second change keeps the first record.

        What was changed and is gone, with its interface, leaves the record, which would grow for ever.

        Raises:
            OSError: the setting or the record cannot be written.
        """
        changes = self._changes()
        was = _read(path)
        if was is None:
            return
        if path not in changes or changes[path].now != was:
            changes[path] = Change(was, value)
        else:
            changes[path] = Change(changes[path].was, value)
        self._save({each: change for each, change in changes.items() if (PROC_SYS / each).exists()})
        write(path, value)

    def restore(self) -> None:
        """Put everything back that nobody else changed meanwhile, and forget the record."""
        for path, change in reversed(self._changes().items()):
            if _read(path) == change.now:
                write(path, change.was)
        self._record.unlink(missing_ok=True)

    def _changes(self) -> dict[str, Change]:
        try:
            return msgspec.json.decode(self._record.read_bytes(), type=dict[str, Change])
        except FileNotFoundError:
            return {}
        except msgspec.DecodeError:
            # Torn records cannot be, since they are renamed into place; whatever this is, it says nothing of ours.
            return {}

    def _save(self, changes: dict[str, Change]) -> None:
        self._record.parent.mkdir(parents=True, exist_ok=True)
        written = self._record.with_name(self._record.name + ".new")
        with written.open("wb") as file:
            file.write(msgspec.json.encode(changes))
            file.flush()
            os.fsync(file.fileno())
        written.replace(self._record)


def write(path: str, value: str) -> None:
    """Write a setting that need not be recorded: of a device or namespace that goes with the pod."""
    (PROC_SYS / path).write_text(value)


def _read(path: str) -> str | None:
    try:
        return (PROC_SYS / path).read_text().strip()
    except OSError:
        return None
