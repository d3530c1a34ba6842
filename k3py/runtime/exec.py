"""A command in a running container: with pipes the runtime stays in the foreground, with a terminal a shim does.

Both get the whole ``process`` as a file, the only form that runc, crun and youki understand alike. Each session has a
folder of its own, which goes with it. When the agent is killed, a command on a terminal is ended by its shim; one with
pipes finds them closed, and ends with its container at the latest.
"""

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
import socket
import struct
import sys
import termios
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from k3py.runtime.cgroups import is_member
from k3py.runtime.port import EXEC_OUTPUT_BYTES_MAX, CannotExec, Channel, ExecProcess, ExecResult, TimedOut
from k3py.runtime.processes import PROC
from k3py.runtime.runc import RuntimeCommand, environment, readable_error

READ_BYTES: Final = 32 * 1024
# Output read ahead of a slow reader: this many chunks of READ_BYTES, then the command has to wait.
CHUNKS_AHEAD_MAX: Final = 8
SHIM_MESSAGE_BYTES_MAX: Final = 8 * 1024
SHIM_START_SECONDS_MAX: Final = 60.0
# A killed command is gone at once; what it left running may hold the pipes that its runtime waits for.
BURIAL_SECONDS_MAX: Final = 1.0
# What a runtime said comes with its end, unless nobody reads the output before it.
LAST_WORDS_SECONDS_MAX: Final = 1.0
# A runtime writes the pid file within milliseconds of the command's start; only first words on stderr wait for it.
START_LOOK_SECONDS: Final = 0.005
NOT_FOUND: Final = 127
NOT_EXECUTABLE: Final = 126


@dataclass(frozen=True)
class Session:
    """Where a command runs. ``folder`` is new and empty; ``cgroup`` is the container's, to know its processes by."""

    command: RuntimeCommand
    container_id: str
    cgroup: str
    folder: Path
    process: Mapping[str, Any]

    def write(self) -> None:
        """Lay out the folder."""
        self.folder.mkdir(parents=True)
        (self.folder / "process.json").write_bytes(orjson.dumps(self.process))

    def kill_command(self) -> bool:
        """SIGKILL the command: the pid of the pid file, if that process is in the container. False if it is not."""
        try:
            pid = int((self.folder / "pid").read_text())
            descriptor = os.pidfd_open(pid)
        except (OSError, ValueError):
            return False
        try:
            if not is_member((PROC / str(pid) / "cgroup").read_text(), self.cgroup):
                return False
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        except OSError:
            return False
        finally:
            os.close(descriptor)
        return True

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def start_failure(said: bytes) -> CannotExec:
    """The error for what a runtime said when it could not start the command."""
    message = readable_error(said) or "the runtime failed without a word"
    missing = "not found" in message or "no such file" in message.lower()
    return CannotExec(f"cannot run the command: {message}", NOT_FOUND if missing else NOT_EXECUTABLE)


