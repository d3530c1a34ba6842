"""When to ask a quiet connection whether it is still there, and when to give it up. Decides; the clock is outside.

TCP notices a vanished peer only after minutes, and a firewall between the two forgets connections that are quiet.
"""

from dataclasses import dataclass
from typing import Final

PING_INTERVAL_SECONDS: Final = 10.0
# Two pings unanswered, and a little for a peer that is busy: after this the connection is dead.
DEADLINE_SECONDS: Final = 25.0


@dataclass
class KeepAlive:
    """Watches one connection. All times are of one monotonic clock, in seconds."""

    heard_at: float
    pinged_at: float = float("-inf")
    interval_seconds: float = PING_INTERVAL_SECONDS
    deadline_seconds: float = DEADLINE_SECONDS

    def heard(self, now: float) -> None:
        """Bytes arrived."""
        self.heard_at = now

    def is_dead(self, now: float) -> bool:
        """Nothing was heard for ``deadline_seconds``."""
        return now - self.heard_at >= self.deadline_seconds

    def wants_ping(self, now: float) -> bool:
        """It is quiet, and the last question lies long enough back. Say ``pinged`` after asking."""
        quiet_since = max(self.heard_at, self.pinged_at)
        return now - quiet_since >= self.interval_seconds

    def pinged(self, now: float) -> None:
        self.pinged_at = now

    def wait_seconds(self, now: float) -> float:
        """How long nothing needs to be done if nothing is heard."""
        ping = max(self.heard_at, self.pinged_at) + self.interval_seconds
        return max(min(ping, self.heard_at + self.deadline_seconds) - now, 0.0)
