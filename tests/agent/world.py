"""One node in one process on virtual time: a server, a machine, and an agent that can be killed and made anew."""

import asyncio
import random
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from contextvars import Context
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from k3py.agent.agent import Agent
from k3py.agent.node_status import Measured
from k3py.agent.settings import AgentSettings
from k3py.agent.vpc_network import VpcNetwork
from k3py.base.backoff import Backoff
from k3py.base.clock import LoopClock
from k3py.base.paths import Paths
from k3py.base.turns import Turns
from k3py.base.virtual_loop import Life, VirtualLoop
from k3py.client.vpc import VpcRefused, VpcUnavailable
from k3py.image.auth import Credential
from k3py.image.errors import ImageNotFound
from k3py.image.image import Freed, Image, ImageConfig
from k3py.model.generated import core_v1, meta_v1
from k3py.model.generated.core_v1 import Container, Pod, PodSpec
from k3py.model.vpc_socket import Allocation, AttachPodRequest, DetachPodRequest, Pong
from k3py.runtime.fake import FakeRuntime, Script
from k3py.runtime.port import ContainerConfig, ContainerStatus, SandboxConfig, SandboxStatus
from tests.agent.cluster import Cluster

NODE = "n1"
T = TypeVar("T")

MEASURED = Measured(
    hostname=NODE, machine="x86_64", kernel_version="6.1", os_image="Test", machine_id="m", system_uuid="s",
    boot_id="b", runtime_version="k3py://fake", addresses=("192.0.2.7",), cpus=4, memory_bytes=8 << 30,
    memory_available_bytes=4 << 30, disk_bytes=100 << 30, disk_available_bytes=50 << 30, inodes=1000,
    inodes_available=900, pids_max=32768, pids=100,
)  # fmt: skip


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a story on virtual time."""
    loop = VirtualLoop()  # type: ignore[abstract]
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()


class FakeImages:
    """Images by name; ``missing`` names cannot be pulled, ``pull_seconds`` is how long a pull takes."""

    def __init__(self) -> None:
        self.present: set[str] = set()
        self.missing: set[str] = set()
        self.pulled: list[str] = []
        self.pull_seconds = 0.01

    def find(self, name: str) -> Image | None:
        return self._image(name) if name in self.present else None

    async def pull(self, name: str, credentials: Sequence[Credential] = ()) -> Image:
        await asyncio.sleep(self.pull_seconds)
        if name in self.missing:
            raise ImageNotFound(f"cannot pull {name}: no such image")
        self.pulled.append(name)
        self.present.add(name)
        return self._image(name)

    def list(self) -> list[Image]:
        return [self._image(name) for name in sorted(self.present)]

    def remove(self, name: str) -> None:
        self.present.discard(name)

    def collect_garbage(self, in_use: object) -> Freed:
        return Freed()

    def _image(self, name: str) -> Image:
        config = ImageConfig(entrypoint=("/run",), env=("FROM_IMAGE=1",))
        return Image(f"sha256:{name}", f"sha256:{name}", (name,), (name.partition(":")[0],), config, (), 10)


class Machine(FakeRuntime):
    """A fake machine whose containers go on when the agent that started them is killed: their timers are not its.

    Before and after each act lies a moment in which the agent may be killed: the act is not begun, or done but nobody
    knows.
    """

    async def start_sandbox(self, config: SandboxConfig) -> SandboxStatus:
        return await _outside(partial(super().start_sandbox, config))

    async def stop_sandbox(self, pod_uid: str) -> None:
        await _outside(partial(super().stop_sandbox, pod_uid))

    async def create_container(self, pod_uid: str, config: ContainerConfig) -> str:
        return await _outside(partial(super().create_container, pod_uid, config))

    async def remove_container(self, container_id: str) -> None:
        await _outside(partial(super().remove_container, container_id))

    async def start_container(self, container_id: str) -> None:
        await _outside(partial(super().start_container, container_id))

    async def signal_container(self, container_id: str, signal: int) -> None:
        await _outside(partial(super().signal_container, container_id, signal))

    async def stop_container(
        self, container_id: str, grace_seconds: float, signal: int | None = None
    ) -> ContainerStatus:
        return await _outside(partial(super().stop_container, container_id, grace_seconds, signal))


async def _outside(act: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Act in nobody's life."""
    await asyncio.sleep(0)
    result = await asyncio.get_running_loop().create_task(act(), context=Context())
    await asyncio.sleep(0)
    return result


