"""What every daemon does as a process: log lines, signals, telling systemd, its status file."""

import asyncio
import contextlib
import json
import logging
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

from k3py.base.paths import Paths, write_private
from k3py.daemons.settings import BadSetting
from k3py.image.locks import take
from k3py.runtime.processes import parse_start_ticks

LEVELS: Final = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


# A thread that asks the kernel to let go of a device or a program comes back after tens of milliseconds, on a busy
# machine after some seconds.
ENDING_SECONDS: Final = 5.0
LOOK_SECONDS: Final = 0.02


class _JsonLines(logging.Formatter):
    """One JSON object a line: time (RFC 3339, UTC), level, logger, message, and the trace of an error."""

    def format(self, record: logging.LogRecord) -> str:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = {
            "time": f"{stamp}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def set_up_logging(level: str) -> None:
    """Log to standard error: plain lines on a terminal, JSON lines elsewhere.

    Raises:
        BadSetting: there is no such level.
    """
    if level not in LEVELS:
        raise BadSetting(f"cannot use log-level {level!r}: it is one of {', '.join(LEVELS)}")
    handler = logging.StreamHandler(sys.stderr)
    if sys.stderr.isatty():
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    else:
        handler.setFormatter(_JsonLines())
    logging.basicConfig(level=LEVELS[level], handlers=[handler], force=True)
    for noisy in ("httpx", "httpcore", "asyncio"):
        logging.getLogger(noisy).setLevel(max(LEVELS[level], logging.WARNING))


def raise_file_limit() -> None:
    """Take as many open files as this process may have: every watch and every exec is a connection."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def notify(state: str, environment: Mapping[str, str]) -> None:
    """Tell systemd (sd_notify(3)): ``READY=1``, ``STOPPING=1``. Does nothing when it did not start us."""
    address = environment.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as messenger:
        try:
            messenger.sendto(state.encode(), "\0" + address[1:] if address.startswith("@") else address)
        except OSError as error:
            logging.getLogger(__name__).warning("cannot notify systemd: %s", error)


def start_time(pid: int) -> int:
    """When a process was started, in clock ticks since boot (proc(5), field 22 of stat); 0 when it does not run.

    One that has ended and only waits for its parent does not run.
    """
    try:
        state, ticks = parse_start_ticks(Path(f"/proc/{pid}/stat").read_bytes())
    except (OSError, ValueError):
        return 0
    return 0 if state in "ZX" else ticks


def only_one(paths: Paths, daemon: str, patience_seconds: float = ENDING_SECONDS) -> int:
    """Refuse to be the second agent or server below one root: they would stop each other's containers or writes.

    The lock (flock(2)) is held by the descriptor returned, so until this process ends, whatever it ends of. One that
    was killed holds it until the last of its threads has left the kernel; so long it is waited for.

    Raises:
        BadSetting: another one runs.
    """
    paths.run.mkdir(parents=True, exist_ok=True)
    status, until = StatusFile(paths.run / f"{daemon}.json"), time.monotonic() + patience_seconds
    while (descriptor := take(paths.run / f"{daemon}.lock")) is None:
        if status.read() is not None or time.monotonic() >= until:
            raise BadSetting(f"cannot start: the {daemon} runs already below {paths.root}; 'k3py down' stops it")
        time.sleep(LOOK_SECONDS)
    return descriptor


class StatusFile:
    """``/run/k3py/<daemon>.json``: who runs and where it can be reached, for ``k3py up``, ``down`` and people."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, **facts: Any) -> None:
        """Write pid, its start time (a pid alone may be somebody else's later) and the facts given."""
        pid = os.getpid()
        body = {"pid": pid, "startTime": start_time(pid), **facts}
        write_private(self._path, json.dumps(body).encode(), mode=0o644)

    def read(self) -> dict[str, Any] | None:
        """What the file says of a process that runs now; None when there is no such process."""
        try:
            body = json.loads(self._path.read_text())
            alive = body["startTime"] == start_time(int(body["pid"])) != 0
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return dict(body) if alive else None

    def remove(self) -> None:
        """Remove it, unless it speaks of another process that runs: one that we could not take the place of."""
        status = self.read()
        if status is None or status["pid"] == os.getpid():
            self._path.unlink(missing_ok=True)


async def until_told_to_stop(stop: Callable[[], Awaitable[None]]) -> None:
    """Wait for SIGTERM or SIGINT, then stop; a second signal ends the process at once."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        if told.is_set():
            os._exit(1)
        told.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    await told.wait()
    notify("STOPPING=1", os.environ)
    await stop()


async def serve_until_told(start: Callable[[], Awaitable[None]], stop: Callable[[], Awaitable[None]]) -> None:
    """Be a daemon whose start may take long, for it waits for others: a signal ends it meanwhile too.

    Raises:
        Exception: whatever ``start`` raises; it was stopped then.
    """
    started = asyncio.ensure_future(start())
    stopping = asyncio.ensure_future(until_told_to_stop(stop))
    done, _ = await asyncio.wait({started, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if started in done and started.exception() is not None:
        stopping.cancel()
        await stop()
        await started
    await stopping
    started.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await started


def die(why: str) -> NoReturn:
    """End the process at once: it cannot go on, and whatever it would still do could be wrong."""
    logging.getLogger(__name__).critical("cannot go on: %s", why)
    logging.shutdown()
    os._exit(1)
