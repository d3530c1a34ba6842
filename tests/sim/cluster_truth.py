"""What really is durable in a simulated cluster, seen at the log, and what must never be seen there."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import orjson

from k3py.controllers.rollout import bounds
from k3py.model.codec import decode
from k3py.model.generated import apps_v1
from k3py.store.keys import REGISTRY
from k3py.store.log import Put
from k3py.store.rows import read_record
from k3py.store.sealing import Sealer
from tests.sim.world import Violation

Object = dict[str, Any]
Place = tuple[str, str, str]
"""Collection, namespace, name."""

# A decision may rest on what was true this long ago: caches lag and messages travel.
LAG_SECONDS = 12.0
FINISHED = ("Succeeded", "Failed")
# As long as a number of a VPC rests, but for the moment between the note and the end.
VPC_REST_SECONDS = 270.0


class ClusterTruth:
    """The durable objects, and the safety rules that each batch is held against.

    ``room``: node -> (cpu in thousandths, pods). ``was_away(node)``: whether the node had an outage that justifies
    moving its pods. ``deleted_by_users``: uids.
    """

    def __init__(
        self,
        sealer: Sealer,
        now: Callable[[], float],
        room: dict[str, tuple[int, int]],
        was_away: Callable[[str], bool],
    ) -> None:
        self.objects: dict[Place, Object] = {}
        self.by_uid: dict[str, Place] = {}
        self.deleted_by_users: set[str] = set()
        self.batches: list[tuple[float, list[Place]]] = []
        self._sealer = sealer
        self._now = now
        self._room = room
        self._was_away = was_away
        self._sequence = 0
        self._released: dict[int, float] = {}
        self._sizes: dict[str, list[tuple[float, int]]] = defaultdict(list)

    # --- questions ---

    def all(self, collection: str) -> list[Object]:
        return [value for (each, _, _), value in self.objects.items() if each == collection]

    def with_uid(self, uid: str) -> Object | None:
        place = self.by_uid.get(uid)
        return self.objects.get(place) if place is not None else None

    def may_stop(self, uid: str) -> bool:
        """Whether somebody has asked for the end of this pod."""
        pod = self.with_uid(uid)
        return pod is None or "deletionTimestamp" in pod["metadata"]

    def writes_since(self, moment: float) -> list[Place]:
        """Places of all durable writes after a moment."""
        return [place for at, places in self.batches if at >= moment for place in places]

    # --- at the log ---

    def applied(self, rows: Iterable[Put], sequence: int) -> None:
        """A batch has become durable."""
        if sequence <= self._sequence:
            raise Violation(f"the batch of revision {sequence} comes after that of {self._sequence}")
        self._sequence = sequence
        changed: list[tuple[Place, Object | None, Object | None]] = []
        for key, value in rows:
            if not key.startswith(REGISTRY):
                continue
            new = None
            if value is None:
                parts = key.removeprefix(REGISTRY).decode().split("/")
                place: Place = (parts[0], parts[1] if len(parts) == 3 else "", parts[-1])
            else:
                record, _ = read_record(key, value, self._sealer)
                place, new = (record.collection, record.namespace, record.name), orjson.loads(record.raw)
            changed.append((place, self._put(place, new), new))
        self.batches.append((self._now(), [place for place, _, _ in changed]))
        for place, old, new in changed:
            self._check(place, old, new)

    def _put(self, place: Place, new: Object | None) -> Object | None:
        old = self.objects.pop(place, None)
        if old is not None:
            self.by_uid.pop(old["metadata"]["uid"], None)
        if new is not None:
            self.objects[place] = new
            self.by_uid[new["metadata"]["uid"]] = place
        return old

    # --- what must never be ---

    def _check(self, place: Place, old: Object | None, new: Object | None) -> None:
        collection, namespace, _ = place
        before = old
        if old is not None and new is not None:
            if int(new["metadata"]["resourceVersion"]) <= int(old["metadata"]["resourceVersion"]):
                raise Violation(f"the version of {place} falls")
            if old["metadata"]["uid"] != new["metadata"]["uid"]:
                old = None
        if collection == "namespaces" and new is None:
            left = [each for each in self.objects if each[1] == place[2] and each[0] != "events"]
            if left:
                raise Violation(f"namespace {place[2]} is gone, and {left} is in it")
        is_born = old is None and new is not None and namespace and collection != "events"
        if is_born and ("namespaces", "", namespace) not in self.objects:
            raise Violation(f"{place} is made in a namespace that is not there")
        if collection == "pods":
            self._check_pod(place, old, new)
        elif collection in ("deployments", "replicasets") and new is not None:
            self._check_size(collection, old, new)
        elif collection == "configmaps":
            self._check_collected(place, old, new)
        elif collection == "vpcs":
            self._check_vpc(place, before, new)

    def _check_vpc(self, place: Place, old: Object | None, new: Object | None) -> None:
        """A number is one VPC's as long as it lives, and nobody's for a while after; it goes when it is empty."""
        before = (old or {}).get("status", {}).get("vpcID", 0)
        if new is None:
            assert old is not None
            self._released[before] = self._now()
            inside = [each for each in (*self.all("services"), *self.all("pods")) if _vpc(each) == place[2]]
            if any(each["status"].get("phase") not in FINISHED for each in inside):
                raise Violation(f"VPC {place[2]} is gone, and {len(inside)} objects are in it")
            return
        number = new.get("status", {}).get("vpcID", 0)
        if before and number != before:
            raise Violation(f"VPC {place[2]} had number {before} and has {number}")
        if not number or before:
            return
        if len([each for each in self.all("vpcs") if each.get("status", {}).get("vpcID") == number]) > 1:
            raise Violation(f"number {number} is given to VPC {place[2]}, and another has it")
        if self._now() - self._released.get(number, -VPC_REST_SECONDS) < VPC_REST_SECONDS:
            raise Violation(f"number {number} is given to VPC {place[2]}, and another had it a moment ago")

    def _check_pod(self, place: Place, old: Object | None, new: Object | None) -> None:
        if new is None:
            return
        node = new["spec"].get("nodeName", "")
        before = old["spec"].get("nodeName", "") if old is not None else ""
        if before and node != before:
            raise Violation(f"{place} moves from {before} to {node}")
        if node and not before:
            self._check_room(place, node)
        if old is None:
            self._check_born(place, new)
        dies = "deletionTimestamp" in new["metadata"] and (old is None or "deletionTimestamp" not in old["metadata"])
        evicted = any(c.get("reason") == "DeletionByTaintManager" for c in new["status"].get("conditions", ()))
        by_user = new["metadata"]["uid"] in self.deleted_by_users
        if dies and evicted and not by_user and not self._was_away(node):
            raise Violation(f"{place} is evicted from {node}, which was never away")

    def _check_room(self, place: Place, node: str) -> None:
        pods = [
            pod
            for pod in self.all("pods")
            if pod["spec"].get("nodeName") == node and pod["status"].get("phase") not in FINISHED
        ]
        cpu, count = self._room[node]
        if len(pods) > count or sum(map(cpu_milli, pods)) > cpu:
            raise Violation(f"{place} is bound to {node}, where there is no room: {len(pods)} pods")
        ports = Counter(port for pod in pods for port in host_ports(pod))
        if any(times > 1 for times in ports.values()):
            raise Violation(f"{place} is bound to {node}, where its host port is taken")

    def _check_born(self, place: Place, new: Object) -> None:
        """A set has no more pods than it was recently asked for."""
        owner = manager(new)
        if owner is None or owner["kind"] != "ReplicaSet":
            return
        active = [pod for pod in self.all("pods") if is_active(pod) and (manager(pod) or {}).get("uid") == owner["uid"]]
        most = self._recent(owner["uid"])
        if len(active) > most:
            raise Violation(f"{place} is one of {len(active)} pods of {owner['name']}, which wants {most}")

    def _check_size(self, collection: str, old: Object | None, new: Object) -> None:
        uid = new["metadata"]["uid"]
        if collection == "deployments":
            wanted = decode(apps_v1.Deployment, orjson.dumps(new))
            self._note(uid, bounds(wanted).replicas + bounds(wanted).surge)
            return
        size = new["spec"]["replicas"]
        self._note(uid, size)
        owner = manager(new)
        if owner is None or (old is not None and old["spec"]["replicas"] >= size) or owner["uid"] not in self._sizes:
            return
        family = [each for each in self.all("replicasets") if (manager(each) or {}).get("uid") == owner["uid"]]
        total, most = sum(each["spec"]["replicas"] for each in family), self._recent(owner["uid"])
        if total > most:
            raise Violation(f"the sets of {owner['name']} want {total} pods, and it allows {most}")

    def _check_collected(self, place: Place, old: Object | None, new: Object | None) -> None:
        """A dependent goes only when its owner goes, or when a user or its namespace wants it."""
        if new is not None or old is None or old["metadata"]["uid"] in self.deleted_by_users:
            return
        namespace = self.objects.get(("namespaces", "", place[1]))
        if namespace is None or "deletionTimestamp" in namespace["metadata"]:
            return
        owners = [self.with_uid(each["uid"]) for each in old["metadata"].get("ownerReferences", ())]
        if not owners or any(each is not None and "deletionTimestamp" not in each["metadata"] for each in owners):
            raise Violation(f"{place} is deleted, and its owner is well")

    def _note(self, uid: str, size: int) -> None:
        sizes = self._sizes[uid]
        if not sizes or sizes[-1][1] != size:
            sizes.append((self._now(), size))

    def _recent(self, uid: str) -> int:
        """The largest size that was true at some time within the lag."""
        sizes, since = self._sizes[uid], self._now() - LAG_SECONDS
        recent = [
            size for index, (_, size) in enumerate(sizes) if index + 1 == len(sizes) or sizes[index + 1][0] >= since
        ]
        return max(recent, default=0)


def _vpc(value: Object) -> str:
    name: str = value["metadata"].get("labels", {}).get("k3py.io/vpc", "")
    return name


def manager(value: Object) -> Object | None:
    """The controlling owner reference."""
    return next((each for each in value["metadata"].get("ownerReferences", ()) if each.get("controller")), None)


def is_active(pod: Object) -> bool:
    return "deletionTimestamp" not in pod["metadata"] and pod["status"].get("phase") not in FINISHED


def is_ready(pod: Object) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", ()))


def cpu_milli(pod: Object) -> int:
    """The simulation asks for cpu in thousandths only."""
    return sum(
        int(container["resources"].get("requests", {}).get("cpu", "0m").removesuffix("m"))
        for container in pod["spec"]["containers"]
    )


def host_ports(pod: Object) -> list[int]:
    return [
        port["hostPort"]
        for container in pod["spec"]["containers"]
        for port in container.get("ports", ())
        if "hostPort" in port
    ]
