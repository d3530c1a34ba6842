"""CRI log lines: ``2026-11-22T16:20:08.054940206+00:00 stdout F text`` (Kubernetes' CRI logging format).

``P`` marks a piece of a longer line, to be joined with what follows on the same stream; ``F`` its last piece.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from k3py.runtime.port import Channel

# conmon cuts lines at 8 KiB, containerd at 16; with its head no piece comes near this. A line beyond is passed on in
# pieces of this size, so that a file that is not a log cannot fill the memory.
LINE_BYTES_MAX: Final = 64 * 1024
NANOSECONDS: Final = 1_000_000_000
_STAMP: Final = re.compile(
    rb"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII
)
_STREAMS: Final = {b"stdout": Channel.STDOUT, b"stderr": Channel.STDERR}


@dataclass(frozen=True)
class LogPiece:
    """One line of a log file. ``stamp`` as it is written; ``at`` the same in nanoseconds since 1970."""

    stamp: bytes
    at: int
    channel: Channel
    final: bool
    text: bytes


@dataclass(frozen=True)
class LogOptions:
    """What to read, as ``kubectl logs`` names it.

    ``tail_lines``: whole lines from the end, None for all. ``since``: seconds since 1970, lines before are left out.
    ``limit_bytes``: stop after so many bytes of output. ``channels``: both by default.
    """

    follow: bool = False
    tail_lines: int | None = None
    since: float | None = None
    timestamps: bool = False
    limit_bytes: int | None = None
    channels: frozenset[Channel] = frozenset(Channel)


def parse_line(line: bytes) -> LogPiece | None:
    """One line without its newline; None when it is not a CRI log line (torn by a crash, say)."""
    parts = line.split(b" ", 3)
    if len(parts) < 3 or parts[1] not in _STREAMS:
        return None
    at = parse_stamp(parts[0])
    if at is None:
        return None
    final = not parts[2].startswith(b"P") or parts[2][1:2] not in (b"", b":")
    return LogPiece(parts[0], at, _STREAMS[parts[1]], final, parts[3] if len(parts) > 3 else b"")


def parse_stamp(text: bytes) -> int | None:
    """An RFC 3339 time with up to nanoseconds, in nanoseconds since 1970; None for anything else."""
    match = _STAMP.fullmatch(text)
    if match is None:
        return None
    *numbers, fraction, sign, hours, minutes = match.groups()
    try:
        whole = int(datetime(*(int(n) for n in numbers), tzinfo=UTC).timestamp())  # type: ignore[misc, arg-type]
    except ValueError:
        return None
    if sign is not None:
        offset = int(hours) * 3600 + int(minutes) * 60
        whole -= offset if sign == b"+" else -offset
    return whole * NANOSECONDS + int((fraction or b"0").ljust(9, b"0"))


@dataclass
class Renderer:
    """Turns pieces to what is shown: joins partial lines, filters, stamps, and stops at the limit.

    The two streams may be partial at the same time; a piece of one that follows an unfinished line of the other is
    shown as it comes, as kubelet does: nothing is held back, so nothing has to be bounded.
    """

    options: LogOptions
    done: bool = False
    _written: int = 0
    _in_line: dict[Channel, bool] = field(default_factory=dict)

    def render(self, piece: LogPiece) -> bytes:
        """The bytes to show for it, maybe none."""
        options = self.options
        if self.done or piece.channel not in options.channels:
            return b""
        if options.since is not None and piece.at < options.since * NANOSECONDS:
            return b""
        begins = not self._in_line.get(piece.channel, False)
        self._in_line[piece.channel] = not piece.final
        head = _shown(piece.stamp) + b" " if options.timestamps and begins else b""
        data = head + piece.text + (b"\n" if piece.final else b"")
        if options.limit_bytes is not None:
            data = data[: max(0, options.limit_bytes - self._written)]
            self._written += len(data)
            self.done = self._written >= options.limit_bytes
        return data


def _shown(stamp: bytes) -> bytes:
    """A stamp as kubelet shows it: UTC is ``Z``, whatever the shim wrote."""
    return stamp.removesuffix(b"+00:00") + b"Z" if stamp.endswith(b"+00:00") else stamp
