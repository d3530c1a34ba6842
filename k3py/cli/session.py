"""HTTPS to one server, for one command: no event loop and no pool, so that it is there at once. Acts.

The daemons use ``client.http``, whose library alone takes longer to import than most commands run.
"""

import http.client
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import msgspec

from k3py import __version__
from k3py.client.answers import decode_problem
from k3py.client.kubeconfig import Access
from k3py.model.errors import Unavailable

JSON: Final = "application/json"
ANSWER_SECONDS: Final = 30.0  # of silence within an answer
ANSWER_BYTES_MAX: Final = 256 * 1024 * 1024  # a list of 200,000 pods; beyond it something is wrong
PIECE_BYTES: Final = 64 * 1024


@dataclass(frozen=True)
class Answer:
    """An answer. ``warnings`` are the texts of its Warning header fields (RFC 9110 once had them; Kubernetes does)."""

    body: bytes
    warnings: tuple[str, ...] = ()

    def plain(self) -> Any:
        """The body as plain values.

        Raises:
            Unavailable: it is no JSON.
        """
        try:
            return msgspec.json.decode(self.body)
        except msgspec.MsgspecError as error:
            raise Unavailable(f"cannot use the server's answer: {error}") from error


class Session:
    """Requests one after the other over one connection. ``access`` says where and as whom."""

    def __init__(self, access: Access, context: ssl.SSLContext) -> None:
        self.access = access
        self._tls = context
        self._url = urlsplit(access.server)
        self._connection: http.client.HTTPSConnection | None = None

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes = b"",
        content_type: str = JSON,
        accept: str = JSON,
    ) -> Answer:
        """One request and its whole answer.

        Raises:
            Problem: the server refuses (status 400 and above).
            Unavailable: it cannot be reached, breaks off, or answers with more than ``ANSWER_BYTES_MAX``.
        """
        kept = self._connection is not None
        with self._trouble(method, path):
            try:
                response = self._send(method, path, query, body, content_type, accept)
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                if not kept or method != "GET":
                    raise
                self.close()  # the server had just closed an idle connection: nothing was executed
                response = self._send(method, path, query, body, content_type, accept)
            received = response.read(ANSWER_BYTES_MAX + 1)
            if response.length and len(received) <= ANSWER_BYTES_MAX:
                raise http.client.IncompleteRead(received, response.length)
        if len(received) > ANSWER_BYTES_MAX:
            raise Unavailable(
                f"cannot use the answer of {self.access.server}{path}: more than {ANSWER_BYTES_MAX} bytes"
            )
        if response.status >= 400:
            raise decode_problem(received, response.status)
        return Answer(received, tuple(warning_text(each) for each in response.msg.get_all("Warning", ())))

    @contextmanager
    def stream(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        accept: str = JSON,
        silence_seconds: float | None = None,
    ) -> Iterator[Iterator[bytes]]:
        """The body of a GET as it comes, over a connection of its own. ``silence_seconds`` without a byte end it.

        Raises:
            Problem, Unavailable: as ``request``; from the iterator also ``TimeoutError`` after the silence.
        """
        other = Session(self.access, self._tls)
        try:
            with other._trouble("GET", path):
                connected = other._connected().sock
                response = other._send("GET", path, query, b"", JSON, accept)
                if response.status >= 400:
                    raise decode_problem(response.read(ANSWER_BYTES_MAX), response.status)
                connected.settimeout(silence_seconds)
            yield other._pieces(response, path)
        finally:
            other.close()

    def upgraded_socket(self) -> ssl.SSLSocket:
        """A fresh TLS connection to the server, for protocols that begin as HTTP.

        Raises:
            Unavailable: it cannot be reached.
        """
        with self._trouble("GET", ""):
            plain = socket.create_connection((self.host, self.port), ANSWER_SECONDS)
            return self._tls.wrap_socket(plain, server_hostname=self.host)

    @property
    def host(self) -> str:
        """Host name or address, IPv6 without brackets."""
        return self._url.hostname or ""

    @property
    def port(self) -> int:
        return self._url.port or 443

    def headers(self) -> dict[str, str]:
        """The header fields of every request: who asks."""
        fields = {"User-Agent": f"k3py/{__version__}"}
        if self.access.token:
            fields["Authorization"] = f"Bearer {self.access.token}"
        return fields

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _send(
        self, method: str, path: str, query: Mapping[str, str] | None, body: bytes, content_type: str, accept: str
    ) -> http.client.HTTPResponse:
        connection = self._connected()
        fields = {**self.headers(), "Accept": accept}
        if body:
            fields["Content-Type"] = content_type
        target = f"{self._url.path.rstrip('/')}{path}" + (f"?{urlencode(query)}" if query else "")
        connection.request(method, target, body or None, fields)
        return connection.getresponse()

    def _connected(self) -> http.client.HTTPSConnection:
        if self._connection is None:
            made = http.client.HTTPSConnection(self.host, self.port, timeout=ANSWER_SECONDS, context=self._tls)
            made.connect()
            self._connection = made
        return self._connection

    def _pieces(self, response: http.client.HTTPResponse, path: str) -> Iterator[bytes]:
        try:
            while piece := response.read1(PIECE_BYTES):
                yield piece
        except TimeoutError:
            raise
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(f"GET {self.access.server}{path} broke off: {error or type(error).__name__}") from error

    @contextmanager
    def _trouble(self, method: str, path: str) -> Iterator[None]:
        """Trouble of a connection as ``Unavailable``; the connection is not used again."""
        try:
            yield
        except ssl.SSLCertVerificationError as error:
            self.close()
            raise Unavailable(f"cannot trust {self.access.server}: {error.verify_message}") from error
        except (ConnectionRefusedError, socket.gaierror) as error:
            self.close()
            raise Unavailable(f"cannot connect to {self.access.server}: {error.strerror}") from error
        except (OSError, http.client.HTTPException) as error:
            self.close()
            unknown = "" if method == "GET" else "; whether it was carried out is unknown"
            said = str(error) or type(error).__name__
            raise Unavailable(f"{method} {self.access.server}{path} broke off: {said}{unknown}") from error


def warning_text(field: str) -> str:
    """The text of a Warning header field: ``299 - "unknown field"`` says ``unknown field``."""
    first, last = field.find('"'), field.rfind('"')
    return field[first + 1 : last].replace('\\"', '"') if 0 <= first < last else field
