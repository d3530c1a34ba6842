"""A program on a terminal of its own, as a person would use it."""

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping


class Terminal:
    """``command`` runs with a pseudo-terminal as its controlling terminal. Use it in a ``with`` block."""

    def __init__(self, command: list[str], environment: Mapping[str, str], rows: int = 24, columns: int = 80) -> None:
        self._ours, theirs = pty.openpty()
        self._set_size(rows, columns)
        self.process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, env=dict(environment), start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        os.close(theirs)
        self.text = ""
        self._seen = 0

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        os.close(self._ours)

    def _set_size(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, rows: int, columns: int) -> None:
        """As if the window had been dragged."""
        self._set_size(rows, columns)
        self.process.send_signal(signal.SIGWINCH)

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def until(self, text: str, seconds: float = 20.0) -> None:
        """Read until ``text`` appears after what was waited for before."""
        deadline = time.monotonic() + seconds
        while text not in self.text[self._seen :]:
            assert self._read(deadline), f"{text!r} did not appear; the terminal shows {self.text!r}"
        self._seen = self.text.index(text, self._seen) + len(text)

    def end(self, seconds: float = 20.0) -> int:
        """Read to the end; the exit code."""
        deadline = time.monotonic() + seconds
        while self._read(deadline):
            pass
        return self.process.wait(max(0.1, deadline - time.monotonic()))

    def _read(self, deadline: float) -> bool:
        if not select.select([self._ours], [], [], max(0.0, deadline - time.monotonic()))[0]:
            return False
        try:
            data = os.read(self._ours, 65536)
        except OSError:  # EIO: nobody has the other end any more
            return False
        self.text += data.decode("utf-8", "replace")
        return bool(data)
