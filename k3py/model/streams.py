"""What API and agent say to each other about the streams between them: logs, exec, attach, port-forward.

A stream is opened with a ``StreamRequest``; after it both ends send *messages* whose first byte is the channel, as in
Kubernetes' ``v5.channel.k8s.io`` protocol, so the API passes them on unopened. Who carries them (the tunnel, a fake in
a test) does not matter here: ``MessageStream`` is the port.

Which channels are used: exec and attach all of them; logs and node statistics send their text on STDOUT; port-forward
sends the client's bytes on STDIN and the pod's on STDOUT. The node ends every stream with one Status on STATUS and
then closes it.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from enum import IntEnum
from typing import Any, Final, Protocol

import msgspec

from k3py.model.errors import BadRequest, Problem, Unavailable

# A command of exec travels here whole; the API's own limit on a request's head is below this.
STREAM_REQUEST_BYTES_MAX: Final = 64 * 1024
# Large enough that framing costs nothing, small enough that streams on one connection take turns.
MESSAGE_BYTES_MAX: Final = 32 * 1024


class _Request(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", rename="camel"):
    """The pod a stream belongs to. ``uid`` guards against a new pod of the same name."""

    namespace: str
    pod: str
    uid: str


class Exec(_Request, frozen=True, kw_only=True, tag="exec"):
    """Run ``command`` in a container (``PodExecOptions``)."""

    container: str
    command: tuple[str, ...]
    stdin: bool = False
    stdout: bool = False
    stderr: bool = False
    tty: bool = False


class Attach(_Request, frozen=True, kw_only=True, tag="attach"):
    """Connect to what the container runs already (``PodAttachOptions``)."""

    container: str
    stdin: bool = False
    stdout: bool = False
    stderr: bool = False
    tty: bool = False


class Logs(_Request, frozen=True, kw_only=True, tag="logs"):
    """What a container wrote (``PodLogOptions``).

    ``since_time`` is RFC 3339 text, ``tail_lines`` counts from the end; None means no limit. ``stream`` is ``All``,
    ``Stdout`` or ``Stderr``.
    """

    container: str
    follow: bool = False
    previous: bool = False
    since_seconds: int | None = None
    since_time: str | None = None
    tail_lines: int | None = None
    timestamps: bool = False
    limit_bytes: int | None = None
    stream: str = "All"


class PortForward(_Request, frozen=True, kw_only=True, tag="portForward"):
    """One connection to a TCP port of the pod, or of the node itself when no pod is named.

    By ``localhost``, as kubectl's port-forward has it, or with ``own_address`` by the address that others see.
    """

    port: int
    own_address: bool = False


class NodeStats(_Request, frozen=True, kw_only=True, tag="nodeStats"):
    """What the node and all its containers use now; no pod is named. The answer is JSON (``usage``) on STDOUT."""

    namespace: str = ""
    pod: str = ""
    uid: str = ""


StreamRequest = Exec | Attach | Logs | PortForward | NodeStats

_decoder: Final = msgspec.json.Decoder(StreamRequest)


def encode_request(request: StreamRequest) -> bytes:
    """The request as JSON.

    Raises:
        BadRequest: it has more than ``STREAM_REQUEST_BYTES_MAX`` bytes.
    """
    data = msgspec.json.encode(request)
    if len(data) > STREAM_REQUEST_BYTES_MAX:
        raise BadRequest(
            f"cannot open the stream: the request has {len(data)} bytes, at most {STREAM_REQUEST_BYTES_MAX} are "
            "passed on; is the command too long?"
        )
    return data


def decode_request(data: bytes) -> StreamRequest:
    """The request from its JSON. Fields that are not known are passed over: the other end may be newer.

    Raises:
        BadRequest: too large, or no such JSON.
    """
    if len(data) > STREAM_REQUEST_BYTES_MAX:
        raise BadRequest(f"cannot read the stream request: more than {STREAM_REQUEST_BYTES_MAX} bytes")
    try:
        request: StreamRequest = _decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise BadRequest(f"cannot read the stream request: {error}") from error
    return request


class Channel(IntEnum):
    """First byte of a message. CLOSE is followed by the number of the channel that ends."""

    STDIN = 0
    STDOUT = 1
    STDERR = 2
    STATUS = 3
    RESIZE = 4
    CLOSE = 255


class Resize(msgspec.Struct, frozen=True):
    """The client's terminal has this size now, in characters (``remotecommand.TerminalSize``)."""

    width: int = msgspec.field(name="Width")
    height: int = msgspec.field(name="Height")


