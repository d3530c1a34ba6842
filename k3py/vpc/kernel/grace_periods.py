"""Keeps the kernel's waits short while pods come and go. Acts.

Attaching a program ends only when no processor is in the middle of a packet (RCU): 15 ms, and no link of the host can
be changed meanwhile. Expedited grace periods end within a millisecond, at the price of an interrupt on every processor
(kernel documentation, ``/sys/kernel/rcu_expedited``), so they are switched on for these moments only.
"""

import contextlib
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

SWITCH: Final = Path("/sys/kernel/rcu_expedited")

_log = logging.getLogger(__name__)


def grace_periods(record: Path) -> "GracePeriods":
    """The switch of the instance whose old sysctls are kept in ``record``: its note lies beside."""
    return GracePeriods(record.with_name("rcu-expedited"))


class GracePeriods:
    """The switch, for all threads of one daemon. Where it cannot be used, waits are as long as they are.

    ``note``: a file that says, as long as it is there, that the switch is on because of us.
    """

    def __init__(self, note: Path, switch: Path = SWITCH) -> None:
        self._note, self._switch = note, switch
        self._lock = threading.Lock()
        self._users = 0

    def restore(self) -> None:
        """Switch off what a daemon that was killed has left on."""
        if self._note.exists():
            with contextlib.suppress(OSError):
                self._switch.write_text("0")
            self._note.unlink(missing_ok=True)

    @contextlib.contextmanager
    def short(self) -> Iterator[None]:
        """Short waits as long as somebody is inside. Who has switched them on for good is let be."""
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._begin()
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if not self._users:
                    self.restore()

    def _begin(self) -> None:
        try:
            if self._switch.read_text().strip() != "0":
                return
            self._note.parent.mkdir(parents=True, exist_ok=True)
            self._note.touch()
            self._switch.write_text("1")
        except OSError as error:
            _log.debug("waits stay long: %s", error)
            self._note.unlink(missing_ok=True)
