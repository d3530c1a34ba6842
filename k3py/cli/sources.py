"""Reads what ``-f`` names: files, folders, URLs, standard input. Acts."""

import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from k3py.cli.app import USAGE, Failure
from k3py.cli.manifests import Manifest, decode_manifests

# The API takes 3 MiB at a time; a file holds many of those at most by mistake.
SOURCE_BYTES_MAX: Final = 64 * 1024 * 1024
URL_SECONDS: Final = 30.0
_ENDINGS: Final = (".yaml", ".yml", ".json")


def read_manifests(names: Sequence[str], recursive: bool) -> list[Manifest]:
    """Every object in the sources, in their order; a folder's files in the order of their names.

    Raises:
        Failure: no source was named, one cannot be read, or none holds an object.
    """
    if not names:
        raise Failure("say what to read: -f FILE, -f FOLDER, -f URL, or -f - for standard input", USAGE)
    found = [manifest for name in names for data, where in _read(name, recursive)
             for manifest in decode_manifests(data, where)]  # fmt: skip
    if not found:
        raise Failure(f"cannot find any object in {', '.join(names)}")
    return found


def _read(name: str, recursive: bool) -> Iterator[tuple[bytes, str]]:
    if name == "-":
        yield _bounded(sys.stdin.buffer.read(SOURCE_BYTES_MAX + 1), "standard input"), "standard input"
    elif name.startswith(("http://", "https://")):
        yield _fetch(name), name
    else:
        for path in _files(Path(name), recursive):
            try:
                with path.open("rb") as file:
                    yield _bounded(file.read(SOURCE_BYTES_MAX + 1), str(path)), str(path)
            except OSError as error:
                raise Failure(f"cannot read {path}: {error.strerror}") from None


def _files(path: Path, recursive: bool) -> list[Path]:
    if not path.is_dir():
        return [path]
    inside = path.rglob("*") if recursive else path.glob("*")
    return sorted(each for each in inside if each.suffix in _ENDINGS and each.is_file())


def _fetch(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=URL_SECONDS) as answer:
            return _bounded(answer.read(SOURCE_BYTES_MAX + 1), url)
    except urllib.error.HTTPError as error:
        raise Failure(f"cannot read {url}: HTTP status {error.code}") from None
    except (urllib.error.URLError, OSError) as error:
        raise Failure(f"cannot read {url}: {getattr(error, 'reason', error)}") from None


def _bounded(data: bytes, where: str) -> bytes:
    if len(data) > SOURCE_BYTES_MAX:
        raise Failure(f"cannot read {where}: it has more than {SOURCE_BYTES_MAX} bytes")
    return data
