"""The agent put together from its ports. ``daemons/agent.py`` gives it the real ones, tests and simulator others."""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from k3py.agent.configs import WatchedConfigs
from k3py.agent.ephemeral import ephemeral_containers
from k3py.agent.events import EventRecorder
from k3py.agent.garbage import CollectableImages, GarbageCollector, used_percent
from k3py.agent.handlers import Handlers
from k3py.agent.host import measure
from k3py.agent.images import Puller
from k3py.agent.log_rotation import LogRotation
from k3py.agent.loop import PodLoop
from k3py.agent.network import NO_VPC_DAEMON, HostNetworkOnly, Network
from k3py.agent.node import NodeKeeper
from k3py.agent.node_status import Measured
from k3py.agent.places import Places
from k3py.agent.ports import ImageStore
from k3py.agent.record import Records
from k3py.agent.reporter import PodReporter
from k3py.agent.sampler import Sampler
from k3py.agent.settings import AgentSettings
from k3py.agent.steps import Tools
from k3py.agent.streams import PodStreams
from k3py.agent.workers import Shared
from k3py.base.clock import Clock
from k3py.base.paths import Paths
from k3py.base.tasks import Tasks
from k3py.client.port import Client
from k3py.image.reference import parse_reference
from k3py.model.generated.core_v1 import ContainerImage
from k3py.model.streams import MessageStream, StreamRequest
from k3py.runtime.port import Runtime

# Kubernetes reports at most fifty images of a node (kubelet's nodeStatusMaxImages).
IMAGES_REPORTED_MAX: Final = 50
RUNTIME_VERSION: Final = "k3py://oci"


class Images(ImageStore, CollectableImages, Protocol):
    """What the agent asks of the node's images: ``k3py.image.service.Images``."""


class Agent:
    """Turns pods bound to this node into running containers, and reports back.

    ``stop`` and a crash are alike to the containers: they run on, and the next agent on the same folders takes them up.
    ``failed`` is called with a text when a part of the agent ended by an error that nobody foresaw; the process should
    end then, and be started again.
    """

    def __init__(
        self,
        *,
        client: Client,
        runtime: Runtime,
        images: Images,
        clock: Clock,
        source: random.Random,
        paths: Paths,
        settings: AgentSettings,
        network: Network | None = None,
        measured: Callable[[], Measured] | None = None,
        failed: Callable[[str], None] | None = None,
    ) -> None:
        self._images = images
        places = Places.of(paths)
        for folder in (places.pods, places.logs, places.objects):
            folder.mkdir(mode=0o700 if folder == places.objects else 0o755, parents=True, exist_ok=True)
        self._failed = failed
        self._tasks = Tasks(self._part_failed)
        self._stopped = asyncio.Event()
        measured = measured or (lambda: measure(paths.state, RUNTIME_VERSION, settings.addresses))
        self.node = NodeKeeper(client, settings, clock, source, measured, self._image_list, places.node)
        self._events = EventRecorder(client, clock, settings.node_name)
        self._configs = WatchedConfigs(client, clock, source, places.objects, lambda uids: self.pods.refresh(uids))
        network = self._network = network or HostNetworkOnly()
        records = Records(places.pods)
        tools = Tools(records, runtime, network, self._events, self.node, clock, places, settings)
        puller = Puller(images, self._configs, self._events, clock, settings.parallel_pulls)
        reporter = PodReporter(client, settings.node_name)
        shared = Shared(tools, puller, self._configs, reporter, Handlers(runtime, network), source)
        self.pods = PodLoop(shared, client, reporter, source, self._part_failed)
        self._sampler = Sampler(lambda: list(self.pods.workers.values()), runtime, clock)
        self._streams = PodStreams(self.pods, runtime, places, clock, self._sampler.usage, self._node_address)
        self._rotation = LogRotation(runtime, clock, self.pods.running_logs)
        self._garbage = GarbageCollector(
            images,
            self._images_in_use,
            lambda: used_percent(paths.state),
            settings.image_gc_high_percent,
            settings.image_gc_seconds,
        )

    async def run(self) -> None:
        """Until ``stop`` is called, or a part fails (then ``RuntimeError``)."""
        parts = {
            "pods": self.pods.run(),
            "events": self._events.run(),
            "node status": self.node.run_status(),
            "lease": self.node.run_lease(),
            "images": self._garbage.run(),
            "logs": self._rotation.run(),
            "usage": self._sampler.run(),
        }
        for name, work in parts.items():
            self._tasks.start(work, name)
        self._network.start()
        self._tasks.start(self._await_network(), "first network")
        try:
            await self._stopped.wait()
        finally:
            await self.pods.stop()
            await self._tasks.stop()
            await self._configs.stop()
            await self._network.stop()
        if self._failure:
            raise RuntimeError(self._failure)

    async def _await_network(self) -> None:
        """A node that never had its network is not Ready. Once it had, a VPC daemon may be away: that harms no pod."""
        self.node.set_trouble(f"container runtime network not ready: {NO_VPC_DAEMON}")
        await self._network.known()
        self.node.set_trouble("")
        self.pods.wake()

    _failure = ""

    async def stop(self) -> None:
        """End; containers run on."""
        self._stopped.set()

    def _part_failed(self, name: str, problem: BaseException) -> None:
        self._failure = f"the agent's part {name!r} failed: {problem!r}"
        if self._failed is not None:
            self._failed(self._failure)
        self._stopped.set()

    async def handle_stream(self, request: StreamRequest, stream: MessageStream) -> None:
        """Serve one stream that the server opens (``StreamHandler``)."""
        await self._streams.handle(request, stream)

    def _node_address(self) -> str:
        return next(iter(self.node.facts(()).host_ips), "127.0.0.1")

    def _image_list(self) -> Sequence[ContainerImage]:
        largest = sorted(self._images.list(), key=lambda image: -image.size)[:IMAGES_REPORTED_MAX]
        return [ContainerImage(names=[*i.repository_digests, *i.names], size_bytes=i.size) for i in largest]

    def _images_in_use(self) -> set[str] | None:
        if not self.pods.knows_all:
            return None
        used: set[str] = set()
        for worker in self.pods.workers.values():
            record = worker.record
            used |= {each.image_id for each in record.containers.values() if each.image_id}
            spec = record.pod.spec
            every = (*spec.init_containers, *spec.containers, *ephemeral_containers(spec))
            for image in [each.image for each in every]:
                try:
                    used.add(str(parse_reference(image)))
                except ValueError:
                    continue
        return used
