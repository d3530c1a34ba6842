"""The client over HTTPS. Acts: one pool of connections, and what went wrong as a ``Problem``."""

import contextlib
import socket
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import httpx
import msgspec

from k3py import __version__
from k3py.client.answers import LineSplitter, decode_event, decode_list, decode_problem, decode_single
from k3py.client.paths import collection_path, delete_options, kind_of, object_path, parameters
from k3py.client.port import Listing, PatchType, Propagation, WatchEvent
from k3py.model import codec
from k3py.model.errors import Unavailable
from k3py.model.generated.authentication_v1 import TokenRequest
from k3py.model.generated.core_v1 import ServiceAccount
from k3py.model.registry import Kind
from k3py.model.struct import Wire

T = TypeVar("T", bound=Wire)

CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 30.0  # of silence within an answer
# The server sends a bookmark every minute; a watch that is silent for longer than two has lost its server.
WATCH_SILENCE_SECONDS: Final = 130.0
ANSWER_BYTES_MAX: Final = 256 * 1024 * 1024  # a list of 200,000 pods; beyond it something is wrong
CONNECTIONS_MAX: Final = 100  # a watch takes one for as long as it lasts
IDLE_CONNECTIONS_MAX: Final = 10
IDLE_SECONDS: Final = 30.0
JSON: Final = "application/json"
# A server that lost its power says nothing; the kernel asks after 15 s of silence and gives up 15 s later.
_KEEP_ALIVE: Final[list[tuple[int, int, int]]] = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), value)
        for name, value in (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3), ("TCP_NODELAY", 1))
        if hasattr(socket, name)
    ),
]
# Nothing of the request was executed: the connection was an idle one that the server had just closed.
_STALE: Final = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)


_TOKEN_REQUEST: Final = Kind(TokenRequest, "tokenrequests", stored=False)


@dataclass(frozen=True)
class Answer:
    """A raw answer. Header names are in lower case."""

    code: int
    headers: Mapping[str, str]
    body: bytes


