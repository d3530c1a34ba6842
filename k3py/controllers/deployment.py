"""Deployment: replaces the pods of one template by those of another, a few at a time.

Each template has a ReplicaSet of its own (named by a hash of the template); a rollout moves replicas from the old sets
to the new one, a rollback is a template that has a set already. Behaviour, annotations, reasons and events are those
of Kubernetes' deployment controller, so that ``kubectl rollout`` works.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from k3py.controllers import deployment_status as progress
from k3py.controllers.actions import BACKGROUND, Action, Create, Delete, Report, Update, Wake, reference, target
from k3py.controllers.controller import Key, Reads, Turn, itself
from k3py.controllers.informer import Caches
from k3py.controllers.owners import BY_OWNER, by_owner, claim, controller_of, controller_uid, orphans_of
from k3py.controllers.pods import is_finished
from k3py.controllers.replica_sets import (
    HISTORY_DEFAULT,
    annotations_for,
    made_for,
    same_template,
    set_name,
    with_size,
)
from k3py.controllers.rollout import (
    DESIRED_REPLICAS,
    RECREATE,
    REVISION,
    Bounds,
    annotated,
    bounds,
    next_of_new,
    proportional,
    replicas_of,
    shrink_old,
)
from k3py.model.generated import apps_v1, core_v1, meta_v1
from k3py.model.selectors import from_struct

SCALING: Final = "ScalingReplicaSet"

Set = apps_v1.ReplicaSet


@dataclass(frozen=True)
class Seen:
    """What a turn sees of a Deployment's world.

    Attributes:
        sets: ReplicaSets it owns, and orphans of its namespace.
        pods: of its sets; only recreating looks at them.
        taken: a ReplicaSet of somebody else that has the name the new set would get, or None.
    """

    sets: Sequence[Set]
    pods: Sequence[core_v1.Pod] = ()
    taken: Set | None = None


def reconcile(wanted: apps_v1.Deployment, seen: Seen, now: float) -> list[Action]:
    """What to do about one Deployment; ``now`` in seconds since 1970."""
    selector = from_struct(wanted.spec.selector)
    owned, actions = claim(wanted, lambda meta: selector.matches(meta.labels), seen.sets)
    sets = sorted(owned, key=lambda each: (each.metadata.creation_timestamp, each.metadata.name))
    new = next((each for each in sets if same_template(each, wanted)), None)
    old = [each for each in sets if each is not new]
    turn = _Turn(wanted, new, old, seen, now)
    if wanted.metadata.deletion_timestamp is not None:
        return actions + turn.status()
    return actions + turn.act()


class _Turn:
    """One turn: a chain of small decisions over the same values. The first that finds something to do ends it, because
    what follows would be decided on counts that are about to change."""

    def __init__(self, wanted: apps_v1.Deployment, new: Set | None, old: Sequence[Set], seen: Seen, now: float) -> None:
        self.wanted = wanted
        self.new = new
        self.old = old
        self.sets = [*old, *([new] if new is not None else [])]
        self.seen = seen
        self.now = now
        self.limits: Bounds = bounds(wanted)
        self.recreate = wanted.spec.strategy.type == RECREATE
        self.conditions = list(wanted.status.conditions)
        self.collisions = wanted.status.collision_count

    def act(self) -> list[Action]:
        self._note_pause()
        stamped = self._stamp()
        if stamped:
            return stamped
        scaled = self._scale() if self.wanted.spec.paused or self._was_scaled() else []
        if self.wanted.spec.paused:
            return (scaled or self._forget_history()) + self.status()
        if scaled:
            return scaled + self.status()
        moved = self._recreate() if self.recreate else self._roll()
        if moved:
            return moved + self.status()
        return self._forget_history() + self.status()

    # --- revisions and annotations ---

    def _stamp(self) -> list[Action]:
        """Bring the new set's annotations, and the Deployment's revision, up to date."""
        if self.new is None:
            return []
        revision = max((annotated(each, REVISION) for each in self.old), default=0) + 1
        annotations = annotations_for(self.wanted, self.limits, revision, self.new)
        ready_seconds = self.wanted.spec.min_ready_seconds
        if annotations != self.new.metadata.annotations or self.new.spec.min_ready_seconds != ready_seconds:
            made = with_size(self.new, replicas_of(self.new), annotations)
            made.spec.min_ready_seconds = ready_seconds
            return [Update(made, f"annotations of revision {annotations[REVISION]}"), *self.status()]
        mine = self.wanted.metadata.annotations.get(REVISION, "")
        theirs = self.new.metadata.annotations.get(REVISION, "")
        if theirs and mine != theirs:
            metadata = msgspec.structs.replace(
                self.wanted.metadata, annotations={**self.wanted.metadata.annotations, REVISION: theirs}
            )
            return [Update(msgspec.structs.replace(self.wanted, metadata=metadata), f"revision {theirs} is rolled out")]
        if progress.find(self.conditions, progress.PROGRESSING) is None and progress.has_deadline(self.wanted):
            message = f'Found new replica set "{self.new.metadata.name}"'
            self.conditions = progress.with_condition(
                self.conditions, progress.PROGRESSING, "True", "FoundNewReplicaSet", message, self.now
            )
        return []

    def _note_pause(self) -> None:
        """While paused the deadline does not run; resuming starts it anew."""
        if not progress.has_deadline(self.wanted):
            return
        known = progress.find(self.conditions, progress.PROGRESSING)
        if known is not None and known.reason == progress.TIMED_OUT:
            return
        was_paused = known is not None and known.reason == progress.PAUSED
        if self.wanted.spec.paused and not was_paused:
            said = (progress.PAUSED, "Deployment is paused")
        elif not self.wanted.spec.paused and was_paused:
            said = (progress.RESUMED, "Deployment is resumed")
        else:
            return
        self.conditions = progress.with_condition(self.conditions, progress.PROGRESSING, "Unknown", *said, self.now)

    # --- the new set ---

    def _create(self) -> list[Action]:
        """Make the new set. Its name may belong to somebody else: then the hash is salted once more."""
        if self.seen.taken is not None:
            self.collisions = (self.collisions or 0) + 1
            return []
        size = next_of_new(self.limits, self.recreate, 0, sum(map(replicas_of, self.old)))
        revision = max((annotated(each, REVISION) for each in self.old), default=0) + 1
        made = made_for(self.wanted, size, annotations_for(self.wanted, self.limits, revision, None))
        name = made.metadata.name
        report = Report(
            reference(self.wanted),
            SCALING if size else "",
            f"Scaled up replica set {name} from 0 to {size}",
            "ReplicaSetCreateError",
            f'Failed to create new replica set "{name}": {{error}}',
        )
        if progress.has_deadline(self.wanted):
            message = f'Created new replica set "{name}"'
            self.conditions = progress.with_condition(
                self.conditions, progress.PROGRESSING, "True", "NewReplicaSetCreated", message, self.now
            )
        return [Create(made, f"no set has the template of revision {revision}", report)]

    # --- moving replicas ---

    def _roll(self) -> list[Action]:
        if self.new is None:
            return self._create()
        size = replicas_of(self.new)
        total = sum(map(replicas_of, self.sets))
        wanted_size = (
            self.limits.replicas if size > self.limits.replicas else next_of_new(self.limits, False, size, total)
        )
        if wanted_size != size:
            return [self._resize(self.new, wanted_size)]
        sizes = shrink_old(self.limits, self.new, [each for each in self.old if replicas_of(each)])
        return [self._resize(each, sizes[each.metadata.name]) for each in self.old if each.metadata.name in sizes]

    def _recreate(self) -> list[Action]:
        alive = [each for each in self.old if replicas_of(each)]
        if alive:
            return [self._resize(each, 0) for each in alive]
        old = {each.metadata.uid for each in self.old}
        if any(controller_uid(pod.metadata) in old and not is_finished(pod) for pod in self.seen.pods):
            return []
        if self.new is None:
            return self._create()
        if replicas_of(self.new) != self.limits.replicas:
            return [self._resize(self.new, self.limits.replicas)]
        return []

    def _was_scaled(self) -> bool:
        """The replicas asked for are no longer those that the alive sets were scaled for."""
        alive = [each for each in self.sets if replicas_of(each)]
        return any(
            DESIRED_REPLICAS in each.metadata.annotations and annotated(each, DESIRED_REPLICAS) != self.limits.replicas
            for each in alive
        )

    def _scale(self) -> list[Action]:
        alive = [each for each in self.sets if replicas_of(each)]
        if len(alive) <= 1:
            only = alive[0] if alive else self.new or (self.old[-1] if self.old else None)
            if only is None or (replicas_of(only) == self.limits.replicas and not self._outdated(only)):
                return []
            return [self._resize(only, self.limits.replicas)]
        if self.new is not None and self._saturated(self.new):
            return [self._resize(each, 0) for each in self.old if replicas_of(each)]
        if self.recreate:
            return []
        sizes = proportional(self.limits, alive, self.wanted.status.replicas)
        return [
            self._resize(each, sizes[each.metadata.name])
            for each in alive
            if sizes[each.metadata.name] != replicas_of(each) or self._outdated(each)
        ]

    def _outdated(self, each: Set) -> bool:
        return annotated(each, DESIRED_REPLICAS) != self.limits.replicas

    def _saturated(self, new: Set) -> bool:
        replicas = self.limits.replicas
        counts = (replicas_of(new), annotated(new, DESIRED_REPLICAS), new.status.available_replicas)
        return counts == (replicas,) * 3

    def _resize(self, each: Set, size: int) -> Action:
        before = replicas_of(each)
        annotations = annotations_for(self.wanted, self.limits, None, each)
        name = each.metadata.name
        direction = "up" if size > before else "down"
        message = f"Scaled {direction} replica set {name} from {before} to {size}"
        report = Report(reference(self.wanted), SCALING, message) if size != before else None
        return Update(with_size(each, size, annotations), f"scale {direction} from {before} to {size}", report=report)

    # --- the end of a turn ---

    def _forget_history(self) -> list[Action]:
        """Delete the oldest empty sets beyond ``revisionHistoryLimit``, once the rollout is through (or paused)."""
        counted = progress.counted(self.wanted, self.new, self.sets, [], self.now)
        if not self.wanted.spec.paused and not progress.complete(self.wanted, counted):
            return []
        limit = self.wanted.spec.revision_history_limit
        limit = HISTORY_DEFAULT if limit is None else limit
        kept = [each for each in self.old if each.metadata.deletion_timestamp is None]
        surplus = sorted(kept, key=lambda each: annotated(each, REVISION))[: max(0, len(kept) - limit)]
        return [
            Delete(target(each), f"{len(kept)} old sets, {limit} are kept", propagation=BACKGROUND)
            for each in surplus
            if replicas_of(each) == 0
            and each.status.replicas == 0
            and each.status.observed_generation >= each.metadata.generation
        ]

    def status(self) -> list[Action]:
        """Write the status if it says something new; wake when the deadline is due."""
        status = progress.counted(self.wanted, self.new, self.sets, self.conditions, self.now)
        status.collision_count = self.collisions
        if not self.wanted.spec.paused:
            status = progress.with_progress(self.wanted, self.new, self.sets, status, self.now)
        actions: list[Action] = []
        if status != self.wanted.status:
            why = f"{status.updated_replicas} updated, {status.available_replicas} of {self.limits.replicas} available"
            actions.append(Update(msgspec.structs.replace(self.wanted, status=status), why, "status"))
        left = progress.deadline_seconds_left(self.wanted, status.conditions, self.now)
        if left is not None:
            actions.append(Wake(max(left, 0.0) + 1, "the progress deadline ends"))
        return actions


def _owner_of_set(old: Set | None, new: Set | None, caches: Caches) -> Iterable[Key]:
    for each in (old, new):
        if each is None:
            continue
        owner = controller_of(each.metadata)
        if owner is not None:
            if owner.kind == "Deployment":
                yield each.metadata.namespace, owner.name
            continue
        for deployment in caches.list(apps_v1.Deployment, each.metadata.namespace):
            if from_struct(deployment.spec.selector).matches(each.metadata.labels):
                yield each.metadata.namespace, deployment.metadata.name


def _deployment_of_gone_pod(old: core_v1.Pod | None, new: core_v1.Pod | None, caches: Caches) -> Iterable[Key]:
    """Recreating waits until the old pods are gone; every other change of a pod shows in its set's status."""
    if old is None or (new is not None and not is_finished(new)):
        return
    owner: meta_v1.OwnerReference | None = controller_of(old.metadata)
    if owner is None or owner.kind != "ReplicaSet":
        return
    parent = caches.get(Set, old.metadata.namespace, owner.name)
    deployment = controller_of(parent.metadata) if parent is not None else None
    if deployment is not None and deployment.kind == "Deployment":
        yield old.metadata.namespace, deployment.name


