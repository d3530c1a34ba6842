"""What a fake container does, and a command in it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from k3py.runtime.port import Channel, ExecResult

SIGKILL: Final = 9


def nothing(_: Sequence[str], __: bytes) -> ExecResult:
    """The answer to a command when the script says nothing: success, no output."""
    return ExecResult(0, b"", b"")


@dataclass(frozen=True)
class Script:
    """What a container does. ``runs_seconds`` of None: until it is stopped; it ends with ``exit_code`` then.

    ``ends_after_signal_seconds``: how long it takes to obey a signal other than SIGKILL; None: it ignores them.
    ``create_error`` and ``start_error``: what CannotStart says. ``run_command`` answers exec; ``exec_seconds`` is how
    long that takes. ``output`` goes to the log as one line of stdout when it starts.
    """

    runs_seconds: float | None = None
    exit_code: int = 0
    oom_killed: bool = False
    ends_after_signal_seconds: float | None = 0.0
    start_seconds: float = 0.0
    create_error: str = ""
    start_error: str = ""
    output: str = ""
    run_command: Callable[[Sequence[str], bytes], ExecResult] = nothing
    exec_seconds: float = 0.0


class FakeExec:
    """A command in a fake container: it takes all of its input, then answers what the script says."""

    def __init__(self, script: Script, args: Sequence[str], stdin: bool) -> None:
        self.sizes: list[tuple[int, int]] = []
        self._script = script
        self._args = args
        self._input = bytearray()
        self._complete = asyncio.Event()
        self._killed = False
        if not stdin:
            self._complete.set()

    async def write_stdin(self, data: bytes) -> None:
        if not self._complete.is_set():
            self._input += data

    async def close_stdin(self) -> None:
        self._complete.set()

    async def resize(self, width: int, height: int) -> None:
        self.sizes.append((width, height))

    async def _result(self) -> ExecResult:
        await self._complete.wait()
        if self._script.exec_seconds:
            await asyncio.sleep(self._script.exec_seconds)
        if self._killed:
            return ExecResult(128 + SIGKILL, b"", b"")
        return self._script.run_command(self._args, bytes(self._input))

    async def output(self) -> AsyncIterator[tuple[Channel, bytes]]:
        result = await self._result()
        for channel, data in ((Channel.STDOUT, result.stdout), (Channel.STDERR, result.stderr)):
            if data:
                yield channel, data

    async def wait(self) -> int:
        return (await self._result()).exit_code

    async def kill(self) -> None:
        self._killed = True
        self._complete.set()

    async def close(self) -> None:
        await self.kill()
