"""The agent with real containers on this host: it runs a pod, serves its logs and exec, survives a crash, cleans up."""

import asyncio
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from k3py.agent.agent import Agent
from k3py.agent.settings import AgentSettings
from k3py.base.clock import SystemClock
from k3py.base.paths import Paths
from k3py.image.service import Images
from k3py.model.generated import core_v1, meta_v1
from k3py.model.generated.core_v1 import Container, Pod, PodSpec
from k3py.model.streams import Channel, Exec, Logs, PortForward
from k3py.runtime import cgroups, kernel
from k3py.runtime.oci import OciRuntime, open_host
from tests.agent.cluster import Cluster
from tests.agent.streams import ServerEnd

TOOL = Path(__file__).parents[2] / "tools/busybox_image.py"
NODE = "n1"

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        os.geteuid() != 0
        or not Path("/bin/busybox").exists()
        or shutil.which("conmon") is None
        or (shutil.which("runc") or shutil.which("crun")) is None,
        reason="needs root, busybox-static, conmon and an OCI runtime",
    ),
]


class Host:
    """This host, in folders of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.paths = Paths.below(root)
        self.cluster = Cluster(SystemClock())
        self.runtime: OciRuntime
        self.agent: Agent

    def start(self) -> "asyncio.Task[None]":
        """A new agent process, so to speak: nothing of an earlier one is used but the disk."""
        state, run = self.paths.agent_state / "runtime", self.paths.run / "runtime"
        self.runtime = OciRuntime(open_host(state, run, SystemClock(), random.Random()))
        self.agent = Agent(
            client=self.cluster, runtime=self.runtime, images=Images(self.paths.images), clock=SystemClock(),
            source=random.Random(), paths=self.paths, settings=AgentSettings(node_name=NODE),
        )  # fmt: skip
        return asyncio.create_task(self.agent.run())

    async def until(self, condition: Callable[[], Any], seconds: float = 20.0) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.02)

    def status(self, name: str = "web") -> core_v1.PodStatus:
        pod = self.cluster.pod(name)
        assert pod is not None
        return pod.status


@pytest.fixture
def host() -> Iterator[Host]:
    root = Path(f"/dev/shm/k3py-agent-{os.getpid()}-{random.getrandbits(32):08x}")
    root.mkdir()
    made = Host(root)
    archive = root / "busybox.tar"
    subprocess.run([sys.executable, str(TOOL), str(archive)], check=True, stdout=subprocess.DEVNULL)
    try:
        yield made
    finally:
        asyncio.run(_clean(made))
        mounts = kernel.mount_points_below(root, Path("/proc/self/mountinfo").read_text())
        kernel.unmount_below(root)
        shutil.rmtree(root)
        trees = [tree / f"k3py-{made.paths.instance_id}" for tree in cgroups.detect().trees]
        assert mounts == []
        assert [each for each in trees if each.exists()] == []


async def _clean(host: Host) -> None:
    state, run = host.paths.agent_state / "runtime", host.paths.run / "runtime"
    runtime = OciRuntime(open_host(state, run, SystemClock(), random.Random()))
    for sandbox in await runtime.list():
        await runtime.stop_sandbox(sandbox.pod_uid)
    await runtime.close()


def play(host: Host, story: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with asyncio.timeout(60):
            await Images(host.paths.images).import_archive(host.root / "busybox.tar")
            await story()

    asyncio.run(whole())


def pod(script: str, name: str = "web", **fields: Any) -> Pod:
    main = Container(name="main", image="busybox", image_pull_policy="IfNotPresent", command=["sh", "-c", script])
    for key in [each for each in fields if each in Container.__struct_fields__]:
        setattr(main, key, fields.pop(key))
    spec = PodSpec(containers=[main], node_name=NODE, host_network=True, restart_policy="Always", **fields)
    return Pod(metadata=meta_v1.ObjectMeta(name=name, namespace="default", generation=1), spec=spec)


def request(kind: Any, made: Pod, **fields: Any) -> Any:
    meta = made.metadata
    return kind(namespace=meta.namespace, pod=meta.name, uid=meta.uid, **fields)


def test_a_pod_runs_answers_and_is_gone(host: Host) -> None:
    async def story() -> None:
        running = host.start()
        script = "echo hello from $WHO; trap 'exit 0' TERM; while :; do sleep 0.1; done"
        env = [
            core_v1.EnvVar(
                name="WHO",
                value_from=core_v1.EnvVarSource(field_ref=core_v1.ObjectFieldSelector(field_path="metadata.name")),
            )
        ]
        made = host.cluster.put(pod(script, env=env))
        await host.until(lambda: host.status().phase == "Running" and host.status().container_statuses[0].ready)

        logs = ServerEnd()
        following = asyncio.create_task(
            host.agent.handle_stream(request(Logs, made, container="main", follow=True), logs)
        )
        await logs.until("hello from web\n")

        shell = ServerEnd()
        wanted = request(Exec, made, container="main", command=("sh", "-c", "cat; exit 3"), stdin=True, stdout=True)
        asking = asyncio.create_task(host.agent.handle_stream(wanted, shell))
        shell.send(Channel.STDIN, b"typed")
        shell.send(Channel.CLOSE, bytes((Channel.STDIN,)))
        await asking
        assert shell.text() == "typed"
        assert shell.status()["details"]["causes"] == [{"reason": "ExitCode", "message": "3"}]

        host.cluster.ask_deletion()
        await host.until(lambda: host.cluster.pod() is None)
        await following
        assert logs.status()["status"] == "Success"
        await host.until(lambda: not host.agent.pods.workers)
        assert list((host.paths.agent_state / "pods").iterdir()) == []
        assert list((host.paths.log / "pods").iterdir()) == []
        await host.agent.stop()
        await running
        await host.runtime.close()

    play(host, story)


def test_containers_outlive_the_agent_and_are_taken_up_again(host: Host) -> None:
    async def story() -> None:
        running = host.start()
        made = host.cluster.put(pod("echo last words > /dev/termination-log; while :; do sleep 0.1; done"))
        await host.until(lambda: host.status().phase == "Running")
        (before,) = (await host.runtime.list())[0].containers
        await host.agent.stop()
        await running
        await host.runtime.close()

        running = host.start()
        await host.until(lambda: host.agent.pods.workers)
        (after,) = (await host.runtime.list())[0].containers
        assert (after.id, after.pid) == (before.id, before.pid)
        os.kill(after.pid, 9)
        await host.until(lambda: host.status().container_statuses[0].restart_count == 1)
        await host.until(lambda: host.status().container_statuses[0].state.running is not None)
        last = host.status().container_statuses[0].last_state.terminated
        assert last is not None
        assert (last.exit_code, last.reason, last.message) == (137, "Error", "last words\n")
        previous = ServerEnd()
        await host.agent.handle_stream(request(Logs, made, container="main", previous=True), previous)
        assert previous.status()["status"] == "Success"
        host.cluster.ask_deletion(grace=1)
        await host.until(lambda: host.cluster.pod() is None)
        await host.until(lambda: not host.agent.pods.workers)
        await host.agent.stop()
        await running
        await host.runtime.close()

    play(host, story)


def test_volumes_and_ports_reach_the_container(host: Host) -> None:
    async def story() -> None:
        running = host.start()
        meta = meta_v1.ObjectMeta(name="words", namespace="default")
        host.cluster.put(core_v1.ConfigMap(metadata=meta, data={"greeting": "hello"}))
        secret = meta_v1.ObjectMeta(name="key", namespace="default")
        host.cluster.put(core_v1.Secret(metadata=secret, data={"word": b"sesame"}))
        volumes = [
            core_v1.Volume(name="words", config_map=core_v1.ConfigMapVolumeSource(name="words")),
            core_v1.Volume(name="key", secret=core_v1.SecretVolumeSource(secret_name="key", default_mode=0o400)),
            core_v1.Volume(name="fast", empty_dir=core_v1.EmptyDirVolumeSource(medium="Memory", size_limit="1Mi")),
        ]
        mounts = [
            core_v1.VolumeMount(name="words", mount_path="/words"),
            core_v1.VolumeMount(name="key", mount_path="/key", read_only=True),
            core_v1.VolumeMount(name="fast", mount_path="/fast", sub_path="below"),
        ]
        script = (
            "cat /words/greeting /key/word; id -u; id -G; touch /fast/x && echo; "
            "until grep -q bye /words/greeting; do sleep 0.05; done; cat /words/greeting; "
            "while :; do sleep 0.1; done"
        )
        context = core_v1.PodSecurityContext(run_as_user=1000, run_as_group=1000, fs_group=2000)
        made = host.cluster.put(pod(script, volumes=volumes, volume_mounts=mounts, security_context=None))
        made.spec.security_context = context
        host.cluster.put(made)
        await host.until(lambda: host.status().phase == "Running")
        logs = ServerEnd()
        following = asyncio.create_task(
            host.agent.handle_stream(request(Logs, made, container="main", follow=True), logs)
        )
        await logs.until("hellosesame")
        await logs.until("1000\n1000 2000\n")
        host.cluster.put(core_v1.ConfigMap(metadata=meta, data={"greeting": "goodbye"}))
        await logs.until("goodbye")
        following.cancel()

        server = await asyncio.start_server(_echo, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        forward = ServerEnd()
        going = asyncio.create_task(host.agent.handle_stream(request(PortForward, made, port=port), forward))
        forward.send(Channel.STDIN, b"ping")
        await forward.until("ping")
        forward.send(Channel.CLOSE, bytes((Channel.STDIN,)))
        await going
        assert forward.status()["status"] == "Success"
        server.close()

        host.cluster.ask_deletion(grace=1)
        await host.until(lambda: host.cluster.pod() is None)
        await host.until(lambda: not host.agent.pods.workers)
        await host.agent.stop()
        await running
        await host.runtime.close()

    play(host, story)


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(100):
        writer.write(data)
    writer.close()
