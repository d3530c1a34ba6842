"""A cluster in a dictionary: controllers' actions are carried out at once, so that whole stories run as plain calls.

It knows of the API's rules only what the stories need: versions, graceful deletion, finalizers, generated names.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from k3py.base.clock import rfc3339
from k3py.controllers.actions import Action, Create, Delete, Patch, Tell, Update, Wake, said
from k3py.controllers.controller import Controller, Key, Reads, Turn
from k3py.controllers.feed import collection_of
from k3py.controllers.informer import Caches
from k3py.model.codec import decode, encode, to_plain
from k3py.model.generated import apps_v1, core_v1, meta_v1
from k3py.store.records import Change, ChangeType, Record, intern_labels

EPOCH = 1_700_000_000.0
TURNS_MAX = 5_000


class Toy:
    """Objects by class, namespace and name; controllers that hear of each change."""

    def __init__(self, *controllers: Controller) -> None:
        self.now = EPOCH
        self.controllers = controllers
        self.caches = Caches()
        self.objects: dict[tuple[type, str, str], Any] = {}
        self.dirty: dict[tuple[Controller, Key], None] = {}
        self.wakes: dict[tuple[Controller, Key], float] = {}
        self.log: list[str] = []
        self.events: list[str] = []
        self.revision = 0
        self.made = 0
        for controller in controllers:
            for reads in controller.reads:
                self.caches.add(reads.kind, reads.indexes, bare=reads.bare)
        for controller in controllers:
            for reads in controller.reads:
                self._subscribe(controller, reads)

    def _subscribe(self, controller: Controller, reads: Reads) -> None:
        def changed(old: Any, new: Any) -> None:
            for key in reads.keys(old, new, self.caches):
                self.dirty[controller, key] = None

        self.caches.informer(reads.kind).subscribe(changed)

    # --- what people and agents do ---

    def put(self, value: Any) -> Any:
        """Create or replace an object as it is; uid, creation time and version are filled in."""
        meta: meta_v1.ObjectMeta = value.metadata
        self.revision += 1
        if not meta.name:
            self.made += 1
            meta.name = f"{meta.generate_name}{self.made}"
        meta.uid = meta.uid or f"uid-{type(value).__name__}-{meta.namespace}-{meta.name}"
        meta.creation_timestamp = meta.creation_timestamp or rfc3339(self.now)
        meta.resource_version = str(self.revision)
        stored = decode(type(value), encode(value))
        kind = ChangeType.MODIFIED if self._key(value) in self.objects else ChangeType.ADDED
        self.objects[self._key(value)] = stored
        self._publish(stored, kind)
        return decode(type(value), encode(value))

    def change(self, kind: type, namespace: str, name: str, body: dict[str, Any]) -> Any:
        """Merge ``body`` into an object, as a user's patch would; a change of spec raises the generation."""
        known = self.objects[kind, namespace, name]
        plain = _merged(to_plain(known), body)
        new = msgspec.convert(plain, kind)
        if to_plain(known).get("spec") != plain.get("spec"):
            new.metadata.generation += 1
        if new.metadata.deletion_timestamp and not self._held(new):
            self.remove(new)
            return new
        return self.put(new)

    def get(self, kind: type, namespace: str, name: str) -> Any:
        return self.objects.get((kind, namespace, name))

    def all(self, kind: type) -> list[Any]:
        return [value for (each, _, _), value in self.objects.items() if each is kind]

    def delete(self, kind: type, namespace: str, name: str, propagation: str = "", grace: int | None = None) -> None:
        """Delete as the API does."""
        value = decode(kind, encode(self.objects[kind, namespace, name]))
        if propagation in ("Foreground", "Orphan"):
            finalizer = "foregroundDeletion" if propagation == "Foreground" else "orphan"
            if finalizer not in value.metadata.finalizers:
                value.metadata.finalizers.append(finalizer)
        graceful = kind is core_v1.Pod and value.spec.node_name and grace != 0 and value.status.phase == "Running"
        value.metadata.deletion_timestamp = value.metadata.deletion_timestamp or rfc3339(self.now)
        if graceful or self._held(value):
            self.put(value)
        else:
            self.remove(value)

    def _held(self, value: Any) -> bool:
        return bool(value.metadata.finalizers or (isinstance(value, core_v1.Namespace) and value.spec.finalizers))

    def remove(self, value: Any) -> None:
        """The object is gone."""
        self.revision += 1
        last = self.objects.pop(self._key(value))
        last.metadata.resource_version = str(self.revision)
        self._publish(last, ChangeType.DELETED)

    # --- what controllers do ---

    def settle(self, seconds: float = 0.0, agents: bool = False) -> None:
        """Let all controllers (and agents that make each pod ready) act until nobody has anything to do.

        With ``seconds`` time passes too, in jumps to the wake-ups that were asked for.
        """
        end = self.now + seconds
        turns = 0
        while True:
            while self.dirty or (agents and self._agents()):
                if self.dirty:
                    controller, key = next(iter(self.dirty))
                    del self.dirty[controller, key]
                    self.turn(controller, key)
                turns += 1
                assert turns < TURNS_MAX, f"nothing settles: {self.log[-20:]}"
            due = [(at, who) for who, at in self.wakes.items() if at <= end]
            if not due:
                break
            at, who = min(due, key=lambda each: each[0])
            self.now = max(self.now, at)
            del self.wakes[who]
            self.dirty[who] = None
        self.now = end

    def turn(self, controller: Controller, key: Key, failure: str = "") -> Sequence[Action]:
        """One look at one key."""
        turn = Turn(self.now, failure, self.now - EPOCH, self.now - EPOCH)
        actions = controller.plan(key, self.caches, turn)
        for action in actions:
            self._do(controller, key, action)
        return actions

    def _do(self, controller: Controller, key: Key, action: Action) -> None:
        if isinstance(action, Wake):
            due = self.now + max(action.seconds, 0.001)
            self.wakes[controller, key] = min(due, self.wakes.get((controller, key), due))
            return
        self.log.append(said(action))
        match action:
            case Tell(_, _, reason, message):
                self.events.append(f"{reason}: {message}")
                return
            case Create(made):
                name = self.put(decode(type(made), encode(made))).metadata.name
            case Update(made, subresource=part):
                name = made.metadata.name
                self._update(made, part)
            case Patch(where, body):
                known = self.objects[where.kind, where.namespace, where.name]
                assert known.metadata.resource_version == where.version, "stale"
                if _merged(to_plain(known), body) != to_plain(known):  # as the server: else nothing is written
                    self.change(where.kind, where.namespace, where.name, dict(body))
                return
            case Delete(where):
                name = where.name
                known = self.objects.get((where.kind, where.namespace, where.name))
                if known is not None and known.metadata.uid == where.uid:
                    self.delete(where.kind, where.namespace, name, action.propagation, action.grace_seconds)
        if action.report is not None and action.report.reason:
            self.events.append(f"{action.report.reason}: {action.report.message.format(name=name, error='')}")

    def _update(self, made: Any, part: str) -> None:
        known = self.objects[self._key(made)]
        assert known.metadata.resource_version == made.metadata.resource_version, "stale"
        new = decode(type(made), encode(known))
        if part == "status":
            new.status = made.status
        elif part == "finalize":
            new.spec = made.spec
            if new.metadata.deletion_timestamp and not self._held(new):
                self.remove(new)
                return
        elif not hasattr(new, "spec"):
            new = made
        else:
            if encode(new.spec) != encode(made.spec):
                new.metadata.generation += 1
            new.metadata.annotations, new.metadata.labels = made.metadata.annotations, made.metadata.labels
            new.spec = made.spec
        self.put(new)

    def _agents(self) -> bool:
        """Make one more pod ready, or gone; False when there is none."""
        for pod in self.all(core_v1.Pod):
            if pod.metadata.deletion_timestamp is not None and not pod.metadata.finalizers:
                self.remove(pod)
                return True
            if pod.status.phase in ("", "Pending") and pod.metadata.deletion_timestamp is None:
                self.ready(pod)
                return True
        return False

    def ready(self, pod: core_v1.Pod, ready: bool = True) -> None:
        """The agent says that the pod runs and is ready, or not."""
        pod = decode(core_v1.Pod, encode(pod))
        pod.spec.node_name = pod.spec.node_name or "n1"
        pod.status.phase = "Running"
        pod.status.conditions = [
            core_v1.PodCondition(
                type="Ready", status="True" if ready else "False", last_transition_time=rfc3339(self.now)
            )
        ]
        self.put(pod)

    # --- inside ---

    def _key(self, value: Any) -> tuple[type, str, str]:
        return type(value), value.metadata.namespace, value.metadata.name

    def _publish(self, value: Any, kind: ChangeType) -> None:
        meta = value.metadata
        if type(value) not in self.caches.kinds:
            return
        collection = collection_of(type(value))
        record = Record(
            collection, meta.namespace, meta.name, self.revision, meta.uid, encode(value), intern_labels(meta.labels)
        )
        self.caches.informer(type(value)).apply([Change(kind, record, None)])


def _merged(base: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    result = dict(base) if isinstance(base, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merged(result.get(key), value)
    return result


def template(image: str = "web:1", **labels: str) -> core_v1.PodTemplateSpec:
    """A template of one container."""
    return core_v1.PodTemplateSpec(
        metadata=meta_v1.ObjectMeta(labels=labels or {"app": "web"}),
        spec=core_v1.PodSpec(containers=[core_v1.Container(name="main", image=image)]),
    )


def deployment(replicas: int = 3, image: str = "web:1", **spec: Any) -> apps_v1.Deployment:
    """``default/web``."""
    return apps_v1.Deployment(
        metadata=meta_v1.ObjectMeta(name="web", namespace="default", generation=1),
        spec=apps_v1.DeploymentSpec(
            replicas=replicas,
            selector=meta_v1.LabelSelector(match_labels={"app": "web"}),
            template=template(image),
            **{"progress_deadline_seconds": 600, **spec},
        ),
    )
