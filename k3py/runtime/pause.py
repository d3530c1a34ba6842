"""The first process of a pod whose containers share one process namespace, as a whole ELF file of under 300 bytes.

A process namespace lives only as long as its first process, which must also take in orphans. A host offers nothing
that fits into a container of its own (``sleep`` needs its libraries), so the program is written out here: ignore
SIGCHLD, whereupon the kernel itself buries ended children (wait(2), NOTES), then wait for ever. It is tiny because
it does nothing else; the host's ``/bin/sleep`` with the host's libraries bound in was the alternative.
"""

import struct
from typing import Final

from k3py.runtime.port import NotSupported

_BASE: Final = 0x400000
_HEADERS: Final = 64 + 56  # ELF header and one program header
_SIGACTION: Final = struct.pack("<QQQQ", 1, 0, 0, 0)  # SIG_IGN, no flags, no restorer, empty mask
_MACHINES: Final = {"x86_64": 62, "aarch64": 183}


def _x86_64() -> bytes:
    code = bytes.fromhex(
        "b80d000000"  # mov eax, 13          rt_sigaction(
        "bf11000000"  # mov edi, 17            SIGCHLD,
        "488d3514000000"  # lea rsi, [rip+20]  &ignore,
        "31d2"  # xor edx, edx                 NULL,
        "41ba08000000"  # mov r10d, 8          8)
        "0f05"  # syscall
        "b822000000"  # again: mov eax, 34   pause()
        "0f05"  # syscall
        "ebf7"  # jmp again
    )
    # lea counts from its end (offset 17); the action follows the code.
    return code.replace(bytes.fromhex("488d3514000000"), b"\x48\x8d\x35" + struct.pack("<i", len(code) - 17))


def _aarch64() -> bytes:
    def movz(register: int, value: int) -> int:
        return 0xD2800000 | value << 5 | register

    words = [
        movz(8, 134),  # rt_sigaction(
        movz(0, 17),  # SIGCHLD,
        0,  # adr x1, ignore (filled in below)
        movz(2, 0),  # NULL,
        movz(3, 8),  # 8)
        0xD4000001,  # svc #0
        movz(8, 73),  # again: ppoll(
        movz(0, 0),  # NULL,
        movz(1, 0),  # 0,
        movz(2, 0),  # NULL: for ever,
        movz(3, 0),  # NULL)
        0xD4000001,  # svc #0
        0x14000000 | (-6 & 0x3FFFFFF),  # b again
        0xD503201F,  # nop, for the action's alignment
    ]
    distance = (len(words) - 2) * 4
    words[2] = 0x10000000 | (distance & 3) << 29 | (distance >> 2) << 5 | 1
    return struct.pack(f"<{len(words)}I", *words)


def pause_program(machine: str) -> bytes:
    """The executable for ``machine`` (``uname -m``). Raises NotSupported for others than x86_64 and aarch64."""
    if machine not in _MACHINES:
        raise NotSupported(f"cannot share a process namespace: no pause program for {machine}")
    body = (_x86_64() if machine == "x86_64" else _aarch64()) + _SIGACTION
    size = _HEADERS + len(body)
    identification = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)  # 64 bits, little endian, version 1
    header = struct.pack("<HHIQQQIHHHHHH", 2, _MACHINES[machine], 1, _BASE + _HEADERS, 64, 0, 0, 64, 56, 1, 64, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x1000)  # PT_LOAD, read and execute
    return identification + header + segment + body
