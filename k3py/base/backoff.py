"""How long to wait before trying again."""

import random
from dataclasses import dataclass, field


@dataclass
class Backoff:
    """Waits that double from ``first_seconds`` to ``seconds_max``, each shortened by up to half at random.

    The jitter keeps many clients of one server that came back from asking it in the same instant. ``source`` is the
    caller's, so that a test or the simulator decides.
    """

    source: random.Random
    first_seconds: float = 0.25
    seconds_max: float = 10.0
    _failures: int = field(default=0, init=False)

    def next_seconds(self) -> float:
        """Count a failure; seconds to wait after it."""
        # The exponent is capped only so that years of failures do not overflow a float.
        wait = min(self.seconds_max, self.first_seconds * 2.0 ** min(self._failures, 64))
        self._failures += 1
        return wait * (0.5 + self.source.random() / 2)

    def reset(self) -> None:
        """It worked: the next failure waits ``first_seconds`` again."""
        self._failures = 0
