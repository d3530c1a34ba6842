"""``k3py server``: the store, the API, the scheduler, the controllers and the tunnels' hub in one process."""

import asyncio
import logging
import os
import platform
import random
import socket
from collections.abc import Sequence
from ipaddress import IPv4Network
from pathlib import Path
from typing import Final

from cryptography import x509

from k3py.api.authentication import Authenticator, StaticTokens
from k3py.api.authorization import AnyOf, Attributes, Authorizer, Basic, Masters
from k3py.api.documents import Documents, IssuerDocuments
from k3py.api.health import version_document
from k3py.api.heavy.helper import Helper
from k3py.api.http.limits import Limits as HttpLimits
from k3py.api.http.server import HttpServer, bind
from k3py.api.node_authorizer import NodeAuthorizer, NodeReferences
from k3py.api.resources import Resources
from k3py.api.routing import Router, is_proxied
from k3py.api.server import Api
from k3py.api.service_account_tokens import ServiceAccountTokens
from k3py.api.tokens import Tokens
from k3py.base.backoff import Backoff
from k3py.base.clock import Clock, SystemClock
from k3py.base.ids import new_uid
from k3py.base.paths import Paths
from k3py.base.tasks import Tasks
from k3py.controllers.all import Settings as ControllerSettings
from k3py.daemons.certificates import ServerCertificate, ensure_admin_kubeconfig, reachable
from k3py.daemons.cluster import Cluster, open_cluster
from k3py.daemons.control import Control
from k3py.daemons.joining import Joining
from k3py.daemons.leadership import lead
from k3py.daemons.process import StatusFile, die, notify, until_told_to_stop
from k3py.daemons.settings import BadSetting, ServerSettings
from k3py.model import vpc_v1
from k3py.model.generated import core_v1
from k3py.model.kinds import KINDS
from k3py.objects.collections import collections
from k3py.objects.service import Objects
from k3py.objects.service_addresses import ServiceRanges
from k3py.objects.system import decided_ranges, ensure_system_objects
from k3py.objects.token_requests import TokenIssuer
from k3py.objects.vpc_admission import MayUse
from k3py.pki.rotation import keep_fresh
from k3py.proxy.server import TunnelHub
from k3py.store.limits import Limits
from k3py.store.opening import Opened, open_place
from k3py.store.place import parse_place
from k3py.store.store import Store

log = logging.getLogger(__name__)

STOP_GRACE_SECONDS: Final = 5.0


