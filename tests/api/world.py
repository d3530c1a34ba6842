"""An API on a memory store, asked without sockets."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson

from k3py.api.authentication import Authenticator, StaticTokens
from k3py.api.authorization import AnyOf, Basic, Masters
from k3py.api.documents import Documents, IssuerDocuments
from k3py.api.http.messages import Answer, Request, Response, StreamResponse
from k3py.api.node_authorizer import NodeAuthorizer, NodeReferences
from k3py.api.pods import NodeStreams
from k3py.api.resources import Resources
from k3py.api.routing import Router
from k3py.api.server import Api
from k3py.api.service_account_tokens import ServiceAccountTokens
from k3py.api.tokens import Tokens
from k3py.model.errors import Problem
from k3py.model.kinds import KINDS
from k3py.model.streams import MessageStream, NodeUnreachable, StreamRequest
from k3py.model.user import MASTERS, NODES, User
from k3py.objects.service import Objects
from k3py.objects.token_requests import TokenIssuer
from k3py.pki.csr import new_key
from k3py.pki.jwt import SigningKeys
from tests.objects.world import open_objects

ADMIN = "admin-token"
NODE = "node-token"
VIEWER = "nobody-special"
USERS = (
    (ADMIN, User("admin", (MASTERS,))),
    (NODE, User("system:node:n1", (NODES,))),
    (VIEWER, User("jane")),
)


KEYS = SigningKeys([new_key()])


class NoNodes:
    """No node is connected."""

    async def open(self, node: str, request: StreamRequest) -> MessageStream:
        raise NodeUnreachable(f'cannot reach node "{node}"')


class Recorder:
    """A BodyWriter that keeps what was written."""

    def __init__(self) -> None:
        self.data = b""
        self.on_close: Callable[[], None] | None = None
        self.on_stop: Callable[[], None] | None = None
        self.closed = False
        self._news = asyncio.Event()

    def write(self, data: bytes) -> None:
        self.data += data
        self._news.set()

    async def drain(self) -> None:
        await asyncio.sleep(0)

    async def turn(self) -> None:
        await asyncio.sleep(0)

    @property
    def buffered(self) -> int:
        return 0

    def close(self) -> None:
        self.closed = True

    def events(self) -> list[dict[str, Any]]:
        """The watch events so far."""
        return [orjson.loads(line) for line in self.data.splitlines()]

    async def until(self, count: int) -> list[dict[str, Any]]:
        """Wait until so many events have come."""
        async with asyncio.timeout(10):
            while len(self.events()) < count:
                self._news.clear()
                await self._news.wait()
        return self.events()


class World:
    """The API and short ways to ask it."""

    def __init__(self, objects: Objects, nodes: NodeStreams | None = None) -> None:
        self.objects = objects
        store = objects.store
        self.references = NodeReferences()
        store.watch("pods", None, None, self.references.deliver)
        authorizer = AnyOf(Masters(), NodeAuthorizer(self.references), Basic())
        self.problem: str | None = None
        static = StaticTokens(USERS)
        accounts = ServiceAccountTokens(store, KEYS, objects.clock)
        tokens = Tokens(TokenIssuer(store, KEYS, objects.clock, random.Random(2)), accounts, [static])
        self.api = Api(
            Authenticator([static, accounts]),
            authorizer,
            Router(KINDS),
            Resources(objects, authorizer, nodes or NoNodes(), tokens, random.Random(1)),
            Documents(KINDS, b'{"gitVersion":"v1.36.0"}', {"store": lambda: self.problem}, IssuerDocuments.of(KEYS)),
        )

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str = ADMIN,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """The answer; a refusal is turned into its Status, as the HTTP server does."""
        sent = {b"authorization": f"Bearer {token}".encode()} if token else {}
        sent |= {key.lower().encode(): value.encode() for key, value in (headers or {}).items()}
        data = body if isinstance(body, bytes) else orjson.dumps(body) if body is not None else b""
        try:
            answer = self.api.handle(Request(method, path.encode(), sent, data))
            return await answer if isinstance(answer, Awaitable) else answer
        except Problem as problem:
            return Response(problem.code, orjson.dumps(problem.status()))

    async def json(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any]:
        """Status and decoded body."""
        answer = await self.ask(method, path, body, **more)
        assert isinstance(answer, Response), answer
        return answer.status, orjson.loads(bytes(answer.content))

    def forget(self, collection: str) -> None:
        """Make the store keep no change of a collection, as if newer ones had pushed them out."""
        ring = self.objects.store._shelves[collection].ring
        while len(ring):
            ring._drop_oldest()
        ring.floor = self.objects.store.revision
        self.objects.store._snapshots.drop_before(collection, ring.floor)

    async def watch(self, path: str, **more: Any) -> tuple[Recorder, asyncio.Task[None]]:
        """A watch that runs in a task, and what it writes to."""
        answer = await self.ask("GET", path, **more)
        assert isinstance(answer, StreamResponse), answer
        writer = Recorder()

        async def run() -> None:
            await answer.run(writer)

        return writer, asyncio.create_task(run())


def run(story: Callable[[World], Awaitable[None]], nodes: NodeStreams | None = None) -> None:
    """Tell a story to a fresh API."""

    async def told() -> None:
        objects = await open_objects()
        try:
            async with asyncio.timeout(30):
                await story(World(objects, nodes))
        finally:
            await objects.store.close()

    asyncio.run(told())


def config_map(name: str, **labels: str) -> dict[str, Any]:
    return {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": name, "labels": labels}, "data": {"a": "b"}}


def pod(name: str, node: str = "", **spec: Any) -> dict[str, Any]:
    containers = [{"name": "c", "image": "busybox:1"}]
    wanted: dict[str, Any] = {"containers": containers, **spec}
    if node:
        wanted["nodeName"] = node
    return {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": name}, "spec": wanted}


CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods"
TABLE = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}
