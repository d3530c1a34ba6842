"""A whole cluster in one process: servers with store, objects, controllers and scheduler; hollow agents; users.

The story of a seed: chaos, in which processes die at any await, the log fails, messages are lost, late or repeated and
nodes are cut off, while users change their minds; then fair weather, in which everything must settle; then silence,
in which (almost) nothing may be written.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from k3py.base.clock import rfc3339
from k3py.controllers.all import Settings, controllers
from k3py.controllers.controller import Controller
from k3py.controllers.events import EventRecorder
from k3py.controllers.objects_writer import ObjectsWriter
from k3py.controllers.runner import Runner
from k3py.model import vpc_v1
from k3py.model.errors import AlreadyExists, Problem
from k3py.model.generated import core_v1, meta_v1
from k3py.model.kinds import KINDS
from k3py.objects.collections import collections
from k3py.objects.options import WriteOptions
from k3py.objects.service import Objects
from k3py.scheduler.loop import NAME, Scheduler
from k3py.store.errors import CannotOpen, LogFailed
from k3py.store.limits import Limits
from k3py.store.listing import Listing
from k3py.store.log import Put
from k3py.store.records import Change
from k3py.store.sealing import KeyRing
from k3py.store.store import Store
from k3py.store.watches import Deliver, Watch
from tests.sim.cluster_agents import Agent, Host, ready_condition
from tests.sim.cluster_settled import complaints
from tests.sim.cluster_truth import ClusterTruth
from tests.sim.cluster_users import ADMIN, NAMESPACES, Users
from tests.sim.log import LogFaults, SharedLog, SimLog
from tests.sim.world import FAIR, Process, Violation, Weather, World

NODES = 5
NODE_CPU_MILLI, NODE_PODS = 1000, 6
CHAOS_SECONDS = 50.0
SETTLING_SECONDS = 150.0
SILENCE_SECONDS = 120.0
# What may be written while nothing happens: chunks of revisions, a late event.
WRITES_IN_SILENCE_MAX = 4
SETTINGS = Settings(node_grace_seconds=16.0, startup_grace_seconds=16.0, finished_pods_max=20)
# A leader that was overtaken learns of it at the latest then, also when it writes nothing (the lease in the bucket).
OVERTAKEN_SECONDS_MAX = 5.0
# An outage this long within this time justifies that a node's pods are moved.
OUTAGE_SECONDS, OUTAGE_MEMORY_SECONDS = 8.0, 90.0
LIMITS = Limits(batch_writes=32, batch_seconds_max=3.0)
CHAOS = Weather(slow_call=0.04, kill_per_step=1 / 3_000)
FAULTS = LogFaults(bad_write=0.002, bad_open=0.1)


class Lagging:
    """The store as caches see it: all changes in order, but a little late."""

    def __init__(self, store: Store, world: World, lag_seconds: float) -> None:
        self._store = store
        self._world = world
        self._lag_seconds = lag_seconds
        self._arrives_at = 0.0

    @property
    def revision(self) -> int:
        return self._store.revision

    def list(self, collection: str, namespace: str | None) -> Listing:
        return self._store.list(collection, namespace)

    def watch(self, collection: str, namespace: str | None, since: int | None, deliver: Deliver) -> Watch:
        if not self._lag_seconds:
            return self._store.watch(collection, namespace, since, deliver)

        def later(changes: Sequence[Change]) -> None:
            now = self._world.loop.time()
            self._arrives_at = max(self._arrives_at, now + self._world.random.uniform(0, self._lag_seconds))
            self._world.loop.call_at(self._arrives_at, deliver, tuple(changes))

        return self._store.watch(collection, namespace, since, later)


class Alarm(logging.Handler):
    """What controllers and scheduler did not expect is logged with its traceback, and is a violation."""

    def __init__(self, violations: list[Violation]) -> None:
        super().__init__(logging.ERROR)
        self._violations = violations

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.name.startswith(("k3py.controllers", "k3py.scheduler")):
            self._violations.append(Violation(f"{record.getMessage()}: {record.exc_info[1]!r}"))


class Server(Process):
    """A process that is, or believes to be, the leader."""

    store: Store
    objects: Objects
    runner: Runner
    is_serving = False


class ClusterWorld:
    """One seed's cluster. The factories let tests plant bugs."""

    def __init__(
        self,
        seed: int,
        *,
        make_controllers: Callable[[], Sequence[Controller]] = lambda: controllers(SETTINGS),
        runner_type: type[Runner] = Runner,
        scheduler_type: type[Scheduler] = Scheduler,
        agent_type: type[Agent] = Agent,
        overtaken_seconds_max: float = OVERTAKEN_SECONDS_MAX,
    ) -> None:
        self.world = World(seed, CHAOS)
        self.chaos = True
        self.cut_off: set[str] = set()
        self.violations: list[Violation] = []
        self.server_count = self.agent_count = 0
        self._make_controllers = make_controllers
        self._runner_type = runner_type
        self._scheduler_type = scheduler_type
        self._agent_type = agent_type
        self._overtaken_seconds_max = overtaken_seconds_max
        self._keys = KeyRing({"1": b"k" * 32}, "1", lambda size: self.world.random.randbytes(size))
        room = {f"n{number}": (NODE_CPU_MILLI, NODE_PODS) for number in range(NODES)}
        self.hosts = {name: Host(name, f"10.42.{number}.") for number, name in enumerate(room)}
        self.truth = ClusterTruth(self._keys, self.world.loop.time, room, self.was_away)
        self.shared = SharedLog(self.world, FAULTS, self._applied)
        self.users = Users(self)
        self._contact = dict.fromkeys(room, 0.0)
        self._outages: dict[str, float] = {}

    # --- the story ---

    def run(self) -> None:
        """Tell the story.

        Raises:
            Violation: what must never happen has happened, or what must happen has not.
        """
        alarm = Alarm(self.violations)
        logger = logging.getLogger("k3py")
        logger.addHandler(alarm)
        try:
            self.world.run(self._story())
        finally:
            logger.removeHandler(alarm)

    async def _story(self) -> None:
        tasks = [asyncio.ensure_future(each) for each in (self._supervise(), self._outages_come(), self.users.run())]
        tasks += [asyncio.ensure_future(self._keep_agent(host)) for host in self.hosts.values()]
        await self._pass(CHAOS_SECONDS, tasks)
        self.chaos = False
        self.world.weather, self.shared.faults = FAIR, LogFaults()
        self.cut_off.clear()
        for each in self.world.alive():
            if isinstance(each, Server):
                self.world.kill(each)  # the last failover: whoever was overtaken is out of the way
        await self._pass(10, tasks)
        await self.users.make_peace()
        until = self.world.loop.time() + SETTLING_SECONDS
        while complaints(self) and self.world.loop.time() < until:
            await self._pass(5, tasks)
        if found := complaints(self):
            raise Violation(f"it does not settle: {found[:5]}")
        await self._pass(20, tasks)
        since = self.world.loop.time()
        await self._pass(SILENCE_SECONDS, tasks)
        written = self.truth.writes_since(since)
        if len(written) > WRITES_IN_SILENCE_MAX:
            raise Violation(f"nothing happens, and {len(written)} objects are written: {written[:8]}")
        if found := complaints(self):
            raise Violation(f"it does not stay settled: {found[:5]}")
        for task in tasks:
            task.cancel()

    async def _pass(self, seconds: float, tasks: Sequence["asyncio.Task[Any]"]) -> None:
        """Time passes; what went wrong meanwhile ends the story."""
        until = self.world.loop.time() + seconds
        while self.world.loop.time() < until:
            await asyncio.sleep(0.5)
            if self.violations:
                raise self.violations[0]
            for task in tasks:
                if task.done():
                    task.result()
            for failure in self.world.loop.failures:
                raise Violation(f"caught by nobody: {failure}") from failure.get("exception")

    def wrong(self, what: str) -> NoReturn:
        """Something that must never happen."""
        self.violations.append(Violation(f"at {self.world.loop.time():.2f} s: {what}"))
        raise self.violations[-1]

    def _applied(self, rows: Sequence[Put], sequence: int) -> None:
        try:
            self.truth.applied(rows, sequence)
        except Violation as violation:
            self.violations.append(Violation(f"at {self.world.loop.time():.2f} s: {violation}"))

    # --- servers ---

    async def _supervise(self) -> None:
        """Somebody always starts a server; in chaos sometimes beside one that lives."""
        while True:
            living = [each for each in self.world.alive() if isinstance(each, Server)]
            if not living or (self.chaos and len(living) < 2 and self.world.chance(0.25)):
                for old in living:
                    self.world.post(self.world.random.uniform(0, self._overtaken_seconds_max), self.world.kill, old)
                self.server_count += 1
                server = Server(self.server_count, "server")
                self.world.start(server, self._serve(server))
            await asyncio.sleep(self.world.random.uniform(0.2, 2.0))

    async def _serve(self, server: Server) -> None:
        world = self.world
        source = random.Random(world.random.getrandbits(64))
        log = SimLog(self.shared)
        store = Store(
            log, collections(), world.clock, self._keys, limits=LIMITS, on_fatal=lambda why: world.kill(server)
        )
        try:
            await store.open()
        except (CannotOpen, LogFailed):
            world.kill(server)
            return
        server.store, server.objects = store, Objects(store, world.clock, source)
        try:
            await self._found(server.objects)
        except Problem:
            world.kill(server)
            return
        writer = ObjectsWriter(server.objects)
        lag = world.random.choice((0.0, 0.0, 0.3))
        server.runner = self._runner_type(
            self._make_controllers(), Lagging(store, world, lag), writer, writer, world.clock, source
        )
        events = EventRecorder(NAME, writer, world.clock, source)
        scheduler = self._scheduler_type(server.objects, events, world.clock, source)
        caches = server.runner.caches
        scheduler.subscribe(caches.informer(core_v1.Pod), caches.informer(core_v1.Node))
        server.runner.start()
        scheduler.start()
        server.is_serving = True
        await events.run()

    async def _found(self, objects: Objects) -> None:
        """What every server makes sure of at its start."""
        for name in NAMESPACES:
            made = core_v1.Namespace(metadata=meta_v1.ObjectMeta(name=name))
            try:
                await objects.create(KINDS.of(core_v1.Namespace), "", made, WriteOptions(), ADMIN)
            except AlreadyExists:
                continue
        spec = vpc_v1.VPCSpec(cidr=vpc_v1.DEFAULT_CIDR, allowed_namespaces=meta_v1.LabelSelector())
        vpc = vpc_v1.VPC(metadata=meta_v1.ObjectMeta(name=vpc_v1.DEFAULT_VPC), spec=spec)
        with contextlib.suppress(AlreadyExists):
            await objects.create(KINDS.of(vpc_v1.VPC), "", vpc, WriteOptions(), ADMIN)

    def some_server(self, any_of_them: float = 0.5) -> Server | None:
        """One that serves: the last one, or with this probability one that may have been overtaken."""
        serving = [each for each in self.world.alive() if isinstance(each, Server) and each.is_serving]
        if not serving:
            return None
        return self.world.random.choice(serving) if self.world.chance(any_of_them) else serving[-1]

    # --- nodes ---

    async def _keep_agent(self, host: Host) -> None:
        """Somebody starts the host's agent again after a while."""
        while True:
            self.agent_count += 1
            agent = self._agent_type(self.agent_count, self, host)
            self.world.start(agent, agent.run())
            while agent.is_alive:
                if host.name not in self.cut_off:
                    self._heard_of(host.name)
                await asyncio.sleep(1.0)
            late = self.chaos and self.world.chance(0.3)
            await asyncio.sleep(self.world.random.uniform(20, 40) if late else self.world.random.uniform(0.1, 4))

    async def _outages_come(self) -> None:
        while True:
            await asyncio.sleep(self.world.random.uniform(2, 15))
            if self.chaos:
                name = self.world.random.choice(list(self.hosts))
                self.cut_off.add(name)
                self.world.post(self.world.random.uniform(1, 45), self.cut_off.discard, name)

    def _heard_of(self, name: str) -> None:
        now = self.world.loop.time()
        if now - self._contact[name] > OUTAGE_SECONDS:
            self._outages[name] = now
        self._contact[name] = now

    def was_away(self, name: str) -> bool:
        """Whether a node is, or lately was, out of reach for a while through its own fault."""
        now = self.world.loop.time()
        away_now = now - self._contact[name] > OUTAGE_SECONDS
        return away_now or now - self._outages.get(name, -OUTAGE_MEMORY_SECONDS) < OUTAGE_MEMORY_SECONDS

    def node(self, host: Host) -> core_v1.Node:
        """The node that a host says it is."""
        made = core_v1.Node(metadata=meta_v1.ObjectMeta(name=host.name))
        room = {"cpu": f"{NODE_CPU_MILLI}m", "memory": "1Gi", "pods": str(NODE_PODS)}
        made.status.capacity, made.status.allocatable = dict(room), dict(room)
        said = ready_condition(self.stamp())
        made.status.conditions = [
            core_v1.NodeCondition(
                type="Ready",
                status="True",
                reason=said["reason"],
                last_heartbeat_time=said["lastHeartbeatTime"],
                last_transition_time=said["lastTransitionTime"],
            )
        ]
        return made

    def container_starts(self, host: Host, uid: str) -> None:
        """No pod runs twice."""
        elsewhere = [each.name for each in self.hosts.values() if each is not host and uid in each.containers]
        if elsewhere:
            self.wrong(f"{host.name} starts a container of {uid}, which runs on {elsewhere}")

    def stamp(self) -> str:
        return rfc3339(self.world.clock.now())