class Server:
    """One server process. ``start`` returns when it answers requests."""

    def __init__(self, settings: ServerSettings, paths: Paths, clock: Clock | None = None) -> None:
        self._settings = settings
        self._paths = paths
        self._clock = clock or SystemClock()
        # Only names, uids and jitter are drawn from it; keys and tokens come from the operating system.
        self._source = random.Random()
        self._tasks = Tasks(lambda name, problem: die(f"{name} failed: {problem!r}"))
        self._status = StatusFile(paths.run / "server.json")
        self._hub = TunnelHub(self._clock)
        self._store: Store | None = None
        self._listener: socket.socket | None = None
        self._http: HttpServer | None = None
        self._control: Control | None = None
        self._joining: Joining | None = None
        self._helper: Helper | None = None
        self.port = 0

    async def start(self) -> None:
        """Open the store, make or find the cluster, listen, and start deciding.

        Raises:
            BadSetting: a setting cannot be used.
            CannotOpen: the store or the cluster's secrets cannot be opened.
            OSError: the address is in use.
        """
        # All that can be refused is, before an earlier server is fenced: it goes on then.
        static_tokens = self._static_tokens()
        self._listener = self._bind()
        opened = await self._open_place()
        cluster = await open_cluster(
            opened.blobs, self._paths, self._settings.token, self._clock, x509.random_serial_number
        )
        store = self._store = self._make_store(opened, cluster)
        await store.open()
        authorizer = self._make_authorizer(store)
        objects = self._make_objects(store, authorizer)
        await ensure_system_objects(objects, self._settings.cluster_cidr)
        holder = f"{self._settings.node_name or platform.node()}_{new_uid(self._source)}"
        self._tasks.start(lead(objects, self._clock, holder), "the leader's lease")
        self._listen(store, objects, cluster, static_tokens, authorizer)
        if not self._settings.api_only:
            settings = ControllerSettings(
                node_grace_seconds=self._settings.node_monitor_grace_seconds,
                root_ca_pem=cluster.authority.certificate_pem.decode(),
            )
            self._control = Control(objects, self._clock, self._source, settings)
            self._control.start()
        self._announce(cluster)

    async def _open_place(self) -> Opened:
        place = self._settings.store or str(self._paths.server_store)
        try:
            opened = await open_place(parse_place(place), os.environ, self._clock)
        except ValueError as error:
            raise BadSetting(str(error)) from None
        for warning in opened.warnings:
            log.warning("%s", warning)
        return opened

    def _make_store(self, opened: Opened, cluster: Cluster) -> Store:
        limits = Limits(batch_window_seconds=opened.batch_window_seconds)
        return Store(opened.log, collections(), self._clock, cluster.sealer, limits=limits, on_fatal=die)

    def _bind(self) -> socket.socket:
        address, port = self._settings.bind_address, self._settings.port
        try:
            return bind(address, port)
        except OSError as error:
            raise OSError(f"cannot listen on {address}, port {port}: {error.strerror or error}") from error

    def _make_authorizer(self, store: Store) -> Authorizer:
        references = NodeReferences()
        plural = KINDS.of(core_v1.Pod).plural
        references.begin(store.list(plural, None))
        store.watch(plural, None, None, references.deliver)
        return AnyOf(Masters(), NodeAuthorizer(references), Basic())

    def _make_objects(self, store: Store, authorizer: Authorizer) -> Objects:
        # Without pod networks nobody would answer at a second address.
        wanted = ServiceRanges(IPv4Network(self._settings.service_cidr), dual_stack=not self._settings.api_only)
        ranges = decided_ranges(store, wanted)
        return Objects(store, self._clock, self._source, ranges, _use_of_vpcs(authorizer))

    def _listen(
        self,
        store: Store,
        objects: Objects,
        cluster: Cluster,
        static_tokens: Sequence[StaticTokens],
        authorizer: Authorizer,
    ) -> None:
        assert self._listener is not None
        api = self._make_api(store, objects, cluster, static_tokens, authorizer)
        certificate = ServerCertificate(
            cluster.authority, self._settings.bind_address, self._settings.tls_san, objects.ranges.first
        )
        limits = HttpLimits(
            connections=self._settings.max_connections,
            connections_per_client=self._settings.max_connections_per_client,
        )
        self._http = HttpServer(api.handle, limits, lambda: new_uid(self._source), is_proxied)
        self.port = self._http.serve(self._listener, certificate.context)
        backoff = Backoff(self._source, 1.0, 60.0)
        self._tasks.start(
            keep_fresh(certificate.pem, certificate.renew, self._clock, backoff), "renewal of the server certificate"
        )

    def _make_api(
        self,
        store: Store,
        objects: Objects,
        cluster: Cluster,
        static_tokens: Sequence[StaticTokens],
        authorizer: Authorizer,
    ) -> Api:
        joining = self._joining = Joining(cluster, objects, self._hub, self._clock)
        joining.follow_deletions()
        self._helper = Helper(objects, _use_of_vpcs(authorizer))
        system = f"{platform.system().lower()}/{_GO_ARCH.get(platform.machine(), platform.machine())}"
        keys = cluster.token_keys
        accounts = ServiceAccountTokens(store, keys, self._clock)
        tokens = Tokens(TokenIssuer(store, keys, self._clock, self._source), accounts, static_tokens)
        return Api(
            Authenticator([*static_tokens, accounts]),
            authorizer,
            Router(KINDS),
            Resources(objects, authorizer, self._hub, tokens, self._source, self._helper),
            Documents(KINDS, version_document(system, platform.python_version()), {}, IssuerDocuments.of(keys)),
            joining.routes(),
        )

    def _static_tokens(self) -> Sequence[StaticTokens]:
        file = self._settings.token_auth_file
        if not file:
            return ()
        try:
            return (StaticTokens.read(Path(file)),)
        except (OSError, ValueError) as error:
            raise BadSetting(f"cannot use token-auth-file: {error}") from error

    def _announce(self, cluster: Cluster) -> None:
        url = f"https://{reachable(self._settings.bind_address)}:{self.port}"
        if ensure_admin_kubeconfig(self._paths.admin_kubeconfig, url, cluster.authority, self._clock):
            log.info("the administrator's kubeconfig is in %s", self._paths.admin_kubeconfig)
        self._status.write(url=url, port=self.port)
        notify("READY=1", os.environ)
        log.info("serving the API at %s; nodes join with the token in %s", url, self._paths.agent_token)

    async def stop(self) -> None:
        """End requests in hand, decide nothing more, make durable what waits."""
        if self._control is not None:
            await self._control.stop()
        if self._joining is not None:
            await self._joining.stop()
        await self._tasks.stop()
        await self._hub.stop()
        if self._http is not None:
            await self._http.stop(STOP_GRACE_SECONDS)
        elif self._listener is not None:
            self._listener.close()
        if self._helper is not None:
            await self._helper.stop()
        if self._store is not None:
            await self._store.close()
        self._status.remove()


def _use_of_vpcs(authorizer: Authorizer) -> MayUse:
    """Who may use which VPC, as the authorizer says."""
    return lambda user, vpc: authorizer.allows(user, Attributes(vpc_v1.USE_VERB, vpc_v1.GROUP, "vpcs", name=vpc))


_GO_ARCH = {"x86_64": "amd64", "aarch64": "arm64"}


async def run(settings: ServerSettings, paths: Paths) -> None:
    """Be a server until told to stop."""
    server = Server(settings, paths)
    try:
        await server.start()
    except BaseException:
        await asyncio.shield(server.stop())
        raise
    await until_told_to_stop(server.stop)
