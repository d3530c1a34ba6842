"""Lines on the socket: bytes to requests, results to bytes. Speaks; no bytes make it fail."""

from typing import Any, Final

import msgspec

from k3py.model import vpc_socket as messages
from k3py.model.vpc_socket import LINE_BYTES_MAX, Answer, AnyRequest, Refusal

_encoder: Final = msgspec.json.Encoder(enc_hook=str)
_decoder: Final[msgspec.json.Decoder[AnyRequest]] = msgspec.json.Decoder(AnyRequest)


class _Head(msgspec.Struct):
    """What every version of the protocol says."""

    version: int = messages.VERSION


_head_decoder: Final = msgspec.json.Decoder(_Head)


class BadLine(ValueError):
    """A line that is no request; the message says why, for the one who sent it."""


class TooLong(BadLine):
    """No end of the line within ``LINE_BYTES_MAX``: what follows cannot be understood either."""


class Lines:
    """Bytes in any pieces to whole lines without their ends."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def __len__(self) -> int:
        """Bytes that wait."""
        return len(self._rest)

    def feed(self, data: bytes) -> None:
        """Take bytes as they arrive."""
        self._rest += data

    def next(self) -> bytes | None:
        """The next line; None when there is no whole one.

        Raises:
            TooLong: the line has more than ``LINE_BYTES_MAX`` bytes.
        """
        end = self._rest.find(b"\n", 0, LINE_BYTES_MAX + 1)
        if end < 0:
            if len(self._rest) > LINE_BYTES_MAX:
                raise TooLong(f"a line has more than {LINE_BYTES_MAX} bytes")
            return None
        line = bytes(self._rest[:end])
        del self._rest[: end + 1]
        return line


def read_request(line: bytes) -> AnyRequest:
    """The request in a line.

    Raises:
        BadLine: it is none, or of another version of the protocol.
    """
    try:
        head = _head_decoder.decode(line)
        if head.version != messages.VERSION:
            raise BadLine(
                f"this VPC daemon speaks version {messages.VERSION} of the protocol, the request is of {head.version}; "
                "upgrade the older of the two"
            )
        return _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadLine(f"this is no request: {error}") from error


def result_line(result: Any) -> bytes:
    """The answer with a result."""
    return _encoder.encode(Answer(result=msgspec.Raw(_encoder.encode(result)))) + b"\n"


def refusal_line(reason: str, message: str) -> bytes:
    """The answer with a refusal."""
    return _encoder.encode(Answer(error=Refusal(reason=reason, message=message))) + b"\n"
