"""Checks of paths below a mount, and of files of the host."""

from typing import Final

from k3py.objects.fields import Errors

HOST_PATH_TYPES: Final = (
    "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket",
)  # fmt: skip
_MODE_MAX: Final = 0o777


def no_backsteps(text: str, path: str, wrong: Errors) -> None:
    """A path without ``..``."""
    if ".." in text.split("/"):
        wrong.invalid(path, text, "must not contain '..'")


def descending(text: str, path: str, wrong: Errors) -> None:
    """A path that stays below where it starts."""
    if text.startswith("/"):
        wrong.invalid(path, text, "must be a relative path")
    no_backsteps(text, path, wrong)


def not_reserved(text: str, path: str, wrong: Errors) -> None:
    """As ``descending``; names that begin with ``..`` belong to whoever writes the volume's files."""
    descending(text, path, wrong)
    if text.startswith("..") and not text.startswith("../"):
        wrong.invalid(path, text, "must not start with '..'")


def file_mode(mode: int | None, path: str, wrong: Errors) -> None:
    """Permission bits of a file; None is fine."""
    if mode is not None and not 0 <= mode <= _MODE_MAX:
        wrong.invalid(path, mode, "must be a number between 0 and 0777 (octal), both inclusive")
