"""SlateDB's generated binding, made fast; the only file that knows how it is generated.

The binding (UniFFI) copies byte strings one byte at a time in Python: 200 us for a value of 1.4 KB. Replacing three of
its helpers by a memmove makes a put ten times faster, calling the library without the helpers in between twice as fast
again. The names of these helpers are looked up first; when a release has others, the binding runs as it is, slower.
"""

import ctypes
import logging
import os
import struct
from collections.abc import Iterable
from typing import Any, Final

# One thread for writes and one for compaction; the binding reads this when it is imported.
RUNTIME_THREADS: Final = "2"
os.environ.setdefault("SLATEDB_UNIFFI_RUNTIME_THREADS", RUNTIME_THREADS)

import slatedb.uniffi  # noqa: E402
import slatedb.uniffi._slatedb_uniffi.slatedb as _generated  # noqa: E402

from k3py.store.log import Put  # noqa: E402

log = logging.getLogger(__name__)

# The binding is generated without types.
binding: Any = slatedb.uniffi
generated: Any = _generated


def _bytes_lower(value: bytes) -> Any:
    size = len(value) + 4
    buffer = generated._UniffiRustBuffer.alloc(size)
    ctypes.memmove(buffer.data, struct.pack(">i", len(value)) + value, size)
    buffer.len = size
    return buffer


def _check_bytes(value: object) -> None:
    if not isinstance(value, bytes):
        raise TypeError(f"bytes are wanted, not {type(value).__name__}")


def _builder_write(self: Any, value: bytes) -> None:
    size, buffer = len(value), self.rbuf
    if buffer.len + size > buffer.capacity:
        buffer = self.rbuf = generated._UniffiRustBuffer.reserve(buffer, size)
    ctypes.memmove(ctypes.addressof(buffer.data.contents) + buffer.len, bytes(value), size)
    buffer.len += size


def _builder_pack_into(self: Any, size: int, form: str, value: object) -> None:
    del size
    _builder_write(self, struct.pack(form, value))


def speed_up(parts: Any = generated) -> bool:
    """Replace the byte-by-byte copies of the binding; False when it does not have the names that are expected."""
    wanted = (
        ("_UniffiRustBuffer", ("alloc", "reserve")),
        ("_UniffiRustBufferBuilder", ("write", "_pack_into", "_reserve")),
        ("_UniffiFfiConverterBytes", ("lower", "check_lower")),
    )
    for owner, names in wanted:
        if not all(hasattr(getattr(parts, owner, None), name) for name in names):
            log.warning("the SlateDB binding has no %s as it is known here: writes are ten times slower", owner)
            return False
    parts._UniffiFfiConverterBytes.lower = staticmethod(_bytes_lower)
    parts._UniffiFfiConverterBytes.check_lower = staticmethod(_check_bytes)
    parts._UniffiRustBufferBuilder.write = _builder_write
    parts._UniffiRustBufferBuilder._pack_into = _builder_pack_into
    return True


IS_FAST: Final = speed_up()


class _ForeignBytes(ctypes.Structure):
    """The library's ``ForeignBytes``, over Python's own bytes."""

    _fields_ = (("len", ctypes.c_int32), ("data", ctypes.c_char_p))


class FastPut:
    """A batch's ``put`` without the generated layers: 9 us for 2.4 KB instead of 17."""

    def __init__(self, parts: Any = generated) -> None:
        """Look the library's functions up.

        Raises:
            AttributeError: it has others.
        """
        library, self._status, buffer = parts._UniffiLib, parts._UniffiRustCallStatus, parts._UniffiRustBuffer
        self._check, self._errors = parts._uniffi_check_call_status, parts._UniffiFfiConverterTypeError
        call, handle = ctypes.c_void_p, ctypes.c_uint64
        # A function that is looked up by its key is a new object: the types of the generated one stay as they are.
        self._copied = library["ffi_slatedb_uniffi_rustbuffer_from_bytes"]
        self._copied.argtypes, self._copied.restype = (_ForeignBytes, call), buffer
        self._clone = library["uniffi_slatedb_uniffi_fn_clone_writebatch"]
        self._clone.argtypes, self._clone.restype = (handle, call), handle
        self._put = library["uniffi_slatedb_uniffi_fn_method_writebatch_put"]
        self._put.argtypes, self._put.restype = (handle, buffer, buffer, call), None

    def __call__(self, batch: Any, key: bytes, value: bytes) -> None:
        """Append a put.

        Raises:
            binding.Error: the library refuses it. TypeError: key or value are no bytes.
        """
        status = self._status.default()
        call = ctypes.addressof(status)
        self._put(self._clone(batch._handle, call), self._lowered(key, call), self._lowered(value, call), call)
        if status.code:
            self._check(self._errors, status)

    def _lowered(self, value: bytes, call: int) -> Any:
        """A byte string as the library takes it: its length, then itself."""
        _check_bytes(value)
        return self._copied(_ForeignBytes(len(value) + 4, struct.pack(">i", len(value)) + value), call)


def fast_put(parts: Any = generated) -> Any:
    """``FastPut`` of a binding, or its own ``put`` when it is not as it is known here."""
    try:
        return FastPut(parts)
    except AttributeError as problem:
        log.warning("the SlateDB binding is not as it is known here (%s): writes are slower", problem)
        return parts.WriteBatch.put


put: Final = fast_put()


def batch_of(rows: Iterable[Put]) -> Any:
    """Rows as a ``WriteBatch``: a value of None deletes.

    Raises:
        binding.Error: the library refuses one.
    """
    batch = binding.WriteBatch()
    for key, value in rows:
        if value is None:
            batch.delete(key)
        else:
            put(batch, key, value)
    return batch