class FakeVpcDaemon:
    """A VPC daemon that gives addresses, one pod's requests after another.

    It can be ``away``; ``refusal`` is what it says to every new pod. With ``attach_seconds`` attaching takes so long;
    the agent must not be killed meanwhile.
    """

    def __init__(self) -> None:
        self.away = False
        self.refusal: VpcRefused | None = None
        self.attach_seconds = 0.0
        self._turns = Turns()
        self.pods: dict[str, AttachPodRequest] = {}
        self._given: dict[str, int] = {}

    async def ping(self) -> Pong:
        self._check()
        return Pong(ready=True, cluster=7, service_cidr="10.43.0.0/16")

    async def attach_pod(self, request: AttachPodRequest) -> Allocation:
        await asyncio.sleep(0)
        self._check()
        if self.refusal is not None:
            raise self.refusal
        async with self._turn(request.pod_uid):
            await asyncio.sleep(self.attach_seconds)
            self.pods[request.pod_uid] = request
        number = self._given.setdefault(request.pod_uid, len(self._given) + 2)
        answer = Allocation(
            pod_uid=request.pod_uid, vpc=request.vpc, vpc_id=1, ipv4=f"10.42.0.{number}",
            ipv6=f"fd6b:3370:1001::{number}", ghost=f"fd6b:3370:1000::{number}",
        )  # fmt: skip
        await asyncio.sleep(0)
        return answer

    async def detach_pod(self, request: DetachPodRequest) -> None:
        await asyncio.sleep(0)
        self._check()
        async with self._turn(request.pod_uid):
            self.pods.pop(request.pod_uid, None)

    def _turn(self, pod_uid: str) -> AbstractAsyncContextManager[None]:
        return self._turns.turn(pod_uid) if self.attach_seconds else nullcontext()

    def _check(self) -> None:
        if self.away:
            raise VpcUnavailable("cannot reach the VPC daemon: nobody listens")


class World:
    """Made inside a running virtual loop. With a ``vpc`` daemon pods have a network of their own."""

    def __init__(
        self,
        root: Path,
        script: Callable[[SandboxConfig, ContainerConfig], Script] = lambda _pod, _container: Script(),
        settings: AgentSettings | None = None,
        vpc: FakeVpcDaemon | None = None,
    ) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self.loop = loop
        self.clock = LoopClock(loop)
        self.source = random.Random(7)
        self.cluster = Cluster(self.clock)
        self.runtime = Machine(self.clock, self.source, script)
        self.images = FakeImages()
        self.settings = settings or AgentSettings(node_name=NODE)
        self.paths = Paths.below(root)
        self.vpc = vpc
        self.agent: Agent
        self.life: Life
        self.lives = 0

    def start(self) -> None:
        """An agent comes to life on what is there."""
        self.lives += 1
        self.life = Life(f"agent {self.lives}")
        network = None
        if self.vpc is not None:
            folder = self.paths.agent_state / "network"
            network = VpcNetwork(self.vpc, folder, self.clock, partial(Backoff, self.source))
        self.agent = Agent(
            client=self.cluster, runtime=self.runtime, images=self.images, clock=self.clock, source=self.source,
            paths=self.paths, settings=self.settings, measured=lambda: MEASURED, network=network,
        )  # fmt: skip
        self.running = self.loop.start_in(self.life, self.agent.run())

    def kill(self) -> None:
        """As ``kill -9``: nothing of the agent goes on, no ``finally`` runs."""
        self.loop.kill(self.life)

    async def until(self, condition: Callable[[], Any], seconds: float = 120.0) -> None:
        """Wait until it holds; fails after so many (virtual) seconds."""
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.05)

    def phase(self, name: str = "web") -> str:
        pod = self.cluster.pod(name)
        return pod.status.phase if pod else "gone"

    def containers(self) -> list[Any]:
        """All containers of the machine."""
        return [each for sandbox in self.runtime.sandboxes.values() for each in sandbox.containers.values()]

    def files(self) -> list[str]:
        """What lies below the folders that belong to pods."""
        return sorted(
            str(path)
            for top in (self.paths.agent_state / "pods", self.paths.log / "pods", self.paths.run / "agent/objects")
            for path in top.rglob("*")
            if path.is_file()
        )


def container(name: str = "web", **fields: Any) -> Container:
    return Container(name=name, image=fields.pop("image", "busybox:1"), **fields)


def pod(name: str = "web", *containers: Container, **fields: Any) -> Pod:
    """A pod on the host's network, bound to the node."""
    meta = meta_v1.ObjectMeta(name=name, namespace="default", uid=fields.pop("uid", ""), generation=1)
    host_network = fields.pop("host_network", True)
    spec = PodSpec(
        containers=list(containers) or [container()],
        node_name=NODE,
        host_network=host_network,
        restart_policy=fields.pop("restart_policy", "Always"),
        **fields,
    )
    return Pod(metadata=meta, spec=spec)


__all__ = ["FakeImages", "Script", "World", "container", "core_v1", "pod"]
