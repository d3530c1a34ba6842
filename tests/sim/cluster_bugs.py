"""Bugs planted into the cluster, one of each class, to prove that the simulator sees."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from k3py.base.clock import parse_rfc3339
from k3py.controllers import vpc
from k3py.controllers.actions import Action, Update, Wake
from k3py.controllers.all import controllers
from k3py.controllers.carry_out import Outcome
from k3py.controllers.controller import Controller, Key, Turn
from k3py.controllers.garbage_collector import GarbageCollector, Item
from k3py.controllers.informer import Caches
from k3py.controllers.namespace import NamespaceController
from k3py.controllers.node_lifecycle import LEASE_NAMESPACE, NodeLifecycleController
from k3py.controllers.runner import Runner
from k3py.controllers.service_account import ServiceAccountController
from k3py.controllers.taint_eviction import TaintEvictionController, reconcile
from k3py.controllers.vpc import VpcController
from k3py.model.generated import coordination_v1, core_v1, meta_v1
from k3py.model.kinds import KINDS
from k3py.scheduler import filters
from k3py.scheduler.loop import Scheduler
from k3py.scheduler.place import Bind
from tests.sim.cluster import SETTINGS
from tests.sim.cluster_agents import Agent
from tests.sim.world import Lost


class Impatient(Runner):
    """Decides again before the caches have seen what the last turn wrote."""

    def _after(self, running: Any, key: Key, outcome: Outcome) -> None:
        super()._after(running, key, outcome)
        running.expected.pop(key, None)
        if outcome.writes:
            running.queue.add(key)


class Forgetful(Scheduler):
    """Does not count a pod before the cache says that it is bound."""

    async def _bind(self, binds: Sequence[Bind]) -> None:
        for each in binds:
            self._nodes.drop_pod(each.request.uid)
        await super()._bind(binds)


class ByName(GarbageCollector):
    """Takes any object of the owner's name for the owner."""

    def _owners(self, meta: meta_v1.ObjectMeta, caches: Caches) -> dict[str, Item | None]:
        owners: dict[str, Item | None] = {}
        for reference in meta.owner_references:
            kind = KINDS.named(reference.api_version, reference.kind)
            assert kind is not None
            found: Any = caches.get(kind.type, meta.namespace, reference.name)
            owners[reference.uid] = Item(kind.type, found.metadata) if found is not None else None
        return owners


class Hasty(GarbageCollector):
    """Takes the first owner that is gone for all of them, and a living one for gone when it has a dying dependent."""

    def _owners(self, meta: meta_v1.ObjectMeta, caches: Caches) -> dict[str, Item | None]:
        return dict.fromkeys(super()._owners(meta, caches))


class ByTheWallClock(NodeLifecycleController):
    """Believes the time in the lease, and takes a lease that is not there for a silent node."""

    def _silent_seconds(self, node: core_v1.Node, caches: Caches, now: float) -> float:
        lease = caches.get(coordination_v1.Lease, LEASE_NAMESPACE, node.metadata.name)
        if lease is None or not lease.spec.renew_time:
            return 1e6
        return 1_700_000_000 + now - parse_rfc3339(lease.spec.renew_time)


class Merciless(TaintEvictionController):
    """Evicts at once."""

    def plan(self, key: Key, caches: Caches, turn: Turn) -> list[Action]:
        pod = caches.get(core_v1.Pod, *key)
        node = caches.get(core_v1.Node, "", pod.spec.node_name) if pod is not None else None
        if pod is None or node is None:
            return []
        return reconcile(
            msgspec.structs.replace(pod, spec=msgspec.structs.replace(pod.spec, tolerations=[])),
            node.spec.taints,
            turn.now,
            0,
        )


class Careless(NamespaceController):
    """Forgets about everything but pods."""

    def __init__(self) -> None:
        super().__init__()
        self._kinds = [core_v1.Pod]


