"""What other servers have said, for as long as it holds, and a while longer for when they are silent. Decides.

RFC 2308 (negative answers), RFC 8767 (serving stale data), RFC 9520 (failures are remembered too, briefly).
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from k3py.agent.dns.foreign import Foreign

ENTRIES_MAX: Final = 10_000
BYTES_MAX: Final = 8 * 1024 * 1024
# Answers that came by TCP are kept too: their client has asked by UDP a moment ago. Longer ones are rare.
ANSWER_SIZE_MAX: Final = 16_384
# Names and numbers of an entry, roughly; so that many small entries count for what they cost.
ENTRY_SIZE: Final = 512
STALE_SECONDS_MAX: Final = 3600
# How long an answer beyond its time lives at the client (RFC 8767, section 4).
STALE_TTL_SECONDS: Final = 30
# After a failure nobody is asked the same again for so long.
FAILURE_SECONDS: Final = 5.0

Server = tuple[str, int]
"""Address and port."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and of whom: all that an answer depends on."""

    servers: tuple[Server, ...]
    name: bytes
    type: int
    dnssec_ok: bool = False
    checking_disabled: bool = False
    dns64: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """An answer, or None for a failure, and how many seconds ago it was heard."""

    foreign: Foreign | None
    elapsed: int = 0
    is_stale: bool = False

    @property
    def ttl_least(self) -> int:
        """The least lifetime of its records."""
        return STALE_TTL_SECONDS if self.is_stale else 0


@dataclass(slots=True)
class _Entry:
    foreign: Foreign | None
    heard: float
    until: float
    failed_until: float = 0.0

    @property
    def size(self) -> int:
        return ENTRY_SIZE + (len(self.foreign.body) if self.foreign is not None else 0)


class Cache:
    """Answers by question; who was not asked for longest goes first. Times are of a monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._entries: OrderedDict[Question, _Entry] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def size(self) -> int:
        """Roughly how many bytes the entries take."""
        return self._bytes

    def get(self, question: Question, now: float) -> Found | None:
        """What holds now: an answer, a failure of a moment ago, or the old answer while that failure lasts."""
        entry = self._entries.get(question)
        if entry is None:
            return None
        self._entries.move_to_end(question)
        if entry.foreign is not None and now < entry.until:
            return Found(entry.foreign, int(now - entry.heard))
        if now < entry.failed_until:
            return self.stale(question, now) or Found(None)
        return None

    def stale(self, question: Question, now: float) -> Found | None:
        """The old answer, for when nobody gives a new one."""
        entry = self._entries.get(question)
        if entry is None or entry.foreign is None or now >= entry.until + STALE_SECONDS_MAX:
            return None
        return Found(entry.foreign, int(now - entry.heard), is_stale=now >= entry.until)

    def put(self, question: Question, foreign: Foreign, now: float) -> None:
        """Keep an answer if it may be kept."""
        self._drop(question)
        if foreign.lifetime > 0 and len(foreign.body) <= ANSWER_SIZE_MAX:
            self._add(question, _Entry(foreign, now, now + foreign.lifetime))

    def put_failure(self, question: Question, now: float) -> None:
        """Nobody gave an answer; the old one, if there is one, stays."""
        entry = self._entries.get(question)
        if entry is not None:
            entry.failed_until = now + FAILURE_SECONDS
        else:
            self._add(question, _Entry(None, now, now, now + FAILURE_SECONDS))

    def _add(self, question: Question, entry: _Entry) -> None:
        self._entries[question] = entry
        self._bytes += entry.size
        while len(self._entries) > ENTRIES_MAX or self._bytes > BYTES_MAX:
            self._drop(next(iter(self._entries)))

    def _drop(self, question: Question) -> None:
        entry = self._entries.pop(question, None)
        if entry is not None:
            self._bytes -= entry.size
