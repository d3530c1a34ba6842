"""The scheduler at work on real objects over a log in memory, on virtual time."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any

from k3py.base import virtual_loop
from k3py.base.clock import LoopClock
from k3py.controllers.feed import Feed
from k3py.controllers.informer import Caches
from k3py.model.generated import core_v1, meta_v1
from k3py.model.kinds import KINDS
from k3py.model.user import MASTERS, User
from k3py.objects.collections import collections
from k3py.objects.options import WriteOptions
from k3py.objects.service import Objects
from k3py.scheduler.loop import Scheduler
from k3py.store.memory_log import MemoryLog
from k3py.store.sealing import KeyRing
from k3py.store.store import Store
from tests.scheduler.script import node_from, pod_from

ADMIN = User("admin", (MASTERS,))


class Cluster:
    """Objects, a scheduler, and what it told."""

    def __init__(self) -> None:
        clock = LoopClock(asyncio.get_running_loop())
        source = random.Random(1)
        self.store = Store(MemoryLog(), collections(), clock, KeyRing({"1": b"k" * 32}, "1", source.randbytes))
        self.objects = Objects(self.store, clock, source)
        self.told: list[str] = []
        self.scheduler = Scheduler(self.objects, self, clock, source)
        self.caches = Caches()
        for kind in (core_v1.Pod, core_v1.Node):
            self.caches.add(kind, {}, bare=False)
        self.scheduler.subscribe(self.caches.informer(core_v1.Pod), self.caches.informer(core_v1.Node))

    def tell(self, about: core_v1.ObjectReference, kind: str, reason: str, message: str) -> None:
        self.told.append(f"{kind} {about.name} {reason}: {message}")

    async def start(self) -> None:
        await self.store.open()
        await self._create(core_v1.Namespace(metadata=meta_v1.ObjectMeta(name="default")))
        Feed(self.store, self.caches, lambda kind: None).start()
        self.scheduler.start()

    async def _create(self, made: Any) -> None:
        await self.objects.create(KINDS.of(type(made)), made.metadata.namespace, made, WriteOptions(), ADMIN)

    async def node(self, words: str) -> None:
        node = node_from(words.split())
        node.status.conditions = [core_v1.NodeCondition(type="Ready", status="True")]
        await self._create(node)
        name = node.metadata.name  # what admission tainted because nobody vouched for it yet
        known = self.objects.read(core_v1.Node, "", name)
        known.spec.taints = node.spec.taints
        await self.objects.update(KINDS.of(core_v1.Node), "", name, known, WriteOptions(), ADMIN)

    async def pod(self, words: str, **spec: Any) -> None:
        made, _ = pod_from(words.split())
        made.metadata.uid = ""
        made.spec.containers[0].image = "web:1"
        for name, value in spec.items():
            setattr(made.spec, name, value)
        await self._create(made)

    def read(self, name: str) -> core_v1.Pod:
        return self.objects.read(core_v1.Pod, "default", name)

    def where(self) -> dict[str, str]:
        listed = self.objects.list(KINDS.of(core_v1.Pod), None)
        return {each.name: self.read(each.name).spec.node_name for each in listed}

    async def delete(self, kind: type, namespace: str, name: str) -> None:
        options = meta_v1.DeleteOptions(grace_period_seconds=0)
        await self.objects.delete(KINDS.of(kind), namespace, name, options, ADMIN)


def play(story: Callable[[Cluster], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        cluster = Cluster()
        await cluster.start()
        await story(cluster)
        await cluster.scheduler.stop()
        await cluster.store.close()

    virtual_loop.run(run())


def scheduled(pod: core_v1.Pod) -> tuple[str, str, str]:
    return next((c.status, c.reason, c.message) for c in pod.status.conditions if c.type == "PodScheduled")


def test_pods_are_bound_and_told() -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.node("n1 cpu=2")
        await cluster.pod("a cpu=1")
        await asyncio.sleep(1)
        assert cluster.where() == {"a": "n1"}
        assert scheduled(cluster.read("a")) == ("True", "", "")
        assert cluster.told == ["Normal a Scheduled: Successfully assigned default/a to n1"]
        assert cluster.scheduler.idle

    play(story)


def test_who_does_not_fit_is_told_why_once_and_fits_when_room_comes() -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.node("n1 cpu=1")
        await cluster.pod("a cpu=1")
        await asyncio.sleep(1)
        await cluster.pod("b cpu=1")
        await asyncio.sleep(1)
        message = (
            "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: "
            "1 No preemption victims found for incoming pod."
        )
        assert scheduled(cluster.read("b")) == ("False", "Unschedulable", message)
        assert cluster.told[-1] == f"Warning b FailedScheduling: {message}"
        said, revision = len(cluster.told), cluster.store.revision
        await asyncio.sleep(290)
        assert (len(cluster.told), cluster.store.revision) == (said, revision), "nothing is tried in vain"
        await cluster.delete(core_v1.Pod, "default", "a")
        await asyncio.sleep(1)
        assert cluster.where() == {"b": "n1"}

    play(story)


def test_a_new_node_helps() -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.pod("a cpu=1")
        await asyncio.sleep(1)
        assert scheduled(cluster.read("a"))[2] == "no nodes available to schedule pods"
        await cluster.node("n1")
        await asyncio.sleep(1)
        assert cluster.where() == {"a": "n1"}

    play(story)


def test_gated_pods_wait_for_their_gate() -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.node("n1")
        await cluster.pod("a", scheduling_gates=[core_v1.PodSchedulingGate(name="example.com/wait")])
        await asyncio.sleep(1)
        assert cluster.where() == {"a": ""}
        assert scheduled(cluster.read("a"))[1] == "SchedulingGated"
        open_gate = cluster.read("a")
        open_gate.spec.scheduling_gates = []
        await cluster.objects.update(KINDS.of(core_v1.Pod), "default", "a", open_gate, WriteOptions(), ADMIN)
        await asyncio.sleep(1)
        assert cluster.where() == {"a": "n1"}

    play(story)


def test_pods_of_other_schedulers_are_left_alone_but_counted() -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.node("n1 cpu=1")
        await cluster.pod("theirs cpu=1", scheduler_name="other")
        await asyncio.sleep(1)
        assert cluster.where() == {"theirs": ""}
        await cluster.objects.bind_many([("default", "theirs", "n1")], ADMIN)
        await cluster.pod("ours cpu=1")
        await asyncio.sleep(1)
        assert cluster.where() == {"theirs": "n1", "ours": ""}

    play(story)


def test_many_pods_take_few_batches_and_no_node_is_overcommitted() -> None:
    async def story(cluster: Cluster) -> None:
        for number in range(10):
            await cluster.node(f"n{number} cpu=10")
        await asyncio.gather(*(cluster.pod(f"p{n} cpu=1") for n in range(120)))
        await asyncio.sleep(5)
        where = [node for node in cluster.where().values() if node]
        assert len(where) == 100
        assert {where.count(node) for node in set(where)} == {10}

    play(story)


def test_a_binding_that_lost_a_race_frees_the_room_it_had_assumed() -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.node("n1 cpu=1")
        bind_many = cluster.objects.bind_many

        async def too_late(targets: Any, user: User) -> Any:
            await cluster.delete(core_v1.Pod, "default", "a")
            return await bind_many(targets, user)

        cluster.objects.bind_many = too_late  # type: ignore[method-assign]
        await cluster.pod("a cpu=1")
        await asyncio.sleep(1)
        cluster.objects.bind_many = bind_many  # type: ignore[method-assign]
        await cluster.pod("b cpu=1")
        await asyncio.sleep(1)
        assert cluster.where() == {"b": "n1"}

    play(story)


def test_a_waiting_pod_says_what_it_waits_for_now() -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.node("n1 cpu=2 taint:a=b:NoSchedule")
        await cluster.pod("big cpu=3")
        await asyncio.sleep(1)
        assert "1 node(s) had untolerated taint" in scheduled(cluster.read("big"))[2]
        known = cluster.objects.read(core_v1.Node, "", "n1")
        known.spec.taints = []
        await cluster.objects.update(KINDS.of(core_v1.Node), "", "n1", known, WriteOptions(), ADMIN)
        await asyncio.sleep(1)
        assert "1 Insufficient cpu" in scheduled(cluster.read("big"))[2]
        assert cluster.scheduler.counters.waits == 2

    play(story)
