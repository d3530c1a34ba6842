"""Nodes come in by a token, renew by what they are, and are out once they are deleted."""

import asyncio
import itertools
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from k3py.api.http.messages import Peer, Request, Response
from k3py.base.clock import SystemClock
from k3py.base.paths import Paths
from k3py.daemons.cluster import Cluster, open_cluster
from k3py.daemons.joining import SYSTEM_NAMESPACE, Joining
from k3py.model.errors import Forbidden, Unauthorized
from k3py.model.generated import core_v1
from k3py.model.kinds import KINDS
from k3py.pki.csr import make_signing_request, new_key
from k3py.pki.join import JOIN_PATH, RENEW_PATH, JoinAnswer
from k3py.proxy.server import TunnelHub
from k3py.store.blobs import MemoryBlobs
from tests.objects.world import Plain, run


class Door:
    """The server's side of joining, and a machine that knocks."""

    def __init__(self, objects: Any, cluster: Cluster) -> None:
        clock = SystemClock()
        self.objects, self.cluster = objects, cluster
        self.joining = Joining(cluster, objects, TunnelHub(clock), clock)
        self.joining.follow_deletions()
        self._routes = {each.path: each.do for each in self.joining.routes()}

    async def knock(self, path: str, secret: str, *, token: str = "", certificate: bytes | None = None) -> bytes:
        """The certificate (DER) that the node ``n1`` of the machine with ``secret`` gets."""
        request = make_signing_request(new_key(), "n1").decode()
        body = {"nodeName": "n1", "signingRequest": request, "nodeSecret": secret * 40}
        headers = {b"authorization": f"Bearer {token}".encode()} if token else {}
        asked = Request("POST", path.encode(), headers, msgspec.json.encode(body), Peer(certificate=certificate))
        answer: Any = self._routes[path](asked)
        answer = answer if isinstance(answer, Response) else await answer
        pem = msgspec.json.decode(answer.body, type=JoinAnswer).certificate.encode()
        return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)

    async def delete_node(self) -> None:
        """Returns when its secret is forgotten too."""
        gone = asyncio.Event()
        self.objects.watch(KINDS.of(core_v1.Secret), SYSTEM_NAMESPACE, None, lambda changes: gone.set())
        plain = Plain(self.objects)
        await plain.create("Node", metadata={"name": "n1"})
        await plain.delete("Node", "n1")
        async with asyncio.timeout(10):
            await gone.wait()


def tell(tmp_path: Path, story: Any) -> None:
    async def told(objects: Any) -> None:
        serials = itertools.count(1)
        cluster = await open_cluster(MemoryBlobs(), Paths.below(tmp_path), "", SystemClock(), lambda: next(serials))
        door = Door(objects, cluster)
        try:
            await story(door)
        finally:
            await door.joining.stop()

    run(told)


def test_a_token_opens_the_door_and_the_certificate_keeps_it_open(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        with pytest.raises(Unauthorized):
            await door.knock(JOIN_PATH, "a", token="guessed")
        certificate = await door.knock(JOIN_PATH, "a", token=door.cluster.agent_secret)
        with pytest.raises(Forbidden, match="another machine has joined"):
            await door.knock(JOIN_PATH, "b", token=door.cluster.agent_secret)
        assert await door.knock(RENEW_PATH, "a", certificate=certificate) != certificate
        with pytest.raises(Forbidden, match="show the certificate"):
            await door.knock(RENEW_PATH, "a")

    tell(tmp_path, story)


def test_a_deleted_node_does_not_renew_neither_before_nor_after_another_took_its_name(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        old = await door.knock(JOIN_PATH, "a", token=door.cluster.agent_secret)
        await door.delete_node()
        with pytest.raises(Forbidden, match="the node was deleted since; join again"):
            await door.knock(RENEW_PATH, "a", certificate=old)
        new = await door.knock(JOIN_PATH, "b", token=door.cluster.agent_secret)
        with pytest.raises(Forbidden, match="the node was deleted since; join again"):
            await door.knock(RENEW_PATH, "a", certificate=old)
        assert await door.knock(RENEW_PATH, "b", certificate=new)

    tell(tmp_path, story)
