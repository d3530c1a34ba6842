"""Carries requests to nodes, pods and services, through the node's tunnel into the pod's network. Acts."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from k3py.api.bridge import PodConnection
from k3py.api.http.messages import Answer, BodyWriter, RawConnection, Request, Response, StreamResponse, Upgrade
from k3py.api.metrics import NodeFigures
from k3py.api.pods import NodeStreams
from k3py.api.reverse_proxy import kubelet, location
from k3py.api.reverse_proxy.exchange import Exchange, encode_head, send
from k3py.api.reverse_proxy.headers import (
    CHUNKED,
    Fields,
    first,
    join_paths,
    request_fields,
    response_fields,
    rewrite_url,
    upgrade_fields,
)
from k3py.api.reverse_proxy.html import LinkRewriter
from k3py.api.reverse_proxy.location import Backend
from k3py.api.reverse_proxy.switched import Switched
from k3py.api.reverse_proxy.tls import TlsDuplex
from k3py.api.routing import Target
from k3py.api.streams.forward import Duplex
from k3py.model import codec
from k3py.model.errors import BadRequest, Details, NotFound, Problem, Unavailable, not_found
from k3py.model.generated.core_v1 import Pod, Service
from k3py.model.generated.discovery_v1 import EndpointSlice
from k3py.model.kinds import KINDS
from k3py.model.streams import NodeUnreachable, PortForward
from k3py.objects.collections import collection_name
from k3py.objects.service import Objects

# An answer's head is there, but the client may have left: then nobody would ever read the rest.
TAKEN_SECONDS_MAX: Final = 30.0
# Of a service's pods, when their nodes are away: the next ones are on other nodes, most likely.
ENDPOINTS_TRIED_MAX: Final = 3
_HTML: Final = "text/html"
_UNKNOWN_TYPE: Final = "application/octet-stream"


@dataclass(frozen=True)
class _Place:
    """The request's path, cut at ``proxy``: as sent, percent-encoded."""

    prefix: str
    rest: str
    query: str

    @property
    def target(self) -> str:
        return f"{self.rest or '/'}{'?' if self.query else ''}{self.query}"


class Proxy:
    """Serves the subresource ``proxy``. ``source`` chooses among a service's pods."""

    def __init__(self, objects: Objects, nodes: NodeStreams, figures: NodeFigures, source: random.Random) -> None:
        self._objects, self._nodes, self._figures, self._source = objects, nodes, figures, source

    async def answer(self, request: Request, target: Target) -> Answer:
        """What the backend answers.

        Raises:
            NotFound: there is no such node, pod or service.
            BadRequest: its name has no form that is known, or the pod has no address.
            Unavailable: nobody answers.
        """
        place = _place(request, target)
        if target.kind.plural == "nodes":
            asked = location.asked_of(target.name, "node")
            self._get("nodes", "", asked.name)
            backend = location.node_backend(asked)
            if backend is None:
                return await kubelet.answer(self._figures, asked.name, request.method, place.rest)
            backends = [backend]
        elif target.kind.plural == "pods":
            asked = location.asked_of(target.name, "pod")
            backends = [location.pod_backend(asked, self._pod(target.namespace, asked.name))]
        else:
            backends = self._service_backends(target)
        wants_upgrade = "upgrade" in request.header(b"connection").lower() and request.stream is None
        if not place.rest and not wants_upgrade and request.method in ("GET", "HEAD"):
            query = f"?{place.query}" if place.query else ""
            return Response(301, b"", "text/html", [("Location", f"{place.prefix}/{query}")])
        connection = await self._connect(backends)
        return await _exchange(request, place, connection, wants_upgrade)

    def _get(self, plural: str, namespace: str, name: str) -> bytes:
        record = self._objects.store.get(plural, namespace, name)
        if record is None:
            raise not_found(plural, "", name)
        return record.raw

    def _pod(self, namespace: str, name: str) -> Pod:
        return codec.decode(Pod, self._get("pods", namespace, name))

    def _service_backends(self, target: Target) -> list[Backend]:
        asked = location.asked_of(target.name, "service")
        service = codec.decode(Service, self._get("services", target.namespace, asked.name))
        port_name = location.service_port_name(asked, service)
        label = (location.SERVICE_NAME, asked.name)
        listing = self._objects.store.list(collection_name(KINDS.of(EndpointSlice)), target.namespace)
        slices = [codec.decode(EndpointSlice, each.raw) for each in listing if label in each.labels]
        endpoints = location.service_endpoints(slices, port_name)
        backends = []
        for endpoint in location.in_turn(endpoints, self._source)[:ENDPOINTS_TRIED_MAX]:
            with contextlib.suppress(NotFound, BadRequest):  # gone, or not there yet, and the slice does not know it
                pod = self._pod(target.namespace, endpoint.pod)
                port = location.Asked(asked.scheme, endpoint.pod, str(endpoint.port))
                backends.append(location.pod_backend(port, pod))
        if not backends:
            raise location.no_endpoints(target.name)
        return backends

    async def _connect(self, backends: list[Backend]) -> Duplex:
        """A connection to the first whose node is there. Raises Unavailable."""
        problem: Problem = Unavailable("error trying to reach service")
        for each in backends:
            asked = PortForward(namespace=each.namespace, pod=each.pod, uid=each.uid, port=each.port, own_address=True)
            try:
                connection: Duplex = PodConnection(await self._nodes.open(each.node, asked))
            except NodeUnreachable as error:
                problem = Unavailable(f"error trying to reach service: {error.message}")
                continue
            return await _encrypted(connection) if each.tls else connection
        raise problem


