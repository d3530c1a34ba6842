"""Joins a client's stream (exec, attach, port-forward, log) to the node's."""

import asyncio

from k3py.api.http.messages import BodyWriter
from k3py.api.streams.remote_command import Output, RemoteCommand, Resize, Stdin, StdinClosed
from k3py.model.errors import Problem, Unavailable, from_status
from k3py.model.streams import (
    Channel,
    MessageStream,
    StreamReset,
    close_message,
    decode_status,
    messages,
    problem_status,
    resize_message,
    split,
)

_OUTPUTS = {Channel.STDOUT: Output.STDOUT, Channel.STDERR: Output.STDERR}
_LOST = "the connection to the node was lost"


async def bridge(command: RemoteCommand, stream: MessageStream) -> None:
    """Carry exec or attach both ways until the node says how it ended, or the client is gone."""
    sender = asyncio.create_task(_send(command, stream), name="exec input")
    try:
        while (message := await stream.read()) is not None:
            channel, data = split(message)
            if channel is Channel.STATUS:
                await command.finish(decode_status(data))
                return
            if channel in _OUTPUTS:
                await command.write(_OUTPUTS[channel], data)
            if command.disconnected:
                return
        await command.finish(Unavailable(_LOST).status())
    except (StreamReset, Problem) as error:
        problem = error if isinstance(error, Problem) else Unavailable(f"{_LOST}: {error}")
        await command.finish(problem_status(problem))
    finally:
        sender.cancel()
        stream.reset("the client is gone")


async def _send(command: RemoteCommand, stream: MessageStream) -> None:
    try:
        async for event in command.incoming():
            match event:
                case Stdin(data):
                    for message in messages(Channel.STDIN, data):
                        await stream.write(message)
                case StdinClosed():
                    await stream.write(close_message(Channel.STDIN))
                case Resize(width, height):
                    await stream.write(resize_message(width, height))
        if command.disconnected:
            stream.reset("the client is gone")
    except StreamReset:
        return  # the reading side hears of it too, and tells the client


async def first_message(stream: MessageStream) -> bytes | None:
    """The first message of a log, which says whether there is one.

    Raises:
        Problem: the node refuses (its Status).
        Unavailable: the stream broke.
    """
    try:
        message = await stream.read()
    except StreamReset as error:
        raise Unavailable(f"{_LOST}: {error}") from error
    if message is not None:
        channel, data = split(message)
        if channel is Channel.STATUS:
            status = decode_status(data)
            if status.get("status") == "Failure":
                raise from_status(status)
            return None
    return message


async def read_text(stream: MessageStream, bytes_max: int) -> bytes:
    """All that a node sends on STDOUT until its Status.

    Raises:
        Problem: the node refuses (its Status).
        ValueError: it sends more than ``bytes_max`` bytes.
        StreamReset: the stream broke.
    """
    text = bytearray()
    while (message := await stream.read()) is not None:
        channel, data = split(message)
        if channel is Channel.STATUS:
            status = decode_status(data)
            if status.get("status") == "Failure":
                raise from_status(status)
            return bytes(text)
        if channel is Channel.STDOUT:
            text += data
        if len(text) > bytes_max:
            raise ValueError(f"the node answers with more than {bytes_max} bytes")
    raise StreamReset("the node ended without a status")


async def copy_log(stream: MessageStream, first: bytes | None, writer: BodyWriter) -> None:
    """Write what a log stream carries until it ends.

    Raises:
        StreamReset: it broke; the client then sees an incomplete body.
    """
    message = first
    while message is not None:
        channel, data = split(message)
        if channel is Channel.STATUS:
            return
        if channel is Channel.STDOUT and data:
            writer.write(data)
            await writer.drain()
        if writer.closed:
            return
        message = await stream.read()


class PodConnection:
    """A stream to a port of a pod, as a byte stream (``Duplex``)."""

    def __init__(self, stream: MessageStream) -> None:
        self._stream = stream
        self._rest = b""
        self._ended = False

    async def read(self, size: int) -> bytes:
        """Up to ``size`` bytes; b"" at the end.

        Raises:
            OSError: the connection failed, on the node or on the way there.
        """
        while not self._rest and not self._ended:
            message = await self._stream.read()
            if message is None:
                self._ended = True
                break
            channel, data = split(message)
            if channel is Channel.STDOUT:
                self._rest = data
            elif channel is Channel.STATUS:
                self._ended = True
                status = decode_status(data)
                if status.get("status") == "Failure":
                    raise ConnectionError(str(status.get("message", "the node could not connect")))
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece

    async def write(self, data: bytes) -> None:
        for message in messages(Channel.STDIN, data):
            await self._stream.write(message)

    async def write_eof(self) -> None:
        await self._stream.write(close_message(Channel.STDIN))

    def close(self) -> None:
        self._stream.reset("the client is gone")