class HttpClient:
    """A ``Client`` of the servers at ``servers`` (URLs). When one cannot be connected to, the next call tries the next.

    ``context`` carries CA and client certificate; when that is renewed in place, later connections use the new one.
    ``token`` is sent as a bearer token. ``transport`` replaces the network in tests. Close it, or use ``async with``.
    """

    def __init__(
        self,
        servers: Sequence[str],
        context: ssl.SSLContext | None = None,
        token: str = "",
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        if not servers:
            raise ValueError("cannot make a client without a server")
        self._servers = [server.rstrip("/") for server in servers]
        self._current = 0
        headers = {"user-agent": f"k3py/{__version__}", "accept-encoding": "identity"}
        if token:
            headers["authorization"] = f"Bearer {token}"
        limits = httpx.Limits(
            max_connections=CONNECTIONS_MAX,
            max_keepalive_connections=IDLE_CONNECTIONS_MAX,
            keepalive_expiry=IDLE_SECONDS,
        )
        verify = context if context is not None else True
        self._http = httpx.AsyncClient(
            transport=transport or httpx.AsyncHTTPTransport(verify=verify, limits=limits, socket_options=_KEEP_ALIVE),
            headers=headers,
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            trust_env=False,
            follow_redirects=False,
        )

    async def __aenter__(self) -> "HttpClient":
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    @property
    def server(self) -> str:
        """The URL that the next call goes to."""
        return self._servers[self._current]

    # The port.

    async def get(self, kind: type[T], name: str, namespace: str = "") -> T:
        entry = kind_of(kind)
        answer = await self.request("GET", object_path(entry, name, namespace))
        return decode_single(entry, kind, answer.body)

    async def list(
        self, kind: type[T], namespace: str = "", label_selector: str = "", field_selector: str = ""
    ) -> Listing[T]:
        entry = kind_of(kind)
        query = parameters(label_selector=label_selector, field_selector=field_selector)
        items: list[T] = []
        following = ""
        while True:
            page = {**query, "continue": following} if following else query
            answer = await self.request("GET", collection_path(entry, namespace), page)
            part, version, following = decode_list(entry, kind, answer.body)
            items += part
            if not following:
                return Listing(items, version)

    async def watch(
        self,
        kind: type[T],
        resource_version: str,
        namespace: str = "",
        label_selector: str = "",
        field_selector: str = "",
        bookmarks: bool = True,
    ) -> AsyncIterator[WatchEvent[T]]:
        query = parameters(
            watch=True,
            resource_version=resource_version,
            label_selector=label_selector,
            field_selector=field_selector,
            allow_watch_bookmarks=bookmarks,
        )
        lines = LineSplitter()
        path = collection_path(kind_of(kind), namespace)
        async with self.stream("GET", path, query, silence_seconds=WATCH_SILENCE_SECONDS) as pieces:
            async for piece in pieces:
                for line in lines.feed(piece):
                    yield decode_event(kind, line)
        if lines.has_rest:
            raise Unavailable(f"the watch of {path} broke off within an event")

    async def create(self, obj: T) -> T:
        entry = kind_of(type(obj))
        metadata = _metadata(obj)
        if entry.namespaced and not metadata.namespace:
            raise ValueError(f"cannot create a {entry.name} without a namespace")
        path = collection_path(entry, metadata.namespace)
        answer = await self.request("POST", path, body=codec.encode(obj))
        return decode_single(entry, type(obj), answer.body)

    async def update(self, obj: T, subresource: str = "") -> T:
        entry = kind_of(type(obj))
        metadata = _metadata(obj)
        path = object_path(entry, metadata.name, metadata.namespace, subresource)
        answer = await self.request("PUT", path, body=codec.encode(obj))
        return decode_single(entry, type(obj), answer.body)

    async def patch(
        self,
        kind: type[T],
        name: str,
        namespace: str,
        patch: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        patch_type: PatchType,
        subresource: str = "",
        field_manager: str = "",
    ) -> T:
        entry = kind_of(kind)
        answer = await self.request(
            "PATCH",
            object_path(entry, name, namespace, subresource),
            parameters(field_manager=field_manager),
            body=msgspec.json.encode(patch),
            content_type=patch_type,
        )
        return decode_single(entry, kind, answer.body)

    async def create_token(self, account: str, namespace: str, request: TokenRequest) -> TokenRequest:
        path = object_path(kind_of(ServiceAccount), account, namespace, "token")
        answer = await self.request("POST", path, body=codec.encode(request))
        return decode_single(_TOKEN_REQUEST, TokenRequest, answer.body)

    async def delete(
        self,
        kind: type[T],
        name: str,
        namespace: str = "",
        grace_period_seconds: int | None = None,
        propagation_policy: Propagation | None = None,
        uid: str = "",
    ) -> None:
        options = delete_options(grace_period_seconds, propagation_policy, uid)
        path = object_path(kind_of(kind), name, namespace)
        await self.request("DELETE", path, body=msgspec.json.encode(options))

    # Beneath it, for the command line.

    async def request(
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
            Unavailable: the server cannot be reached, breaks off, or answers with more than ``ANSWER_BYTES_MAX``.
        """
        headers = {"accept": accept, "content-type": content_type} if body else {"accept": accept}
        try:
            return await self._whole(method, path, query, body, headers)
        except Unavailable as problem:
            # Asking once more is harmless when nothing was to be changed.
            if method != "GET" or not isinstance(problem.__cause__, _STALE):
                raise
        return await self._whole(method, path, query, body, headers)

    @contextlib.asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        silence_seconds: float | None = ANSWER_SECONDS,
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The body of an answer as it comes. ``silence_seconds`` without a byte end it; None waits for ever.

        Raises:
            Problem, Unavailable: as ``request``, also from the iterator.
        """
        async with (
            self._response(method, path, query, body, headers or {}, silence_seconds) as response,
            contextlib.aclosing(self._pieces(response)) as pieces,
        ):
            yield pieces

    async def _whole(
        self, method: str, path: str, query: Mapping[str, str] | None, body: bytes, headers: Mapping[str, str]
    ) -> Answer:
        async with self._response(method, path, query, body, headers, ANSWER_SECONDS) as response:
            received = await self._read(response)
            return Answer(response.status_code, dict(response.headers), received)

    @contextlib.asynccontextmanager
    async def _response(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: bytes,
        headers: Mapping[str, str],
        silence_seconds: float | None,
    ) -> AsyncIterator[httpx.Response]:
        """A successful response whose body has yet to be read; anything else is raised."""
        timeout = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS, read=silence_seconds)
        with self._trouble(method, path):
            request = self._http.build_request(
                method,
                self.server + path,
                params=dict(query) if query else None,
                content=body or None,
                headers=dict(headers),
                timeout=timeout,
            )
            response = await self._http.send(request, stream=True)
        try:
            if response.status_code >= 400:
                raise decode_problem(await self._read(response), response.status_code)
            if not response.is_success:
                raise Unavailable(f"cannot use the answer of {self.server}{path}: HTTP status {response.status_code}")
            yield response
        finally:
            await response.aclose()

    async def _read(self, response: httpx.Response) -> bytes:
        received = bytearray()
        async with contextlib.aclosing(self._pieces(response)) as pieces:
            async for piece in pieces:
                received += piece
                if len(received) > ANSWER_BYTES_MAX:
                    raise Unavailable(f"cannot use the answer of {response.url}: more than {ANSWER_BYTES_MAX} bytes")
        return bytes(received)

    async def _pieces(self, response: httpx.Response) -> AsyncGenerator[bytes, None]:
        with self._trouble(response.request.method, response.url.path):
            async for piece in response.aiter_raw():
                yield piece

    @contextlib.contextmanager
    def _trouble(self, method: str, path: str) -> Any:
        """Connection trouble as ``Unavailable``; when there was no connection at all, on to the next server."""
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            tried = self.server
            self._current = (self._current + 1) % len(self._servers)
            raise Unavailable(f"cannot connect to {tried}: {error or 'timed out'}") from error
        except httpx.PoolTimeout as error:
            raise Unavailable(f"cannot ask {self.server}: {CONNECTIONS_MAX} connections are in use") from error
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError) as error:
            unknown = "" if method == "GET" else "; whether it was carried out is unknown"
            said = str(error) or type(error).__name__
            raise Unavailable(f"{method} {self.server}{path} broke off: {said}{unknown}") from error


def _metadata(obj: Wire) -> Any:
    """``metadata``, which every kind has; the base class does not say so."""
    return obj.metadata  # type: ignore[attr-defined]