class Restless(ServiceAccountController):
    """Writes every ten seconds though nothing happens."""

    def plan(self, key: Key, caches: Caches, turn: Turn) -> list[Action]:
        namespace = caches.get(core_v1.Namespace, *key)
        actions = super().plan(key, caches, turn)
        if namespace is None or actions or namespace.metadata.deletion_timestamp is not None:
            return actions
        metadata = msgspec.structs.replace(namespace.metadata, annotations={"seen": str(turn.now)})
        return [Update(msgspec.structs.replace(namespace, metadata=metadata), "just so"), Wake(10, "again")]

    writes = (core_v1.ServiceAccount, core_v1.Namespace)


class Credulous(Agent):
    """Takes no answer for the answer that nothing is wanted."""

    async def _serve(self, server: Any) -> None:
        try:
            await super()._serve(server)
        except Lost:
            self.listed(self.host.revision, [])
            raise


class Believing(Agent):
    """Believes a list that is older than what it has seen."""

    def listed(self, revision: int, pods: Sequence[core_v1.Pod]) -> None:
        self.host.revision = 0
        super().listed(revision, pods)


class Trusting(VpcController):
    """Believes that a number is free as long as nobody shows it."""

    def plan(self, key: Key, caches: Caches, turn: Turn) -> list[Action]:
        self._promised.clear()
        return super().plan(key, caches, turn)


def instead(*others: Callable[[], Controller]) -> dict[str, Any]:
    """All controllers, but these in place of those with their names."""

    def make() -> Sequence[Controller]:
        planted = [make_other() for make_other in others]
        names = {each.name for each in planted}
        return [*(each for each in controllers(SETTINGS) if each.name not in names), *planted]

    return {"make_controllers": make}


@dataclass(frozen=True)
class Bug:
    """How to plant a bug, and what the violation that finds it says (any of these)."""

    says: tuple[str, ...]
    parts: dict[str, Any] = field(default_factory=dict)
    patches: Sequence[tuple[str, Any]] = ()


BUGS = {
    "expectations removed": Bug(("which wants", "it allows", "objects are written"), {"runner_type": Impatient}),
    "assumed pods ignored": Bug(("no room", "host port is taken"), {"scheduler_type": Forgetful}),
    "host ports ignored": Bug(
        ("host port is taken",),
        patches=[
            (
                "k3py.scheduler.filters.FILTERS",
                tuple(each for each in filters.FILTERS if each is not filters.ports_free),
            )
        ],
    ),
    "owners by name": Bug(("owners are gone", "owner is well"), instead(ByName)),
    "living owners taken for gone": Bug(("owner is well", "does not settle"), instead(Hasty)),
    "eviction after a restart": Bug(
        ("never away",), instead(lambda: ByTheWallClock(SETTINGS.node_grace_seconds), lambda: Merciless(0))
    ),
    "namespace not emptied": Bug(("is in it",), instead(Careless)),
    "surge ignored": Bug(
        ("it allows",),
        patches=[("k3py.controllers.deployment.next_of_new", lambda limits, recreate, new, total: limits.replicas)],
    ),
    "a controller without rest": Bug(("objects are written",), instead(Restless)),
    "numbers without rest": Bug(("a moment ago",), patches=[("k3py.controllers.vpc_ids.REST_SECONDS", 0.0)]),
    "a VPC that does not wait": Bug(("objects are in it",), patches=[("k3py.controllers.vpc._end", vpc._release)]),
    "numbers on their way forgotten": Bug(
        ("another has it",),
        instead(lambda: Trusting("10.43.0.0/16")),
        # Admission would refuse it.
        patches=[("k3py.objects.vpc_admission.VpcAdmission._check_number", lambda *_: None)],
    ),
    "an empty answer believed": Bug(("whose end nobody asked for",), {"agent_type": Credulous}),
    "an old list believed": Bug(
        ("whose end nobody asked for", "does not settle"),
        {"agent_type": Believing, "overtaken_seconds_max": 60.0},
    ),
}
