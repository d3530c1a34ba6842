"""bpf(2), one function per command that we use. Descriptors are plain numbers that the caller closes. Acts.

Layouts: ``union bpf_attr`` of the kernel's stable user interface (``linux/bpf.h``).
"""

import ctypes
import errno
import os
import platform
import struct
from dataclasses import dataclass
from typing import Final

from k3py.vpc.bpf.errors import BpfError, NotSupportedError, VerifierError
from k3py.vpc.bpf.object_file import AttachType, MapDefinition, ProgramType

MAP_CREATE, MAP_LOOKUP, MAP_UPDATE, MAP_DELETE, MAP_NEXT_KEY, PROGRAM_LOAD, PIN, GET_PINNED = range(8)
PROGRAM_TEST_RUN, INFO, BTF_LOAD, MAP_FREEZE, LINK_CREATE, LINK_UPDATE = 10, 15, 18, 22, 28, 29

# System call numbers; the two machines that k3py runs on.
_SYSTEM_CALL: Final = {"x86_64": 321, "aarch64": 280}
# The kernel keeps 15 characters of a name.
NAME_LENGTH_MAX: Final = 15
# The verifier's log of a refused program; it ends with the reason, so only the end is kept.
LOG_BYTES: Final = 1 << 24
LOG_LINES_KEPT: Final = 30
# A signal to the process, whatever it is for, makes the verifier give up with EAGAIN.
LOAD_TRIES_MAX: Final = 5
# A packet that comes back from a test run has at most grown by headers; the kernel takes no more than a page.
TEST_RUN_BYTES_MAX: Final = 8_192

_libc = ctypes.CDLL(None, use_errno=True)


def buffer(content: bytes) -> "ctypes.Array[ctypes.c_char]":
    """Memory that the kernel may read or write, with that content."""
    return ctypes.create_string_buffer(content, max(1, len(content)))


def address(memory: "ctypes.Array[ctypes.c_char] | None") -> int:
    """Where a buffer lies; 0 for None."""
    return 0 if memory is None else ctypes.addressof(memory)


def call(command: int, attributes: bytes, doing: str) -> tuple[int, bytes]:
    """One bpf(2) call; what it returned, and the attributes as the kernel left them.

    Raises:
        BpfError: the kernel refused; ``doing`` says in the message what was attempted.
    """
    memory = buffer(attributes)
    number = _SYSTEM_CALL[platform.machine()]
    result: int = _libc.syscall(number, command, memory, len(attributes))
    if result < 0:
        error = ctypes.get_errno()
        raise BpfError(error, f"cannot {doing}: {os.strerror(error)}")
    return result, memory.raw


def map_create(definition: MapDefinition, btf: int | None = None, extra_flags: int = 0) -> int:
    """A new map's descriptor. With the descriptor of its BTF, tools can show its fields."""
    types = (btf, definition.key_type, definition.value_type) if btf is not None else (0, 0, 0)
    attributes = struct.pack(
        "<IIIIIII16sIIIII", definition.kind, definition.key_size, definition.value_size, definition.entries_max,
        definition.flags | extra_flags, 0, 0, definition.name.encode()[:NAME_LENGTH_MAX], 0, *types, 0,
    )  # fmt: skip
    return call(MAP_CREATE, attributes, f"create map {definition.name}")[0]


def map_freeze(descriptor: int) -> None:
    """From now on user space cannot write the map."""
    call(MAP_FREEZE, struct.pack("<I", descriptor), "freeze a map")


def btf_load(raw: bytes) -> int:
    """The descriptor of type information."""
    memory = buffer(raw)
    return call(BTF_LOAD, struct.pack("<QQIII", address(memory), 0, len(raw), 0, 0), "load type information")[0]


def program_load(name: str, kind: ProgramType, attach: AttachType, code: bytes) -> int:
    """The descriptor of a verified program.

    Raises:
        VerifierError: the verifier refused it.
        BpfError: any other refusal.
    """
    instructions, license_text = buffer(code), buffer(b"GPL\0")

    def load(level: int, log: "ctypes.Array[ctypes.c_char] | None") -> int:
        attributes = struct.pack(
            "<IIQQIIQII16sII", kind, len(code) // 8, address(instructions), address(license_text), level,
            len(log) if log else 0, address(log), 0, 0, name.encode()[:NAME_LENGTH_MAX], 0, attach,
        )  # fmt: skip
        return call(PROGRAM_LOAD, attributes, f"load program {name}")[0]

    for _ in range(LOAD_TRIES_MAX):
        try:
            return load(0, None)
        except BpfError as error:
            if error.errno != errno.EAGAIN:
                break
    log = buffer(bytes(LOG_BYTES))
    try:
        return load(1, log)
    except BpfError as error:
        lines = log.value.decode(errors="replace").splitlines()
        if not lines:
            raise
        raise VerifierError(error.errno or 0, error.strerror or "", "\n".join(lines[-LOG_LINES_KEPT:])) from error


def pin(descriptor: int, path: str) -> None:
    """Give an object a name in bpffs; it lives on after its descriptors. Names must not contain dots."""
    text = buffer(path.encode() + b"\0")
    call(PIN, struct.pack("<QIII", address(text), descriptor, 0, 0), f"pin {path}")


def get_pinned(path: str) -> int:
    """The descriptor of a pinned object."""
    text = buffer(path.encode() + b"\0")
    return call(GET_PINNED, struct.pack("<QIII", address(text), 0, 0, 0), f"open {path}")[0]


def info(descriptor: int, length: int) -> bytes:
    """The first ``length`` bytes of the kernel's description of an object."""
    memory = buffer(bytes(length))
    call(INFO, struct.pack("<IIQ", descriptor, length, address(memory)), "ask for an object's description")
    return memory.raw


def link_create(program: int, target: int, attach: AttachType) -> int:
    """Attach a program to an interface (its index) or a cgroup (its folder's descriptor); the link's descriptor.

    Raises:
        NotSupportedError: this kernel, or this device, does not take programs as ``attach``.
        BpfError: any other refusal.
    """
    attributes = struct.pack("<IIII", program, target, attach, 0) + bytes(32)
    try:
        return call(LINK_CREATE, attributes, f"attach a program as {attach.name}")[0]
    except BpfError as error:
        # An attach type that the kernel does not know is an invalid argument like any other; ours are right otherwise.
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
            raise
        raise NotSupportedError(
            error.errno, f"this kernel or device does not take programs as {attach.name}: {os.strerror(error.errno)}"
        ) from error


def link_update(link: int, program: int) -> None:
    """Exchange the program of a link; no packet sees neither or both."""
    call(LINK_UPDATE, struct.pack("<IIII", link, program, 0, 0), "exchange a link's program")


@dataclass(frozen=True)
class Ran:
    """What a test run gave: the program's verdict, and the packet after it."""

    verdict: int
    packet: bytes


def test_run(program: int, packet: bytes) -> Ran:
    """Run a traffic control program on one Ethernet frame, without any device."""
    sent, received = buffer(packet), buffer(bytes(TEST_RUN_BYTES_MAX))
    attributes = struct.pack(
        "<IIIIQQIIIIQQ", program, 0, len(packet), TEST_RUN_BYTES_MAX, address(sent), address(received), 1, 0, 0, 0, 0, 0
    )
    _, answer = call(PROGRAM_TEST_RUN, attributes + bytes(16), "run a program on a packet")
    _, verdict, _, length = struct.unpack_from("<IIII", answer)
    return Ran(verdict, received.raw[:length])