_resize_decoder: Final = msgspec.json.Decoder(Resize)


def messages(channel: Channel, data: bytes) -> Iterator[bytes]:
    """``data`` on ``channel`` in as many messages as it takes; none for no data."""
    first, step = bytes((channel,)), MESSAGE_BYTES_MAX - 1
    for start in range(0, len(data), step):
        yield first + data[start : start + step]


def close_message(channel: Channel) -> bytes:
    """Says that nothing more will come on ``channel``."""
    return bytes((Channel.CLOSE, channel))


def resize_message(width: int, height: int) -> bytes:
    return bytes((Channel.RESIZE,)) + msgspec.json.encode(Resize(width, height))


def status_message(status: Mapping[str, Any]) -> bytes:
    """The final ``Status``. One that is too long for a message loses the end of its text, never its meaning."""
    data = msgspec.json.encode(status)
    if len(data) >= MESSAGE_BYTES_MAX:
        # JSON needs at most six bytes for one character of text.
        text = str(status.get("message", ""))[: MESSAGE_BYTES_MAX // 12]
        data = msgspec.json.encode({**status, "message": text})
    if len(data) >= MESSAGE_BYTES_MAX:
        kept = {key: status[key] for key in ("kind", "apiVersion", "status", "reason", "code") if key in status}
        data = msgspec.json.encode({**kept, "message": text})
    return bytes((Channel.STATUS,)) + data


def split(message: bytes) -> tuple[Channel, bytes]:
    """Channel and data of a message.

    Raises:
        BadRequest: the message is empty or its channel unknown.
    """
    try:
        return Channel(message[0]), message[1:]
    except (IndexError, ValueError):
        raise BadRequest(f"cannot read the stream's message: unknown channel {message[:1].hex()!r}") from None


def decode_resize(data: bytes) -> Resize:
    """What follows RESIZE.

    Raises:
        BadRequest: it is no terminal size.
    """
    try:
        return _resize_decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise BadRequest(f"cannot read the terminal size: {error}") from error


def decode_status(data: bytes) -> dict[str, Any]:
    """What follows STATUS.

    Raises:
        BadRequest: it is no JSON object.
    """
    try:
        return msgspec.json.decode(data, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise BadRequest(f"cannot read the stream's status: {error}") from error


def success_status() -> dict[str, Any]:
    """The command ended with exit code 0, or the stream came to its natural end."""
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}


def exit_status(code: int) -> dict[str, Any]:
    """How a command ended, in the form kubectl takes its own exit code from."""
    if code == 0:
        return success_status()
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: exit status {code}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


class StreamReset(ConnectionError):
    """The stream ended before its time: the other end gave up, or the connection between the two was lost."""


class NodeUnreachable(Unavailable):
    """The server has no tunnel to the node now; its containers run on."""


class MessageStream(Protocol):
    """One stream between API and node, in both directions. One task reads; several may write, each message whole."""

    async def read(self) -> bytes | None:
        """The next message; None once the other end has closed its side and everything was read.

        Raises:
            StreamReset: the stream was reset, and what came before that was read.
        """
        ...

    async def write(self, message: bytes) -> None:
        """Send one message; waits while the other end is slow.

        Raises:
            StreamReset: the stream was reset.
            ValueError: the message is empty or has more than ``MESSAGE_BYTES_MAX`` bytes, or this side is closed.
        """
        ...

    async def close(self) -> None:
        """Say that this side will write no more; reading goes on. May be repeated."""
        ...

    def reset(self, reason: str = "") -> None:
        """Give the stream up at once, both ways. Does nothing on a stream that has ended."""
        ...


StreamHandler = Callable[[StreamRequest, MessageStream], Awaitable[None]]
"""What a node does with a stream that a server opens: it writes messages and, at the end, a Status."""


def problem_status(problem: BaseException) -> dict[str, Any]:
    """The final Status for a stream that failed. Only a ``Problem`` speaks for itself; others are internal."""
    if isinstance(problem, Problem):
        return problem.status()
    return Problem("the node could not serve the stream: internal error").status()
