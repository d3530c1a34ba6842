"""``kubectl top`` of old and new, from what the agent measures."""

from typing import Any

import pytest

from tests.e2e.cluster import FOREVER, Cluster, is_running, pod, until

BUSY = "while :; do :; done"
RELEASES = ["1.29", "1.37"]
METRICS = "/apis/metrics.k8s.io/v1beta1"


def milli(cell: str) -> int:
    assert cell.endswith("m"), cell
    return int(cell[:-1])


def measured(cluster: Cluster, namespace: str, *names: str) -> dict[str, Any]:
    """The metrics of pods by name, once all of them have some."""

    def look() -> dict[str, Any] | None:
        listed = cluster.get(f"{METRICS}/namespaces/{namespace}/pods") or {"items": []}
        found = {each["metadata"]["name"]: each for each in listed["items"]}
        return found if set(names) <= set(found) else None

    return until(look, f"metrics of {names}")


@pytest.mark.parametrize("release", RELEASES)
def test_top_shows_who_works_and_who_sleeps(shared_cluster: Cluster, namespace: str, release: str) -> None:
    cluster = shared_cluster
    busy, idle = pod(namespace, "busy", BUSY), pod(namespace, "idle", FOREVER)
    busy["metadata"]["labels"], idle["metadata"]["labels"] = {"app": "busy"}, {"app": "idle"}
    cluster.apply(busy, idle)
    for name in ("busy", "idle"):
        cluster.until_pod(namespace, name, is_running, f"pod {name} is up")
    found = measured(cluster, namespace, "busy", "idle")
    assert found["busy"]["metadata"]["labels"] == {"app": "busy"}

    def top(*arguments: str) -> list[list[str]]:
        said = cluster.kubectl("-n", namespace, "top", *arguments, release=release)
        return [line.split() for line in said.splitlines()]

    header, *rows = top("pod", "--sort-by=cpu")
    assert header == ["NAME", "CPU(cores)", "MEMORY(bytes)"]
    assert [row[0] for row in rows] == ["busy", "idle"]
    assert milli(rows[0][1]) > milli(rows[1][1])
    header, *rows = top("pod", "--containers", "-l", "app=idle")
    assert (header[:2], [row[:2] for row in rows]) == (["POD", "NAME"], [["idle", "main"]])
    *_, total = top("pod", "-l", "app in (busy,idle)", "--sum")
    assert milli(total[0]) >= milli(rows[0][2])
    header, row = until(lambda: top("node"), "metrics of the node")
    assert (header[0], row[0]) == ("NAME", cluster.node)
    assert row[2].endswith("%")
    assert row[4].endswith("%")
    one = top("pod", "busy")
    assert one[1][0] == "busy"


def test_metrics_are_listed_as_tables(shared_cluster: Cluster, namespace: str) -> None:
    cluster = shared_cluster
    cluster.apply(pod(namespace, "idle", FOREVER))
    cluster.until_pod(namespace, "idle", is_running, "pod idle is up")
    measured(cluster, namespace, "idle")
    said = cluster.kubectl("-n", namespace, "get", "pods.metrics.k8s.io")
    assert [line.split()[0] for line in said.splitlines()] == ["NAME", "idle"]
    assert said.splitlines()[0].split() == ["NAME", "CPU", "MEMORY", "WINDOW"]
    missing = cluster.kubectl("-n", namespace, "top", "pod", "nobody", code=1)
    assert 'pods "nobody" not found' in missing.errors


def test_without_its_agent_a_node_has_no_metrics(cluster: Cluster) -> None:
    until(lambda: (cluster.get(f"{METRICS}/nodes") or {}).get("items"), "metrics of the node")
    cluster.kill9("agent")
    until(lambda: not cluster.get(f"{METRICS}/nodes")["items"], "no metrics of a node that is away")  # type: ignore[index]
    cluster.up()
    until(lambda: cluster.get(f"{METRICS}/nodes")["items"], "metrics again")  # type: ignore[index]
