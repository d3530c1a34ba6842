"""Drives the planner by a text script, so that a whole conversation can be read like a story.

Lines that begin with ``>`` are said to the planner, ``#`` are remarks, everything else is what it answered:

    > node NAME [RESOURCE=AMOUNT ...] [label:KEY=VALUE] [taint:KEY=VALUE:EFFECT] [image:NAME] [unschedulable]
    > pod NAME [RESOURCE=AMOUNT ...] [owner=NAME] [port=[ADDRESS:]NUMBER[/PROTOCOL]] [priority=N] [on=NODE]
               [select:KEY=VALUE] [need:KEY=A|B] [like:WEIGHT:KEY=VALUE] [tolerate:KEY[=VALUE][:EFFECT]]
               [init:RESOURCE=AMOUNT] [sidecar:RESOURCE=AMOUNT] [overhead:RESOURCE=AMOUNT] [image:NAME] [node=NAME]
    > gone POD | > lost NODE | > plan
"""

import random
from collections.abc import Callable, Iterable

from k3py.model.generated import core_v1, meta_v1
from k3py.scheduler.nodes import Nodes
from k3py.scheduler.place import Bind, Placement, place
from k3py.scheduler.queue import SchedulingQueue
from k3py.scheduler.requests import request_of, taken_by

DEFAULT_NODE = {"cpu": "4", "memory": "8Gi", "pods": "110"}


class Planner:
    """The counts and the queue of a scheduler, without anything that acts."""

    def __init__(self) -> None:
        self.nodes = Nodes()
        self.queue = SchedulingQueue(random.Random(0))
        self.uids: dict[str, str] = {}

    def hear(self, line: str) -> list[str]:
        """One command; the lines of the answer."""
        verb, *words = line.split()
        answer: Callable[[list[str]], list[str]] = getattr(self, f"_{verb}")
        return answer(words)

    def _node(self, words: list[str]) -> list[str]:
        node = node_from(words)
        self.queue.node_improved(self.nodes.put_node(node))
        return []

    def _pod(self, words: list[str]) -> list[str]:
        pod, where = pod_from(words)
        self.uids[pod.metadata.name] = pod.metadata.uid
        if where:
            self.nodes.put_pod(pod.metadata.uid, taken_by(pod), where)
        else:
            self.queue.put(request_of(pod))
        return []

    def _gone(self, words: list[str]) -> list[str]:
        uid = self.uids.pop(words[0])
        self.queue.drop(uid)
        room = self.nodes.rooms.get(self.nodes.drop_pod(uid))
        if room is not None:
            self.queue.node_improved(room)
        return []

    def _lost(self, words: list[str]) -> list[str]:
        self.nodes.drop_node(words[0])
        return []

    def _plan(self, words: list[str]) -> list[str]:
        del words
        placements = place(self.queue.take(1000), self.nodes)
        for each in placements:
            if not isinstance(each, Bind):
                self.queue.wait(each.request, 0, each.reasons)
        return [told(each) for each in placements]


def told(placement: Placement) -> str:
    """One placement in one line."""
    name = placement.request.key[1]
    if isinstance(placement, Bind):
        parts = ", ".join(f"{part} {value}" for part, value in placement.score.items() if value)
        return f"bind {name} to {placement.node}: score {sum(placement.score.values())}: {parts}"
    return f"wait {name}: {placement.message}"


def converse(script: Iterable[str]) -> list[str]:
    """The script with the planner's answers in place of those that it has."""
    planner, lines = Planner(), []
    for line in script:
        if line.startswith(">"):
            lines += [line, *planner.hear(line[1:])]
        elif not line or line.startswith("#"):
            lines.append(line)
    return lines


def node_from(words: list[str]) -> core_v1.Node:
    name, *rest = words
    node = core_v1.Node(metadata=meta_v1.ObjectMeta(name=name))
    resources = dict(DEFAULT_NODE)
    for word in rest:
        what, _, value = word.partition(":") if ":" in word.partition("=")[0] else (word, "", "")
        if what == "label":
            node.metadata.labels.update([_pair(value)])
        elif what == "taint":
            pair, _, effect = value.rpartition(":")
            key, text = _pair(pair)
            node.spec.taints.append(core_v1.Taint(key=key, value=text, effect=effect))
        elif what == "image":
            node.status.images.append(core_v1.ContainerImage(names=[value]))
        elif what == "unschedulable":
            node.spec.unschedulable = True
        else:
            resources.update([_pair(word)])
    node.status.allocatable = dict(resources)
    return node


def pod_from(words: list[str]) -> tuple[core_v1.Pod, str]:
    """The pod, and the node it is on already."""
    name, *rest = words
    meta = meta_v1.ObjectMeta(name=name, namespace="default", uid=f"uid-{name}")
    main = core_v1.Container(name="main")
    pod = core_v1.Pod(metadata=meta, spec=core_v1.PodSpec(containers=[main]))
    where = ""
    for word in rest:
        what, colon, value = word.partition(":") if ":" in word.partition("=")[0] else (word, "", "")
        if colon:
            _special(pod, what, value)
            continue
        key, value = _pair(word)
        if key == "owner":
            meta.owner_references = [meta_v1.OwnerReference(uid=value, controller=True)]
        elif key == "port":
            main.ports.append(_port(value))
        elif key == "priority":
            pod.spec.priority = int(value)
        elif key == "on":
            where = value
        elif key == "node":
            pod.spec.node_name = value
        else:
            main.resources.requests[key] = value
    return pod, where


def _special(pod: core_v1.Pod, what: str, value: str) -> None:
    spec = pod.spec
    spec.affinity = spec.affinity or core_v1.Affinity(node_affinity=core_v1.NodeAffinity())
    affinity = spec.affinity.node_affinity
    assert affinity is not None
    if what == "select":
        spec.node_selector.update([_pair(value)])
    elif what == "need":
        affinity.required_during_scheduling_ignored_during_execution = core_v1.NodeSelector(
            node_selector_terms=[_term(value)]
        )
    elif what == "like":
        weight, _, pair = value.partition(":")
        affinity.preferred_during_scheduling_ignored_during_execution.append(
            core_v1.PreferredSchedulingTerm(weight=int(weight), preference=_term(pair))
        )
    elif what == "tolerate":
        pair, _, effect = value.partition(":")
        key, text = _pair(pair)
        operator = "Equal" if text else "Exists"
        spec.tolerations.append(core_v1.Toleration(key=key, operator=operator, value=text, effect=effect))
    elif what == "image":
        spec.containers[0].image = value
    elif what == "overhead":
        spec.overhead.update([_pair(value)])
    else:
        container = core_v1.Container(name="init")
        container.resources.requests.update([_pair(value)])
        container.restart_policy = "Always" if what == "sidecar" else None
        spec.init_containers.append(container)


def _term(pair: str) -> core_v1.NodeSelectorTerm:
    key, values = _pair(pair)
    wanted = core_v1.NodeSelectorRequirement(key=key, operator="In", values=values.split("|"))
    return core_v1.NodeSelectorTerm(match_expressions=[wanted])


def _port(value: str) -> core_v1.ContainerPort:
    address, _, rest = value.rpartition(":")
    number, _, protocol = rest.partition("/")
    return core_v1.ContainerPort(
        container_port=80, host_port=int(number), protocol=protocol.upper() or "TCP", host_ip=address
    )


def _pair(text: str) -> tuple[str, str]:
    key, _, value = text.partition("=")
    return key, value
