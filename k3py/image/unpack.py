"""Starts the process that unpacks a layer, and feeds it.

The agent has threads and must not fork; and what parses hostile bytes as root should own nothing but one folder.
So every layer gets a fresh interpreter (20 ms), which chroots into the layer's folder before it reads
(see ``unpack_child``).
"""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import k3py
from k3py.image.errors import CorruptImage, ImageError, ImageTooLarge, StorageFailed

# What is sent but not yet taken by the child; beyond it the download waits.
FEED_BUFFER_BYTES_MAX: Final = 1024 * 1024
# The child's answer: numbers, and the paths of implied folders, at most 256 KiB of them before JSON's escapes.
ANSWER_BYTES_MAX: Final = 4 * 1024 * 1024
# After the last byte the child has only buffered chunks to write; a disk that needs longer is broken.
ANSWER_SECONDS_MAX: Final = 600.0

_START: Final = (
    "import sys; sys.path[:0] = sys.argv.pop(1).split(':'); "
    "from k3py.image.unpack_child import main; main(sys.argv[1:])"
)
_ERRORS: Final[dict[str, type[ImageError]]] = {
    "too large": ImageTooLarge,
    "corrupt": CorruptImage,
    "storage": StorageFailed,
}


@dataclass(frozen=True)
class Limits:
    """Bounds on one image. The largest images in use (GPU stacks) unpack to some 30 GB and 400,000 files.

    ``image_bytes_max``: compressed and, separately, unpacked bytes of the whole image.
    ``layer_entries_max``: archive members of one layer.
    """

    image_bytes_max: int = 64 * 1024**3
    layer_entries_max: int = 2_000_000


@dataclass(frozen=True)
class Unpacked:
    """What came out of a layer: digest of the plain archive, sum of the files' bytes, number of members.

    ``implied``: the folders that the archive did not mention but needed (see ``parents``).
    """

    diff_id: str
    bytes: int
    entries: int
    implied: tuple[str, ...] = ()


async def unpack_layer(folder: Path, source: AsyncIterator[bytes], limits: Limits) -> Unpacked:
    """Unpack the (compressed) archive that ``source`` yields into ``folder``, which exists and is empty.

    The whole source is consumed, whatever the child thinks of it, unless the child gives up. On any error, and on
    cancellation, the child is gone when this returns; the caller removes the folder.

    Raises:
        CorruptImage, ImageTooLarge, StorageFailed: what the child says.
        Exception: what ``source`` raises, as it is.
    """
    process = await _start(folder, limits)
    try:
        await _feed(process, source)
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            line = await _answer(process)
            await process.wait()
    except TimeoutError:
        raise StorageFailed(f"cannot unpack a layer: not done {ANSWER_SECONDS_MAX:.0f} s after its end") from None
    finally:
        await _end(process)
    return _understand(line, process.returncode)


async def _start(folder: Path, limits: Limits) -> asyncio.subprocess.Process:
    bounds = {"bytes_max": limits.image_bytes_max, "entries_max": limits.layer_entries_max}
    library = {key: os.environ[key] for key in ("LD_LIBRARY_PATH",) if key in os.environ}
    try:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-S", "-B", "-c", _START, _import_path(), str(folder), json.dumps(bounds),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=library,
            start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise StorageFailed(f"cannot unpack a layer: the process does not start: {error.strerror}") from error


def _import_path() -> str:
    """Where the child finds k3py and zstandard, joined by colons."""
    import zstandard

    package = Path(k3py.__file__).resolve().parent.parent
    return f"{package}:{Path(zstandard.__file__).resolve().parent.parent}"


async def _feed(process: asyncio.subprocess.Process, source: AsyncIterator[bytes]) -> None:
    stdin = process.stdin
    assert stdin is not None
    stdin.transport.set_write_buffer_limits(high=FEED_BUFFER_BYTES_MAX)
    # A child that gave up closes its end; its answer says why. What the source raises is another matter.
    async for chunk in source:
        try:
            stdin.write(chunk)
            await stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            return
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        stdin.close()
        await stdin.wait_closed()


async def _answer(process: asyncio.subprocess.Process) -> bytes:
    """All that the child says; cut at the bound, where it is no JSON any more."""
    assert process.stdout is not None
    line = bytearray()
    while (piece := await process.stdout.read(ANSWER_BYTES_MAX)) and len(line) < ANSWER_BYTES_MAX:
        line += piece
    return bytes(line)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    transport: Any = getattr(process, "_transport", None)
    if transport is not None:
        transport.close()


def _understand(line: bytes, exit_code: int | None) -> Unpacked:
    try:
        answer = json.loads(line)
    except ValueError:
        raise StorageFailed(f"cannot unpack a layer: its process ended with {exit_code} and said nothing") from None
    if "error" in answer:
        raise _ERRORS[answer["error"]](f"cannot unpack a layer: {answer['message']}")
    return Unpacked(answer["diff_id"], answer["bytes"], answer["entries"], tuple(answer["implied"]))
