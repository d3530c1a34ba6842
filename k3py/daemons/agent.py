"""``k3py agent``: this node's pods, in one process. Containers are not its children: they outlive it."""

import asyncio
import logging
import os
import random
import socket
from functools import partial
from typing import Final

from k3py.agent.agent import Agent
from k3py.agent.places import Places
from k3py.agent.settings import AgentSettings as AgentOptions
from k3py.agent.vpc_network import VpcNetwork
from k3py.base.backoff import Backoff
from k3py.base.clock import Clock, SystemClock
from k3py.base.paths import Paths, make_private
from k3py.base.tasks import Tasks
from k3py.client.http import HttpClient
from k3py.client.vpc import VpcClient
from k3py.daemons.node_services import NodeServices
from k3py.daemons.process import StatusFile, die, notify, serve_until_told
from k3py.daemons.settings import AgentSettings, BadSetting
from k3py.image.service import Images
from k3py.model.errors import Unavailable
from k3py.model.generated import core_v1
from k3py.pki.credentials import Credentials, NodeCredentials
from k3py.pki.rotation import keep_fresh
from k3py.pki.tokens import JoinToken
from k3py.proxy.client import TunnelClient
from k3py.runtime import kernel
from k3py.runtime.oci import OciRuntime, open_host

log = logging.getLogger(__name__)

# A server that is being started is there within seconds; an agent waits for it as long as it takes.
FIRST_WAIT_SECONDS: Final = 0.2
WAIT_SECONDS_MAX: Final = 15.0
TAINT_EFFECTS: Final = ("NoSchedule", "PreferNoSchedule", "NoExecute")


class Node:
    """One agent process: joins, runs pods, keeps its certificate fresh and its tunnel open."""

    def __init__(self, settings: AgentSettings, paths: Paths, clock: Clock | None = None) -> None:
        self._settings = settings
        self._paths = paths
        self._clock = clock or SystemClock()
        self._source = random.Random()
        self._name = settings.node_name or socket.gethostname().lower()
        self._status = StatusFile(paths.run / "agent.json")
        self._tasks = Tasks(lambda name, problem: die(f"{name} failed: {problem!r}"))
        self._agent: Agent | None = None
        self._client: HttpClient | None = None
        self._services: NodeServices | None = None

    async def start(self) -> None:
        """Join the cluster if this node has not, then take up what runs here and follow the server.

        Raises:
            BadSetting: a setting is missing or cannot be used.
            Untrusted, BadToken, Problem: the server cannot be trusted, or refuses this node.
            NotSupported: a program of the host is missing.
        """
        server = self._server()
        # Status comes first: 'k3py down' has to find an agent that still waits for its server.
        self._status.write(node=self._name)
        # Below are Secrets, as the pods' volumes and environment need them; some pods ask for files that all may read.
        for private in (self._paths.agent_state, self._paths.run / "runtime"):
            make_private(private)
        runtime = make_runtime(self._paths, self._clock, self._settings.runtime or None)
        images = Images(self._paths.images, self._paths.config / "registries.yaml")
        folder = NodeCredentials(self._paths.agent_state / "pki", self._name, self._clock, random.SystemRandom())
        credentials = await self._join(folder, server)
        context = credentials.context()
        client = self._client = HttpClient([server], context)
        network = self._network()
        agent = self._agent = Agent(
            client=client,
            runtime=runtime,
            images=images,
            clock=self._clock,
            source=self._source,
            paths=self._paths,
            settings=self._options(),
            network=network,
            failed=die,
        )
        self._services = NodeServices(
            network, client, server, self._paths.agent_state, self._clock, self._source, failed=die
        )

        # A node that slept through its certificate's life joins again.
        token = JoinToken.parse(self._settings.token) if self._settings.token else None

        async def renew() -> bytes:
            return (await folder.renew(server, context, token)).certificate_pem

        tunnel = TunnelClient(server, context, agent.handle_stream, self._clock, self._source)
        backoff = Backoff(self._source, 1.0, 60.0)
        self._tasks.start(agent.run(), "agent")
        self._services.start()
        self._tasks.start(tunnel.run(), "tunnel")
        self._tasks.start(keep_fresh(credentials.certificate_pem, renew, self._clock, backoff), "certificate renewal")
        notify("READY=1", os.environ)
        log.info("node %s serves %s", self._name, server)

    def _server(self) -> str:
        server = self._settings.server
        if not server.startswith("https://"):
            raise BadSetting(f"cannot use server {server!r}: give the URL of a server, https://host:6443")
        return server

    def _network(self) -> VpcNetwork:
        backoff = partial(Backoff, self._source)
        return VpcNetwork(VpcClient(self._paths.vpc_socket), self._paths.agent_state / "network", self._clock, backoff)

    async def _join(self, folder: NodeCredentials, server: str) -> Credentials:
        """This node's credentials; waits for a server that is away, gives up on one that refuses."""
        kept = folder.load()
        if kept is not None:
            return kept
        token = JoinToken.parse(self._settings.token) if self._settings.token else None
        if token is None:
            raise BadSetting("cannot join: give the join token (--token or K3PY_TOKEN); 'k3py token create' makes one")
        backoff = Backoff(self._source, FIRST_WAIT_SECONDS, WAIT_SECONDS_MAX)
        while True:
            try:
                return await folder.obtain(server, token)
            except Unavailable as problem:
                log.warning("cannot join yet: %s", problem)
                await asyncio.sleep(backoff.next_seconds())

    def _options(self) -> AgentOptions:
        settings = self._settings
        labels = dict(_pair(each, "node-label") for each in settings.node_label)
        return AgentOptions(
            node_name=self._name,
            labels=labels,
            taints=[parse_taint(each) for each in settings.node_taint],
            addresses=[settings.node_ip] if settings.node_ip else [],
            lease_seconds=settings.lease_seconds,
            lease_duration_seconds=max(4, round(settings.lease_seconds * 4)),
            pods_max=settings.max_pods,
        )

    async def stop(self) -> None:
        """End; containers run on."""
        if self._agent is not None:
            await self._agent.stop()
        await self._tasks.stop()
        if self._services is not None:
            await self._services.stop()
        if self._client is not None:
            await self._client.close()
        self._status.remove()


