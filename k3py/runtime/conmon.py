"""conmon, the process that outlives us: it holds a container's streams, writes its log and, at the end, its exit code.

Its files lie in the container's folder: ``conmon.pid``, ``pidfile``, ``ctl`` (a fifo for orders), ``attach`` (a
socket), ``oom``. Exit codes of all containers go to one folder, which one inotify watch covers (conmon(8)).
"""

import asyncio
import contextlib
import errno
import os
import shutil
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from k3py.runtime import runc
from k3py.runtime.port import Channel, NotSupported, WrongState
from k3py.runtime.processes import Identity, identify
from k3py.runtime.runc import CALL_SECONDS_MAX, RuntimeCommand, RuntimeFailed

# conmon sends at most 8 KiB of output in a packet, one byte of which names the stream.
ATTACH_PACKET_BYTES_MAX: Final = 32 * 1024
# What we send as stdin goes in packets that conmon reads into a buffer of this size.
STDIN_PACKET_BYTES_MAX: Final = 8 * 1024
_STREAMS: Final[Mapping[int, Channel]] = {2: Channel.STDOUT, 3: Channel.STDERR}


@dataclass(frozen=True)
class Launch:
    """All that conmon's command line depends on."""

    conmon: str
    command: RuntimeCommand
    container_id: str
    name: str
    folder: Path
    exits: Path
    log_path: Path
    tty: bool = False
    stdin: bool = False
    stdin_once: bool = False


def command_line(launch: Launch) -> list[str]:
    """conmon's arguments for ``create``."""
    folder = str(launch.folder)
    line = [launch.conmon, "--api-version", "1", "--cid", launch.container_id, "--cuuid", launch.container_id]
    line += ["--name", launch.name, "--runtime", launch.command.path]
    line += ["--runtime-arg", f"--root={launch.command.root}", "--bundle", folder, "--persist-dir", folder]
    line += ["--container-pidfile", f"{folder}/pidfile", "--conmon-pidfile", f"{folder}/conmon.pid"]
    line += ["--exit-dir", str(launch.exits), "--log-path", f"k8s-file:{launch.log_path}"]
    line += ["--log-level", "warning", "--no-sync-log", "--full-attach"]
    if launch.tty:
        line.append("--terminal")
    if launch.stdin:
        line.append("--stdin")
        if not launch.stdin_once:
            line.append("--leave-stdin-open")
    return line


def parse_answer(line: bytes) -> int:
    """The container's pid out of what conmon writes to its sync pipe. Raises RuntimeFailed with the runtime's words."""
    try:
        answer = orjson.loads(line)
        pid = answer["data"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise RuntimeFailed(f"conmon answered {line[:200]!r}") from None
    if not isinstance(pid, int) or pid <= 0:
        message = answer.get("message") or "the runtime failed without a word"
        raise RuntimeFailed(runc.readable_error(str(message).encode()))
    return pid


async def create(launch: Launch, join: Sequence[str]) -> tuple[Identity, Identity]:
    """Have conmon create the container; the identities of conmon and of the container's first process.

    ``join``: cgroup.procs files that conmon enters. Raises RuntimeFailed.
    """
    read_end, write_end = os.pipe()
    try:
        errors = (launch.folder / "conmon.err").open("wb")
        with errors:
            process = await asyncio.create_subprocess_exec(
                *runc.joined(join, command_line(launch)),
                env={**runc.environment(), "_OCI_SYNCPIPE": str(write_end)},
                pass_fds=(write_end,),
                cwd=launch.folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                start_new_session=True,
            )
    except BaseException:
        os.close(read_end)
        raise
    finally:
        os.close(write_end)
    line = await _first_line(read_end)
    await process.wait()
    if not line:
        said = runc.readable_error((launch.folder / "conmon.err").read_bytes())
        raise RuntimeFailed(said or "conmon ended without an answer")
    child = identify(parse_answer(line))
    keeper = identify(int((launch.folder / "conmon.pid").read_text()))
    if child is None or keeper is None:
        raise RuntimeFailed("the container ended before it was started")
    return keeper, child


async def _first_line(descriptor: int) -> bytes:
    """One line from a pipe, which is closed then; empty at its end."""
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", 0)
    )
    try:
        return await asyncio.wait_for(reader.readline(), CALL_SECONDS_MAX)
    except (TimeoutError, ValueError):
        raise RuntimeFailed("conmon did not answer") from None
    finally:
        transport.close()


def order(folder: Path, line: str) -> bool:
    """Write an order to the conmon of the container in ``folder``; False when it is gone."""
    try:
        descriptor = os.open(folder / "ctl", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as problem:
        if problem.errno in (errno.ENXIO, errno.ENOENT):
            return False
        raise
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)
    return True


def resize(folder: Path, width: int, height: int) -> bool:
    """Set the terminal's size in characters; False when conmon is gone."""
    return order(folder, f"1 {height} {width}\n")


def reopen_log(folder: Path) -> bool:
    """Begin a new log file; False when conmon is gone."""
    return order(folder, "2 0 0\n")


class ConmonAttachment:
    """A connection to a container's streams through conmon's socket (``Attachment`` of the port)."""

    def __init__(self, folder: Path, connection: socket.socket, tty: bool) -> None:
        self._folder = folder
        self._socket = connection
        self._tty = tty
        self._closed = False
        self._stdin_closed = False

    async def write_stdin(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        for start in range(0, len(data), STDIN_PACKET_BYTES_MAX):
            if self._closed or self._stdin_closed:
                return
            with contextlib.suppress(BrokenPipeError, ConnectionError):
                await loop.sock_sendall(self._socket, data[start : start + STDIN_PACKET_BYTES_MAX])

    async def close_stdin(self) -> None:
        if self._stdin_closed or self._closed:
            return
        if self._tty:
            await self.write_stdin(b"\x04")
            return
        self._stdin_closed = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    async def resize(self, width: int, height: int) -> None:
        if self._tty:
            resize(self._folder, width, height)

    async def output(self) -> AsyncIterator[tuple[Channel, bytes]]:
        loop = asyncio.get_running_loop()
        while not self._closed:
            try:
                packet = await loop.sock_recv(self._socket, ATTACH_PACKET_BYTES_MAX)
            except ConnectionError:
                return
            if not packet:
                return
            channel = _STREAMS.get(packet[0])
            if channel is not None and len(packet) > 1:
                yield channel, packet[1:]

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._socket.close()


async def attach(folder: Path, tty: bool) -> ConmonAttachment:
    """Connect to the conmon of the container in ``folder``. Raises WrongState when it is gone."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        handle = os.open(folder, os.O_PATH | os.O_CLOEXEC)
        try:  # by way of /proc: a socket's address may have 108 bytes only
            await asyncio.get_running_loop().sock_connect(connection, f"/proc/self/fd/{handle}/attach")
        finally:
            os.close(handle)
    except (FileNotFoundError, ConnectionError) as problem:
        connection.close()
        raise WrongState(f"cannot attach to the container in {folder.name}: it does not run") from problem
    except BaseException:
        connection.close()
        raise
    return ConmonAttachment(folder, connection, tty)


def find_conmon() -> str:
    """The path of conmon. Raises NotSupported with what to do."""
    path = shutil.which("conmon")
    if path is None:
        raise NotSupported("cannot run containers: conmon is not installed; on Debian: apt-get install conmon")
    return path