class PipedExec:
    """A command without a terminal (``ExecProcess`` of the port)."""

    def __init__(self, session: Session, process: asyncio.subprocess.Process) -> None:
        self._session = session
        self._process = process
        self._said = b""
        self._killed = False
        self._started = False
        self._start_known = asyncio.Event()
        self._chunks: asyncio.Queue[tuple[Channel, bytes]] = asyncio.Queue(CHUNKS_AHEAD_MAX)
        self._pumps = asyncio.ensure_future(self._pump_both())
        self._ended = asyncio.ensure_future(self._end())

    async def _pump_both(self) -> None:
        await asyncio.gather(self._pump(Channel.STDOUT), self._pump(Channel.STDERR))

    async def _pump(self, channel: Channel) -> None:
        stream = self._process.stdout if channel is Channel.STDOUT else self._process.stderr
        assert stream is not None
        while data := await stream.read(READ_BYTES):
            if channel is Channel.STDERR:
                self._said = (self._said + data)[-SHIM_MESSAGE_BYTES_MAX:]
                if not await self._has_started():
                    continue  # the runtime's own words, which the error will repeat
            if not self._killed:
                await self._chunks.put((channel, data))

    async def _has_started(self) -> bool:
        """Whether the command runs or has run: the runtime says so by the pid file, or ends without one."""
        while not self._start_known.is_set():
            if (self._session.folder / "pid").exists():
                self._started = True
                self._start_known.set()
            else:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._start_known.wait(), START_LOOK_SECONDS)
        return self._started

    async def _end(self) -> int:
        code = await self._process.wait()
        self._started = self._started or (self._session.folder / "pid").exists()
        self._start_known.set()
        self._session.remove()
        if not self._started and not self._killed:
            await asyncio.wait((self._pumps,), timeout=LAST_WORDS_SECONDS_MAX)
            raise start_failure(self._said)
        return 128 - code if code < 0 else code

    async def write_stdin(self, data: bytes) -> None:
        stdin = self._process.stdin
        if stdin is None or stdin.is_closing():
            return
        with contextlib.suppress(BrokenPipeError, ConnectionError):
            stdin.write(data)
            await stdin.drain()

    async def close_stdin(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()

    async def resize(self, width: int, height: int) -> None:
        """There is no terminal."""

    async def output(self) -> AsyncIterator[tuple[Channel, bytes]]:
        while not (self._pumps.done() and self._chunks.empty()):
            get = asyncio.ensure_future(self._chunks.get())
            try:
                await asyncio.wait((get, self._pumps), return_when=asyncio.FIRST_COMPLETED)
                if get.done():
                    yield get.result()
            finally:
                get.cancel()

    async def wait(self) -> int:
        return await asyncio.shield(self._ended)

    async def kill(self) -> None:
        self._killed = True
        while not self._chunks.empty():  # whoever waits for room to put more goes on, and drops it
            self._chunks.get_nowait()
        if not self._ended.done():
            # The runtime buries its child; killed first, it would leave that to the host's init, for as long as
            # which the container's process namespace cannot end.
            if self._session.kill_command():
                await asyncio.wait((self._ended,), timeout=BURIAL_SECONDS_MAX)
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        self._pumps.cancel()
        await asyncio.wait((self._pumps, self._ended))
        self._ended.exception()  # asked for, so that it does not count as lost


class TerminalExec:
    """A command on a terminal (``ExecProcess`` of the port); ``master`` is the terminal's own descriptor."""

    def __init__(self, session: Session, shim: asyncio.subprocess.Process, channel: socket.socket, master: int) -> None:
        self._session = session
        self._shim = shim
        self._channel = channel
        self._master = master
        self._open = True
        os.set_blocking(master, False)
        self._ended = asyncio.ensure_future(self._end())

    async def _end(self) -> int:
        try:
            message = await asyncio.get_running_loop().sock_recv(self._channel, SHIM_MESSAGE_BYTES_MAX)
        except ConnectionError:
            message = b""
        await self._shim.wait()
        self._channel.close()
        self._session.remove()
        word, _, number = message.partition(b" ")
        return int(number) if word == b"exit" else 128 + signal.SIGKILL

    async def write_stdin(self, data: bytes) -> None:
        left = memoryview(data)
        while left and self._open:
            try:
                left = left[os.write(self._master, left) :]
            except BlockingIOError:
                await self._ready(write=True)
            except OSError:  # EIO: nobody has the terminal open any more
                return

    async def close_stdin(self) -> None:
        await self.write_stdin(b"\x04")

    async def resize(self, width: int, height: int) -> None:
        if self._open:
            fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    async def output(self) -> AsyncIterator[tuple[Channel, bytes]]:
        while self._open:
            try:
                data = os.read(self._master, READ_BYTES)
            except BlockingIOError:
                await self._ready(write=False)
                continue
            except OSError:  # EIO is a terminal's end
                data = b""
            if not data:
                self._close()
                return
            yield Channel.STDOUT, data

    async def _ready(self, write: bool) -> None:
        """Wait until the terminal can be read or written."""
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        (loop.add_writer if write else loop.add_reader)(self._master, ready.set)
        try:
            await ready.wait()
        finally:
            if self._open:
                (loop.remove_writer if write else loop.remove_reader)(self._master)

    def _close(self) -> None:
        if self._open:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._master)
            loop.remove_writer(self._master)
            self._open = False
            os.close(self._master)

    async def wait(self) -> int:
        return await asyncio.shield(self._ended)

    async def kill(self) -> None:
        if not self._ended.done():
            self._session.kill_command()
            with contextlib.suppress(OSError):
                self._channel.shutdown(socket.SHUT_WR)  # the shim sees its owner's end
        await self._ended
        self._close()


async def start_piped(session: Session, stdin: bool) -> PipedExec:
    """Run the command with pipes. That it cannot be started, ``wait`` says (CannotExec)."""
    session.write()
    command, folder = session.command, str(session.folder)
    process = await asyncio.create_subprocess_exec(
        *(command.path, "--root", command.root, "exec"),
        *("--process", f"{folder}/process.json", "--pid-file", f"{folder}/pid", session.container_id),
        env=environment(),
        stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    return PipedExec(session, process)


async def start_terminal(session: Session) -> TerminalExec:
    """Run the command on a terminal of its own. Raises CannotExec."""
    session.write()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    shim_program = str(Path(__file__).with_name("exec_shim.py"))
    with theirs:
        shim = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", shim_program, str(theirs.fileno()), str(session.folder)),
            *(session.command.path, session.command.root, session.container_id),
            env=environment(),
            pass_fds=(theirs.fileno(),),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        master = await asyncio.wait_for(_terminal_from(ours), SHIM_START_SECONDS_MAX)
    except BaseException as problem:
        ours.close()
        await shim.wait()
        session.remove()
        if isinstance(problem, TimeoutError):
            raise CannotExec("cannot run the command: no terminal came", NOT_EXECUTABLE) from problem
        raise
    return TerminalExec(session, shim, ours, master)


async def _terminal_from(channel: socket.socket) -> int:
    """The shim's first message: a terminal, or why there is none (CannotExec)."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(channel, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(channel)
    message, received, _, _ = socket.recv_fds(channel, SHIM_MESSAGE_BYTES_MAX, 1, socket.MSG_CMSG_CLOEXEC)
    if message == b"terminal" and received:
        return received[0]
    raise start_failure(message.removeprefix(b"failed "))


async def run_to_end(process: ExecProcess, timeout_seconds: float | None) -> ExecResult:
    """Collect a command's output, bounded, and its exit code. Raises TimedOut after killing it, CannotExec."""
    kept = {Channel.STDOUT: bytearray(), Channel.STDERR: bytearray()}

    async def collect() -> int:
        async for channel, data in process.output():
            room = EXEC_OUTPUT_BYTES_MAX - len(kept[channel])
            kept[channel] += data[:room]
        return await process.wait()

    try:
        code = await asyncio.wait_for(collect(), timeout_seconds)
    except TimeoutError:
        raise TimedOut(f"the command did not end within {timeout_seconds:g} s") from None
    finally:
        await process.kill()
    return ExecResult(code, bytes(kept[Channel.STDOUT]), bytes(kept[Channel.STDERR]))
