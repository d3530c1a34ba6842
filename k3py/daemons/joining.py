"""The server's routes that are not Kubernetes': the CA for newcomers, joining, renewing, the tunnel."""

import contextlib
import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec

from k3py.api.http.messages import RawConnection, Request, Response, Upgrade
from k3py.api.server import Extra
from k3py.base.clock import Clock, parse_rfc3339
from k3py.base.tasks import Tasks
from k3py.daemons.cluster import Cluster
from k3py.model import codec
from k3py.model.errors import BadRequest, Forbidden, NotFound
from k3py.model.generated import core_v1, meta_v1
from k3py.model.kinds import KINDS
from k3py.model.user import CONTROLLER_MANAGER
from k3py.objects.options import WriteOptions
from k3py.objects.service import Objects
from k3py.pki.identity import identity_of
from k3py.pki.join import (
    CA_PATH,
    JOIN_PATH,
    RENEW_PATH,
    admit_node,
    decode_join,
    node_secret_sha256,
    renew_node,
)
from k3py.pki.tokens import BootstrapToken, role_of, same
from k3py.proxy.server import TUNNEL_PATH, TUNNEL_PROTOCOL, TunnelHub
from k3py.store.records import Change, ChangeType

SYSTEM_NAMESPACE: Final = "kube-system"
BOOTSTRAP_TOKEN_TYPE: Final = "bootstrap.kubernetes.io/token"
NODE_SECRET_PREFIX: Final = "k3py-node-secret-"
NODE_SECRET_TYPE: Final = "k3py.io/node-secret"
NODE_SECRET_KEY: Final = "sha256"


class Joining:
    """Lets nodes in."""

    def __init__(self, cluster: Cluster, objects: Objects, hub: TunnelHub, clock: Clock) -> None:
        self._cluster = cluster
        self._objects = objects
        self._hub = hub
        self._clock = clock
        self._tasks = Tasks()

    def follow_deletions(self) -> None:
        """From now on a node that is deleted loses its tunnel, and its name is free for another machine."""
        kind = KINDS.of(core_v1.Node)
        self._objects.watch(kind, None, None, self._nodes_changed)

    def _nodes_changed(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if change.type is ChangeType.DELETED:
                name = change.record.name
                self._hub.cut(name, "the node was deleted")
                self._tasks.start(self._forget(name), f"forgetting node {name}")

    async def _forget(self, node: str) -> None:
        with contextlib.suppress(NotFound):
            await self._objects.delete(
                KINDS.of(core_v1.Secret),
                SYSTEM_NAMESPACE,
                NODE_SECRET_PREFIX + node,
                meta_v1.DeleteOptions(),
                CONTROLLER_MANAGER,
            )

    async def stop(self) -> None:
        """End what is under way."""
        await self._tasks.stop()

    def routes(self) -> Sequence[Extra]:
        """What to add to the API's routes. Each checks by itself who may use it."""
        return (
            Extra("GET", CA_PATH, self._certificates),
            Extra("POST", JOIN_PATH, self._join),
            Extra("POST", RENEW_PATH, self._renew),
            Extra("GET", TUNNEL_PATH, self._tunnel),
        )

    def _certificates(self, request: Request) -> Response:
        return Response(200, self._cluster.authority.certificate_pem, "application/x-pem-file")

    async def _join(self, request: Request) -> Response:
        asked = decode_join(request.body)
        secret = request.header(b"authorization").removeprefix("Bearer ").strip()
        role = role_of(
            secret,
            self._clock.now(),
            server_secret=self._cluster.server_secret,
            agent_secret=self._cluster.agent_secret,
            bootstrap_tokens=bootstrap_tokens(self._objects),
        )
        name = NODE_SECRET_PREFIX + asked.node_name
        admission = admit_node(asked, role, self._known(name), self._cluster.authority)
        if self._known(name) is None:
            await self._remember(name, admission.node_secret_sha256)
        return Response(201, msgspec.json.encode(admission.answer))

    def _known(self, name: str) -> str | None:
        try:
            secret = self._objects.read(core_v1.Secret, SYSTEM_NAMESPACE, name)
        except NotFound:
            return None
        return secret.data.get(NODE_SECRET_KEY, b"").decode("ascii", "replace")

    async def _remember(self, name: str, sha256: str) -> None:
        secret = core_v1.Secret(
            metadata=meta_v1.ObjectMeta(name=name, namespace=SYSTEM_NAMESPACE),
            type=NODE_SECRET_TYPE,
            data={NODE_SECRET_KEY: sha256.encode()},
        )
        await self._objects.create(
            KINDS.of(core_v1.Secret), SYSTEM_NAMESPACE, secret, WriteOptions(), CONTROLLER_MANAGER
        )

    def _renew(self, request: Request) -> Response:
        certificate = request.peer_certificate
        if certificate is None:
            raise Forbidden("cannot renew: show the certificate that is to be renewed")
        asked = decode_join(request.body)
        answer = renew_node(asked, identity_of(certificate), self._cluster.authority)
        known = self._known(NODE_SECRET_PREFIX + asked.node_name)
        if known is None or not same(known, node_secret_sha256(asked)):
            raise Forbidden(
                f"cannot renew the certificate of node {asked.node_name!r}: the node was deleted since; join again"
            )
        return Response(200, msgspec.json.encode(answer))

    def _tunnel(self, request: Request) -> Upgrade:
        certificate = request.peer_certificate
        node = identity_of(certificate).node_name if certificate is not None else ""
        if not node:
            raise Forbidden("cannot open a tunnel: only nodes have one, by their client certificate")
        if request.header(b"upgrade").lower() != TUNNEL_PROTOCOL:
            raise BadRequest(f"cannot open the tunnel: ask for 'Upgrade: {TUNNEL_PROTOCOL}'")

        def take_over(connection: RawConnection) -> None:
            self._hub.accept(connection, node)

        return Upgrade((("Upgrade", TUNNEL_PROTOCOL),), take_over)


def bootstrap_tokens(objects: Objects) -> list[BootstrapToken]:
    """The tokens that ``k3py token create`` made: Secrets as Kubernetes' bootstrap tokens are kept."""
    found = []
    for record in objects.list(KINDS.of(core_v1.Secret), SYSTEM_NAMESPACE):
        if BOOTSTRAP_TOKEN_TYPE not in record.fields:
            continue
        data = codec.decode(core_v1.Secret, record.raw).data
        try:
            expires = parse_rfc3339(data["expiration"].decode()) if "expiration" in data else float("inf")
            secret = data["token-secret"]
            found.append(BootstrapToken(data["token-id"].decode(), hashlib.sha256(secret).hexdigest(), expires))
        except (KeyError, ValueError):
            continue  # somebody else's Secret of this type: not a token
    return found
