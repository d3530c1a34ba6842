"""``kubectl top``: what nodes say of themselves, put together; nodes that are away, and bounds."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.api.metrics import KEPT_SECONDS, NodeFigures
from k3py.api.metrics_objects import go_duration
from k3py.model.errors import Unavailable
from k3py.model.streams import (
    MESSAGE_BYTES_MAX,
    Channel,
    NodeStats,
    NodeUnreachable,
    StreamRequest,
    StreamReset,
    messages,
    status_message,
    success_status,
)
from k3py.model.usage import NODE_USAGE_BYTES_MAX, ContainerUsage, NodeUsage, PodUsage, Usage, encode_usage
from tests.api.test_pods import Stream
from tests.api.world import PODS, World, pod, run

NODES = "/apis/metrics.k8s.io/v1beta1/nodes"
POD_METRICS = "/apis/metrics.k8s.io/v1beta1/pods"
HERE = "/apis/metrics.k8s.io/v1beta1/namespaces/default/pods"
TABLE = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}


def usage(nanocores: int, kibibytes: int) -> Usage:
    return Usage(
        at=1_700_000_000.0, window_seconds=15.004, cpu_nanoseconds=1, cpu_nanocores=nanocores,
        memory_usage_bytes=kibibytes * 2048, working_set_bytes=kibibytes * 1024,
    )  # fmt: skip


def figures(world: "Figures", node: str) -> NodeUsage:
    return NodeUsage(usage=usage(1_500_000_000, 2048), pods=world.pods.get(node, []))


class Figures:
    """Nodes that answer what the test gave them."""

    def __init__(self) -> None:
        self.pods: dict[str, list[PodUsage]] = {}
        self.away: set[str] = set()
        self.asked: list[str] = []
        self.says: list[bytes | Exception] | None = None

    async def open(self, node: str, request: StreamRequest) -> Stream:
        assert request == NodeStats()
        self.asked.append(node)
        if node in self.away:
            raise NodeUnreachable(f'cannot reach node "{node}"')
        if self.says is not None:
            return Stream(*self.says)
        said = messages(Channel.STDOUT, encode_usage(figures(self, node)))
        return Stream(*said, status_message(success_status()))


async def make_pod(world: World, nodes: Figures, name: str, node: str, *used: Usage | None, **labels: str) -> None:
    body = pod(name, node)
    body["metadata"]["labels"] = labels
    _, made = await world.json("POST", PODS, body)
    containers = [ContainerUsage(name=f"c{i}", started_at=1.0, usage=each) for i, each in enumerate(used)]
    meta = made["metadata"]
    nodes.pods.setdefault(node, []).append(
        PodUsage(namespace="default", name=name, uid=meta["uid"], containers=containers)
    )


async def make_node(world: World, name: str, **labels: str) -> None:
    await world.json("POST", "/api/v1/nodes", {"metadata": {"name": name, "labels": labels}})


def names(body: dict[str, Any]) -> list[str]:
    return [each["metadata"]["name"] for each in body["items"]]


def test_metrics_of_pods_and_nodes_as_metrics_server_writes_them() -> None:
    nodes = Figures()

    async def story(world: World) -> None:
        await make_node(world, "n1", zone="a")
        await make_pod(world, nodes, "web", "n1", usage(250_000_000, 11_364), usage(1_234_567, 1), app="web")
        status, one = await world.json("GET", f"{HERE}/web")
        assert status == 200
        assert one["metadata"].pop("creationTimestamp")
        assert one == {
            "kind": "PodMetrics",
            "apiVersion": "metrics.k8s.io/v1beta1",
            "metadata": {"name": "web", "namespace": "default", "labels": {"app": "web"}},
            "timestamp": "2023-11-14T22:13:20Z",
            "window": "15.004s",
            "containers": [
                {"name": "c0", "usage": {"cpu": "250m", "memory": "11364Ki"}},
                {"name": "c1", "usage": {"cpu": "1234567n", "memory": "1Ki"}},
            ],
        }
        _, node = await world.json("GET", f"{NODES}/n1")
        assert (node["kind"], node["usage"], node["metadata"]["labels"]["zone"]) == (
            "NodeMetrics", {"cpu": "1500m", "memory": "2Mi"}, "a",
        )  # fmt: skip
        _, listed = await world.json("GET", NODES)
        assert (listed["kind"], listed["metadata"], names(listed)) == ("NodeMetricsList", {}, ["n1"])

    run(story, nodes)


def test_lists_are_of_a_namespace_or_all_and_follow_selectors() -> None:
    nodes = Figures()

    async def story(world: World) -> None:
        await make_pod(world, nodes, "a", "n1", usage(1, 1), app="x")
        await make_pod(world, nodes, "b", "n2", usage(1, 1), app="y")
        for query, expected in [
            ("", ["a", "b"]),
            ("?labelSelector=app%3Dx", ["a"]),
            ("?labelSelector=app+in+(x,y)", ["a", "b"]),
            ("?fieldSelector=metadata.name%3Db", ["b"]),
        ]:
            assert names((await world.json("GET", HERE + query))[1]) == expected, query
        assert names((await world.json("GET", POD_METRICS))[1]) == ["a", "b"]
        assert names((await world.json("GET", HERE.replace("default", "kube-system")))[1]) == []
        assert (await world.json("GET", f"{HERE}?fieldSelector=spec.nodeName%3Dn1"))[0] == 400
        assert (await world.json("GET", f"{HERE}?labelSelector=%21%21"))[0] == 400

    run(story, nodes)


def test_a_node_that_is_away_has_no_metrics_and_the_others_do() -> None:
    nodes = Figures()
    nodes.away = {"n2"}

    async def story(world: World) -> None:
        for name in ("n1", "n2"):
            await make_node(world, name)
        await make_pod(world, nodes, "a", "n1", usage(1, 1))
        await make_pod(world, nodes, "b", "n2", usage(1, 1))
        assert names((await world.json("GET", NODES))[1]) == ["n1"]
        assert names((await world.json("GET", HERE))[1]) == ["a"]
        status, body = await world.json("GET", f"{HERE}/b")
        assert (status, body["message"]) == (404, 'podmetrics.metrics.k8s.io "default/b" not found')
        status, body = await world.json("GET", f"{NODES}/n2")
        assert (status, body["message"]) == (404, 'nodemetrics.metrics.k8s.io "n2" not found')
        status, body = await world.json("GET", f"{HERE}/nobody")
        assert (status, body["message"]) == (404, 'pods "nobody" not found')

    run(story, nodes)


def test_half_known_pods_and_ended_ones_are_left_out() -> None:
    nodes = Figures()

    async def story(world: World) -> None:
        await make_pod(world, nodes, "half", "n1", usage(1, 1), None)
        await make_pod(world, nodes, "none", "n1")
        await make_pod(world, nodes, "ended", "n3", usage(1, 1))
        await world.json("POST", PODS, pod("unbound"))
        patch = {"content-type": "application/merge-patch+json"}
        await world.json("PATCH", f"{PODS}/ended/status", {"status": {"phase": "Succeeded"}}, headers=patch)
        assert names((await world.json("GET", HERE))[1]) == []
        assert nodes.asked == ["n1"], "nobody is asked for nothing"

    run(story, nodes)


def test_a_table_has_metrics_servers_columns() -> None:
    nodes = Figures()

    async def story(world: World) -> None:
        await make_pod(world, nodes, "web", "n1", usage(250_000_000, 1024), usage(250_000_000, 1024))
        _, table = await world.json("GET", HERE, headers=TABLE)
        assert [each["name"] for each in table["columnDefinitions"]] == ["Name", "cpu", "memory", "Window"]
        assert [each["cells"] for each in table["rows"]] == [["web", "500m", "2Mi", "15.004s"]]
        assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"

    run(story, nodes)


def test_metrics_can_only_be_read() -> None:
    async def story(world: World) -> None:
        for method, path in [
            ("POST", HERE),
            ("DELETE", f"{HERE}/a"),
            ("PUT", f"{NODES}/n"),
            ("GET", f"{HERE}?watch=1"),
        ]:
            assert (await world.json(method, path, {}))[0] == 405, (method, path)
        assert (await world.json("GET", HERE, token="nobody-special"))[0] == 403

    run(story, Figures())


def test_many_who_ask_at_once_ask_a_node_once() -> None:
    nodes = Figures()

    async def story() -> None:
        asked = NodeFigures(nodes)
        await asyncio.gather(*(asked.of("n1") for _ in range(20)))
        await asked.of("n1")
        assert nodes.asked == ["n1"]

    asyncio.run(story())
    assert KEPT_SECONDS < 15


TOO_MUCH = [bytes((Channel.STDOUT,)) + bytes(MESSAGE_BYTES_MAX - 1)] * (NODE_USAGE_BYTES_MAX // MESSAGE_BYTES_MAX + 2)


@pytest.mark.parametrize(
    "says",
    [
        [status_message(Unavailable("no").status())],
        [b"\x01nonsense", status_message(success_status())],
        [StreamReset("gone")],
        [],
        TOO_MUCH,
    ],
    ids=["refused", "nonsense", "reset", "silent", "too much"],
)
def test_a_node_that_answers_badly_has_no_figures(says: list[bytes | Exception]) -> None:
    nodes = Figures()
    nodes.says = says

    async def story() -> None:
        assert await NodeFigures(nodes).of("n1") is None

    asyncio.run(story())


DURATIONS = [(0.0, "0s"), (0.5, "500ms"), (15.0, "15s"), (15.0034, "15.003s"), (60.0, "1m0s"), (3661.5, "1h1m1.5s")]


@pytest.mark.parametrize(("seconds", "text"), DURATIONS)
def test_durations_are_gos(seconds: float, text: str) -> None:
    assert go_duration(seconds) == text


@given(st.floats(min_value=0, max_value=1e7))
def test_every_duration_has_a_unit(seconds: float) -> None:
    assert go_duration(seconds).endswith("s")
