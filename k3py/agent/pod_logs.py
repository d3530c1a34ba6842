"""A pod's log folder and the messages that containers leave when they end."""

import contextlib
import shutil
from pathlib import Path
from typing import Final

from k3py.agent.places import Places
from k3py.model.generated.core_v1 import Pod

# Kubernetes' bounds: a message of 4096 bytes, or the last 2048 bytes or 80 lines of the log.
MESSAGE_BYTES_MAX: Final = 4096
LOG_MESSAGE_BYTES_MAX: Final = 2048
LOG_MESSAGE_LINES_MAX: Final = 80


class PodLogs:
    """The logs of one pod: of each container the newest two attempts."""

    def __init__(self, places: Places, pod: Pod) -> None:
        self._places = places
        self._pod = pod

    def trim(self, container: str, newest_attempt: int) -> None:
        """Delete logs and termination messages older than the attempt before the newest."""
        for path in (self._places.log_folder(self._pod) / container).glob("*.log*"):
            number = path.name.split(".", 1)[0]
            if number.isdigit() and int(number) < newest_attempt - 1:
                path.unlink(missing_ok=True)
        for path in (self._places.folder(self._pod) / "containers" / container).glob("termination-log-*"):
            number = path.name.rpartition("-")[2]
            if number.isdigit() and int(number) < newest_attempt - 1:
                path.unlink(missing_ok=True)

    def remove(self) -> None:
        shutil.rmtree(self._places.log_folder(self._pod), ignore_errors=True)


def read_termination_message(path: Path, log: Path, policy: str, exit_code: int) -> str:
    """What the container wrote as its last word, or by policy ``FallbackToLogsOnError`` the end of its log."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        message = file.read(MESSAGE_BYTES_MAX)
        if message:
            return message.decode("utf-8", "replace")
    if policy != "FallbackToLogsOnError" or exit_code == 0:
        return ""
    with contextlib.suppress(OSError):
        return _log_end(log)
    return ""


def _log_end(log: Path) -> str:
    """The text of the log's last lines (CRI lines: time, stream, P or F, text)."""
    with log.open("rb") as file:
        file.seek(0, 2)
        # Each line carries some fifty bytes of time and stream before its text.
        file.seek(max(0, file.tell() - LOG_MESSAGE_BYTES_MAX - LOG_MESSAGE_LINES_MAX * 64))
        lines = file.read().splitlines()[-LOG_MESSAGE_LINES_MAX:]
    texts = [b" ".join(line.split(b" ")[3:]) for line in lines if line.count(b" ") >= 3]
    return (b"\n".join(texts) + b"\n" if texts else b"")[-LOG_MESSAGE_BYTES_MAX:].decode("utf-8", "replace")
