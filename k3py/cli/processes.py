"""Starts and stops daemons as sessions of their own. Acts."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from k3py.base.paths import Paths
from k3py.cli.app import Failure
from k3py.daemons.process import StatusFile, start_time

# How often the files of a starting daemon are looked at. It is a person who waits.
LOOK_SECONDS = 0.02

# What people call the daemons.
TITLES = {"server": "server", "agent": "agent", "vpc": "VPC daemon"}


def status_of(paths: Paths, daemon: str) -> StatusFile:
    """The status file of a daemon on this host."""
    return StatusFile(paths.run / f"{daemon}.json")


def start_daemon(
    paths: Paths, daemon: str, arguments: Sequence[str], extra: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start ``k3py <daemon>`` in a session of its own; it logs to ``/var/log/k3py/<daemon>.log``."""
    paths.log.mkdir(parents=True, exist_ok=True)
    paths.run.mkdir(parents=True, exist_ok=True)
    with (paths.log / f"{daemon}.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "k3py", daemon, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            # A relative root would be another one from the daemon's own folder.
            env={**os.environ, "K3PY_ROOT": str(paths.root), **extra},
            start_new_session=True,
        )


def wait_for(
    what: str, ready: Callable[[], object], process: subprocess.Popen[bytes] | None, log: Path, seconds: float
) -> None:
    """Wait until ``ready`` says something.

    Raises:
        Failure: the process ended before that, or the time is over; the message names the log and its last line.
    """
    deadline = time.monotonic() + seconds
    while not ready():
        if process is not None and process.poll() is not None:
            raise Failure(f"{what} ended with exit code {process.returncode}: {last_line(log)} (log: {log})")
        if time.monotonic() > deadline:
            raise Failure(f"{what} was not ready after {seconds:.0f} s: {last_line(log)} (log: {log})")
        time.sleep(LOOK_SECONDS)


def last_line(log: Path) -> str:
    """The last line of a log, for a message."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return "there is no log"
    return lines[-1] if lines else "the log is empty"


def stop_daemon(paths: Paths, daemon: str, seconds: float) -> bool:
    """End a daemon by SIGTERM, then SIGKILL; False when it does not run.

    The process is named by pid *and* start time, so nobody else's is hit.
    """
    found = status_of(paths, daemon).read()
    if found is None:
        return False
    try:
        descriptor = os.pidfd_open(found["pid"])
    except ProcessLookupError:
        return False
    try:
        if start_time(found["pid"]) != found["startTime"]:
            return False
        for number, wait in ((signal.SIGTERM, seconds), (signal.SIGKILL, 5.0)):
            signal.pidfd_send_signal(descriptor, number)
            if select.select([descriptor], [], [], wait)[0]:
                return True
    finally:
        os.close(descriptor)
    raise Failure(f"cannot stop the {daemon}: process {found['pid']} does not end")