async def _encrypted(connection: Duplex) -> Duplex:
    tls = TlsDuplex(connection)
    with _closed_on_failure(connection):
        await tls.handshake()
    return tls


@contextlib.contextmanager
def _closed_on_failure(held: "Duplex | _Owned") -> Iterator[None]:
    """Raises Unavailable for what goes wrong on the way to the backend; whatever is raised, ``held`` is let go of."""
    try:
        yield
    except (OSError, Problem) as error:
        held.close()
        raise _unreachable(error) from error
    except BaseException:
        held.close()
        raise


def _unreachable(error: Exception) -> Problem:
    text = error.message if isinstance(error, Problem) else str(error) or "timed out"
    return Unavailable(f"error trying to reach service: {text}")


def _place(request: Request, target: Target) -> _Place:
    """Raises NotFound when the path does not say ``proxy`` where it should (a slash that was hidden by encoding)."""
    raw = request.target if request.target.startswith(b"/") else b"/" + request.target.split(b"/", 3)[-1]
    path, _, query = raw.decode("latin-1").partition("?")
    depth = 8 if target.namespace else 6
    parts = path.split("/")
    prefix = "/".join(parts[:depth])
    where = f"/namespaces/{target.namespace}" if target.namespace else ""
    if unquote(prefix) != f"{target.kind.path}{where}/{target.kind.plural}/{target.name}/proxy":
        raise NotFound("the server could not find the requested resource", Details())
    rest = "/" + "/".join(parts[depth:]) if len(parts) > depth else ""
    return _Place(prefix, rest, query)


class _Owned:
    """A connection with what is sent on it: closed when the answer is complete, or when nobody takes it."""

    def __init__(self, connection: Duplex, exchange: Exchange, sending: asyncio.Task[None]) -> None:
        self._exchange, self._sending, self._connection = exchange, sending, connection
        self._timer: asyncio.TimerHandle | None = None

    def wait_for_taker(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(TAKEN_SECONDS_MAX, self.close)

    def taken(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def close(self) -> None:
        self.taken()
        self._sending.cancel()
        self._exchange.close()


async def _exchange(request: Request, place: _Place, connection: Duplex, wants_upgrade: bool) -> Answer:
    upgrade = request.header(b"upgrade") if wants_upgrade else ""
    uri = join_paths(place.prefix, place.rest)
    body = request.body if request.stream is None else request.stream
    length = _body_length(request)
    fields = request_fields(request.headers, request.remote, uri, length, upgrade)
    exchange = Exchange(connection, request.method)
    try:
        head = encode_head(request.method, place.target, fields)
        sending = asyncio.get_running_loop().create_task(send(connection, head, body), name="proxied request")
    except ValueError as error:
        connection.close()
        raise BadRequest(str(error)) from error
    owned = _Owned(connection, exchange, sending)
    with _closed_on_failure(owned):
        await exchange.start()
    if exchange.status == 101:
        owned.wait_for_taker()
        return Upgrade(upgrade_fields(exchange.fields), _take_over(connection, exchange, owned))
    return _answer(request, place, exchange, owned)


def _take_over(connection: Duplex, exchange: Exchange, owned: _Owned) -> Callable[[RawConnection], None]:
    def take_over(raw: RawConnection) -> None:
        owned.taken()
        Switched(raw, connection, exchange.rest).start()

    return take_over


def _answer(request: Request, place: _Place, exchange: Exchange, owned: _Owned) -> Answer:
    content_type = first(exchange.fields, "content-type") or _UNKNOWN_TYPE
    host = request.header(b"host")
    redirect = first(exchange.fields, "location")
    fields = _led_back(response_fields(exchange.fields), place.prefix, host)
    length = _length(exchange.fields)
    if exchange.status in (204, 304):
        owned.close()
        return Response(exchange.status, b"", content_type, fields)
    if request.method == "HEAD":
        owned.close()
        return StreamResponse(_nothing, exchange.status, content_type, fields, length=length)
    rewriter = None
    plain = not first(exchange.fields, "content-encoding")
    if not redirect and plain and content_type.partition(";")[0].strip().lower() == _HTML:
        rewriter = LinkRewriter(place.prefix, host)
    owned.wait_for_taker()
    run = _body(exchange, owned, rewriter)
    return StreamResponse(run, exchange.status, content_type, fields, length=None if rewriter else length)


def _body_length(request: Request) -> int | None:
    if request.stream is not None:
        return CHUNKED if request.stream.length is None else request.stream.length
    has_body = b"content-length" in request.headers or b"transfer-encoding" in request.headers
    return len(request.body) if has_body else None


async def _nothing(writer: BodyWriter) -> None:
    """The body of an answer to HEAD."""


def _length(fields: Fields) -> int | None:
    """How many bytes the backend says will follow; the parser has seen that this is a number, and holds it to it."""
    text = first(fields, "content-length")
    chunked = "chunked" in first(fields, "transfer-encoding").lower()
    return int(text) if text.isdecimal() and not chunked else None


def _led_back(fields: Fields, prefix: str, host: str) -> Fields:
    return [(name, rewrite_url(value, prefix, host) if name.lower() == "location" else value) for name, value in fields]


def _body(exchange: Exchange, owned: _Owned, rewriter: LinkRewriter | None) -> Callable[[BodyWriter], Awaitable[None]]:
    async def run(writer: BodyWriter) -> None:
        owned.taken()
        writer.on_stop = owned.close  # the client sees that the answer is not whole
        try:
            while piece := await exchange.read():
                writer.write(rewriter.feed(piece) if rewriter is not None else piece)
                await writer.drain()
                if writer.closed:
                    return
            if rewriter is not None:
                writer.write(rewriter.finish())
        finally:
            owned.close()

    return run