class DeploymentController:
    """Looks at one Deployment at a time."""

    name = "deployment-controller"
    workers = 4
    reads = (
        Reads(apps_v1.Deployment, itself),
        Reads(Set, _owner_of_set, {BY_OWNER: by_owner}),
        Reads(core_v1.Pod, _deployment_of_gone_pod, {BY_OWNER: by_owner}),
    )
    writes = (apps_v1.Deployment, Set)

    def plan(self, key: Key, caches: Caches, turn: Turn) -> list[Action]:
        """Gather what ``reconcile`` wants to see."""
        wanted = caches.get(apps_v1.Deployment, *key)
        if wanted is None or not wanted.metadata.uid:
            return []
        owned = caches.by(Set, BY_OWNER, wanted.metadata.uid)
        orphans = caches.by(Set, BY_OWNER, orphans_of(key[0])).matching(from_struct(wanted.spec.selector).matches)
        pods = caches.by(core_v1.Pod, BY_OWNER, *(each.metadata.uid for each in owned))
        named = caches.get(Set, key[0], set_name(wanted))
        taken = named if named is not None and controller_uid(named.metadata) != wanted.metadata.uid else None
        if taken is not None and not controller_uid(taken.metadata) and same_template(taken, wanted):
            taken = None
        return reconcile(wanted, Seen([*owned, *orphans], pods, taken), turn.now)