def make_runtime(paths: Paths, clock: Clock, runtime: str | None = None) -> OciRuntime:
    """This instance's containers: state below ``/var/lib/k3py/agent``, what belongs to this boot below ``/run/k3py``.

    Raises:
        NotSupported: a program is missing.
    """
    state, run = paths.agent_state / "runtime", paths.run / "runtime"
    return OciRuntime(open_host(state, run, clock, random.Random(), runtime))


async def remove_all_pods(paths: Paths) -> int:
    """Stop and remove every sandbox of this instance, and unmount the pods' volumes; how many there were."""
    if not (paths.agent_state / "runtime").exists():
        return 0
    runtime = make_runtime(paths, SystemClock())
    sandboxes = await runtime.list()
    await asyncio.gather(*(runtime.stop_sandbox(each.pod_uid) for each in sandboxes))
    kernel.unmount_below(Places.of(paths).pods)
    return len(sandboxes)


def _pair(text: str, setting: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not key or not separator:
        raise BadSetting(f"cannot use {setting} {text!r}: write key=value")
    return key, value


def parse_taint(text: str) -> core_v1.Taint:
    """A taint as ``kubectl taint`` writes it: ``key=value:Effect`` or ``key:Effect``.

    Raises:
        BadSetting: it has another form.
    """
    pair, separator, effect = text.rpartition(":")
    key, _, value = pair.partition("=")
    if not separator or not key or effect not in TAINT_EFFECTS:
        raise BadSetting(
            f"cannot use node-taint {text!r}: write key=value:Effect, Effect one of {', '.join(TAINT_EFFECTS)}"
        )
    return core_v1.Taint(key=key, value=value, effect=effect)


async def run(settings: AgentSettings, paths: Paths) -> None:
    """Be an agent until told to stop."""
    node = Node(settings, paths)
    await serve_until_told(node.start, node.stop)
