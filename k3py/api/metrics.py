"""``metrics.k8s.io``: what nodes and pods use now, from the agents' own figures, asked for through their tunnels.

Nothing is stored and nothing is measured for nobody: a request asks the nodes that it is about, all at once, and a
node's answer serves the requests of the next seconds. A node that is away has no figures; the others answer for theirs.
"""

import asyncio
import logging
from collections.abc import Iterable
from typing import Final

import msgspec

from k3py.api.bridge import read_text
from k3py.api.http.messages import Request, Response
from k3py.api.lists import render_list
from k3py.api.metrics_objects import node_metrics, pod_metrics
from k3py.api.negotiation import wanted
from k3py.api.pods import NodeStreams
from k3py.api.reading import answer
from k3py.api.routing import Target
from k3py.api.selection import selection
from k3py.model.errors import Details, NotFound, Problem, not_found
from k3py.model.generated import core_v1
from k3py.model.kinds import KINDS
from k3py.model.metrics import GROUP, NodeMetrics, PodMetrics
from k3py.model.streams import NodeStats, StreamReset
from k3py.model.usage import NODE_USAGE_BYTES_MAX, NodeUsage, PodUsage, decode_usage
from k3py.objects.collections import collection_name
from k3py.objects.service import Objects
from k3py.store.records import Record

log = logging.getLogger(__name__)

# Agents sample every 15 seconds: asking them more often than this tells little, however many dashboards look on.
KEPT_SECONDS: Final = 5.0
# The tunnel waits two seconds for a node that is just connecting; an answer takes milliseconds.
ASK_SECONDS: Final = 5.0
# Nodes asked at a time: enough to hide the way to them, few enough to leave the server's other work its turns.
ASKED_AT_ONCE_MAX: Final = 64

Records = list[Record]
_ENDED: Final = ("Succeeded", "Failed")


class NodeFigures:
    """Asks nodes what they use, each at most once in ``KEPT_SECONDS``."""

    def __init__(self, nodes: NodeStreams) -> None:
        self._nodes = nodes
        self._asked: dict[str, asyncio.Task[NodeUsage | None]] = {}
        self._places = asyncio.Semaphore(ASKED_AT_ONCE_MAX)

    async def of(self, node: str) -> NodeUsage | None:
        """The node's figures; None when it is away or says nothing that can be understood."""
        task = self._asked.get(node)
        if task is None:
            loop = asyncio.get_running_loop()
            task = self._asked[node] = loop.create_task(self._ask(node), name=f"figures of node {node}")
            task.add_done_callback(lambda _: loop.call_later(KEPT_SECONDS, self._asked.pop, node, None))
        # Others wait for the same answer: one that gives up must not take it from them.
        return await asyncio.shield(task)

    async def of_all(self, nodes: Iterable[str]) -> dict[str, NodeUsage]:
        """The figures of those that have some."""
        names = list(nodes)
        found = await asyncio.gather(*(self.of(name) for name in names))
        return {name: usage for name, usage in zip(names, found, strict=True) if usage is not None}

    async def _ask(self, node: str) -> NodeUsage | None:
        try:
            async with self._places, asyncio.timeout(ASK_SECONDS):
                stream = await self._nodes.open(node, NodeStats())
                try:
                    return decode_usage(await read_text(stream, NODE_USAGE_BYTES_MAX))
                finally:
                    stream.reset("answered")
        except (Problem, StreamReset, ValueError, TimeoutError) as problem:
            log.debug("node %s has no figures now: %s", node, problem or "no answer in time")
            return None


class Metrics:
    """Serves NodeMetrics and PodMetrics, one or many, in every form that stored kinds have."""

    def __init__(self, objects: Objects, figures: NodeFigures) -> None:
        self._objects = objects
        self._figures = figures
        pods = KINDS.of(core_v1.Pod)
        self._node_field = list(pods.selectable).index("spec.nodeName")
        self._phase_field = list(pods.selectable).index("status.phase")

    async def get(self, request: Request, target: Target) -> Response:
        """One node's or pod's metrics.

        Raises:
            NotFound: there is no such node or pod, or it has no metrics now.
        """
        plural, name = target.kind.plural, target.name
        record = self._objects.store.get(plural, target.namespace, name)
        if record is None:
            raise not_found(plural, "", name)
        found = await self._made(target, [record])
        if not found:
            shown = f"{target.namespace}/{name}" if target.namespace else name
            resource = target.kind.name.lower()
            raise NotFound(f'{resource}.{GROUP} "{shown}" not found', Details(name=shown, group=GROUP, kind=resource))
        return answer(request, target.kind, found[0].raw, self._objects.clock.now)

    async def list(self, request: Request, target: Target) -> Response:
        """The metrics of all that the query selects and that have some, by namespace and name."""
        form, chosen = wanted(request, collection=True), selection(request.query, target.kind)
        listing = self._objects.store.list(target.kind.plural, target.namespace or None)
        found = await self._made(target, [each for each in listing if chosen.has(each)])
        return render_list(target.kind, found, {}, form, self._objects.clock.now())

    async def _made(self, target: Target, records: Records) -> Records:
        if target.kind.type is NodeMetrics:
            return await self._of_nodes(records)
        return await self._of_pods(records)

    async def _of_nodes(self, records: Records) -> Records:
        figures = await self._figures.of_all(each.name for each in records)
        now, made = self._objects.clock.now(), []
        for record in records:
            known = figures.get(record.name)
            if known is not None and known.usage is not None:
                made.append(_as_record(record, node_metrics(record.name, dict(record.labels), known.usage, now)))
        return made

    async def _of_pods(self, records: Records) -> Records:
        running = [each for each in records if each.fields[self._phase_field] not in _ENDED]
        nodes = {each.fields[self._node_field] for each in running} - {""}
        figures = await self._figures.of_all(sorted(nodes))
        by_uid: dict[str, PodUsage] = {pod.uid: pod for node in figures.values() for pod in node.pods}
        now, made = self._objects.clock.now(), []
        for record in running:
            metrics = pod_metrics(by_uid.get(record.uid), dict(record.labels), now)
            if metrics is not None:
                made.append(_as_record(record, metrics))
        return made


def _as_record(of: Record, metrics: NodeMetrics | PodMetrics) -> Record:
    """What is made, in the form in which stored objects are rendered."""
    kind = KINDS.of(type(metrics))
    return Record(collection_name(kind), of.namespace, of.name, 0, "", msgspec.json.encode(metrics), of.labels)
