"""The process that unpacks one layer: ``<folder> <limits as JSON>``, the compressed layer on standard input.

It is a fresh interpreter without site packages (``unpack.py`` starts it), goes into a chroot of the layer's folder
before the first byte is read, and answers with one line of JSON on standard output. A thread decompresses and hashes
while the main thread writes files. Only the standard library, and ``zstandard``.
"""

import contextlib
import errno
import hashlib
import json
import os
import queue
import resource
import sys
import threading
from typing import Any, Final

from k3py.image.apply_layer import LayerWriter
from k3py.image.decompress import decompressed
from k3py.image.errors import CorruptImage, ImageTooLarge
from k3py.image.tar_stream import ChunkReader, TarStream

# Chunks of 512 KiB between the two threads: enough that neither waits for the other's jitter.
CHUNKS_BUFFERED_MAX: Final = 8
# Interpreter, zstd's window of 128 MiB and buffers; a hostile archive that wants more ends in a MemoryError.
ADDRESS_SPACE_BYTES_MAX: Final = 1024 * 1024 * 1024

# The system refuses a name, a link or an attribute as such; all else (no space, no right) is the node's matter.
_FAULT_OF_THE_ARCHIVE: Final = frozenset(
    {errno.EINVAL, errno.ENAMETOOLONG, errno.E2BIG, errno.ERANGE}
    | {errno.ELOOP, errno.ENOTDIR, errno.EEXIST, errno.EMLINK}
)


class _Decompressor(threading.Thread):
    """Hashes and queues the plain bytes; ``None`` ends them, an exception is raised again by the reader."""

    def __init__(self, descriptor: int, bytes_max: int) -> None:
        super().__init__(daemon=True)
        self._descriptor = descriptor
        self._bytes_max = bytes_max
        self._chunks: queue.Queue[bytes | BaseException | None] = queue.Queue(CHUNKS_BUFFERED_MAX)
        self._hash = hashlib.sha256()

    def run(self) -> None:
        """Everything that comes out, the end, or what went wrong, into the queue."""
        try:
            for chunk in decompressed(self._read, self._bytes_max):
                self._hash.update(chunk)
                self._chunks.put(chunk)
            self._chunks.put(None)
        except BaseException as error:
            self._chunks.put(error)

    def _read(self, size: int) -> bytes:
        return os.read(self._descriptor, size)

    def next_chunk(self) -> bytes:
        """The next plain bytes, ``b""`` at the end.

        Raises:
            CorruptImage, ImageTooLarge, OSError, MemoryError: what stopped the thread.
        """
        chunk = self._chunks.get()
        if isinstance(chunk, BaseException):
            raise chunk
        return chunk or b""

    def diff_id(self) -> str:
        """The digest of all plain bytes so far."""
        return f"sha256:{self._hash.hexdigest()}"


def unpack(descriptor: int, bytes_max: int, entries_max: int) -> dict[str, Any]:
    """Unpack the layer readable from ``descriptor`` below ``/`` and say what it was.

    Raises:
        CorruptImage, OSError, MemoryError: as ``LayerWriter.apply``.
    """
    source = _Decompressor(descriptor, bytes_max)
    source.start()
    writer = LayerWriter(entries_max)
    reader = ChunkReader(source.next_chunk)
    writer.apply(TarStream(reader))
    # What follows the archive's end mark belongs to the diff id as well. The reader holds the last chunk already.
    while reader.some(1 << 20):
        pass
    return {
        "diff_id": source.diff_id(),
        "bytes": writer.written.bytes,
        "entries": writer.written.entries,
        "implied": writer.implied_folders(),
    }


def main(arguments: list[str]) -> None:
    """Do the work and leave the answer on standard output; the exit code says nothing."""
    folder, limits = arguments[0], json.loads(arguments[1])
    answer: dict[str, Any]
    try:
        _lock_in(folder)
        answer = unpack(0, int(limits["bytes_max"]), int(limits["entries_max"]))
    except ImageTooLarge as error:
        answer = {"error": "too large", "message": str(error)}
    except CorruptImage as error:
        answer = {"error": "corrupt", "message": str(error)}
    except MemoryError:
        answer = {"error": "too large", "message": "it needs more memory than an unpacking may have"}
    except (ValueError, OverflowError) as error:
        answer = {"error": "corrupt", "message": f"a value is beyond what the system takes ({error})"}
    except OSError as error:
        kind = "corrupt" if error.errno in _FAULT_OF_THE_ARCHIVE else "storage"
        answer = {"error": kind, "message": f"{error.strerror} (errno {error.errno})"}
    line = json.dumps(answer).encode()
    with contextlib.suppress(BrokenPipeError):
        while line:
            line = line[os.write(1, line) :]
    os._exit(0)


def _lock_in(folder: str) -> None:
    """Chroot into ``folder``, with no new privileges and bounded memory; nothing is imported from here on."""
    with contextlib.suppress(ImportError):
        import zstandard  # noqa: F401
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES_MAX, ADDRESS_SPACE_BYTES_MAX))
    os.umask(0)
    os.chroot(folder)
    os.chdir("/")


if __name__ == "__main__":
    main(sys.argv[1:])
