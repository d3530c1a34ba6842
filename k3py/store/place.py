"""Where a cluster keeps its state: what ``--store`` says."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

HINT: Final = "use /a/folder, s3://bucket/prefix or memory:"


@dataclass(frozen=True)
class Memory:
    """Nowhere: everything ends with the process."""


@dataclass(frozen=True)
class Folder:
    """An absolute path on this host."""

    path: Path


@dataclass(frozen=True)
class S3:
    """A bucket and a prefix in it, which may be empty."""

    bucket: str
    prefix: str


Place = Memory | Folder | S3


def parse_place(text: str) -> Place:
    """What the value of ``--store`` names.

    Raises:
        ValueError: it names nothing that is known.
    """
    if text in ("memory:", "memory:///"):
        return Memory()
    if text.startswith("s3://"):
        bucket, _, prefix = text[len("s3://") :].partition("/")
        prefix = prefix.strip("/")
        if not bucket or any(part in ("", ".", "..") for part in prefix.split("/") if prefix):
            raise ValueError(f"cannot use {text!r} as a store: it names no bucket or a strange prefix; {HINT}")
        return S3(bucket, prefix)
    path = Path(text.removeprefix("file://"))
    if "://" in str(text).removeprefix("file://") or not path.is_absolute() or "\0" in text:
        raise ValueError(f"cannot use {text!r} as a store: {HINT}")
    return Folder(path)
