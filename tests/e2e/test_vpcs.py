"""What people see of VPCs that cannot take a pod: words, wherever they look."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.e2e.cluster import FOREVER, Cluster, Object, container_status, is_running, pod, until
from tests.e2e.network import VPC_GROUP, client, ready, service, space_in, vpc

LABEL = "k3py.io/vpc"
# Of a /28's 16 addresses, the first two and the last one are never given.
SMALL, SMALL_PODS = "10.51.0.0/28", 13
PODS = 20


@dataclass
class Place:
    """A VPC of the test's own, with the one namespace that it admits; both have one name."""

    cluster: Cluster
    name: str

    def refused(self, made: Object) -> str:
        """What the API says when it does not create this."""
        namespace, plural = made["metadata"].get("namespace"), f"{made['kind'].lower()}s"
        path = f"/api/v1/namespaces/{namespace}/{plural}" if namespace else f"/api/v1/{plural}"
        answer = self.cluster.api.post(path, json=made)
        assert answer.status_code == 403, answer.text
        return str(answer.json()["message"])

    def status(self) -> Object:
        """The VPC's status."""
        found = self.cluster.get(f"/apis/{VPC_GROUP}/vpcs/{self.name}")
        assert found is not None
        status: Object = found["status"]
        return status

    def event(self, reason: str) -> str:
        """The message of an event about anything in the namespace; empty when there is none."""
        listed = self.cluster.get(f"/api/v1/namespaces/{self.name}/events") or {"items": []}
        return next((each["message"] for each in listed["items"] if each["reason"] == reason), "")


def remove(cluster: Cluster, name: str) -> None:
    for kind in ("namespace", "vpc"):
        cluster.kubectl("delete", kind, name, "--ignore-not-found", "--timeout=40s", seconds=60)


@pytest.fixture
def place(shared_cluster: Cluster, namespace: str) -> Iterator[Place]:
    """An ordinary VPC."""
    made = Place(shared_cluster, f"vpc-{namespace}")
    shared_cluster.apply(vpc(made.name, made.name), space_in(made.name, made.name))
    yield made
    remove(shared_cluster, made.name)


@pytest.fixture
def small(shared_cluster: Cluster, namespace: str) -> Iterator[Place]:
    """The smallest VPC there can be."""
    made = Place(shared_cluster, f"small-{namespace}")
    shared_cluster.apply(vpc(made.name, made.name, cidr=SMALL), space_in(made.name, made.name))
    yield made
    remove(shared_cluster, made.name)


def test_a_full_vpc(small: Place) -> None:
    cluster, names = small.cluster, [f"pod-{number}" for number in range(PODS)]
    cluster.apply(*(pod(small.name, name, "exec sleep 1000", hostNetwork=False) for name in names))

    def running() -> list[str]:
        return [each["metadata"]["name"] for each in cluster.pods(small.name) if is_running(each)]

    try:
        until(lambda: len(running()) == SMALL_PODS, "as many run as there are addresses")
    except AssertionError as error:
        raise AssertionError(f"{error}; they are {running()}") from None
    waiting = sorted(set(names) - set(running()))
    full = f'VPC "{small.name}" is full'
    for name in waiting:
        until(lambda: full in cluster.kubectl("-n", small.name, "describe", "pod", name), "why it waits")  # noqa: B023
    assert len(running()) == SMALL_PODS
    addresses = {each["status"]["podIP"] for each in cluster.pods(small.name) if is_running(each)}
    assert addresses == {f"10.51.0.{last}" for last in range(2, 15)}
    until(lambda: small.status().get("allocated") == SMALL_PODS, "it says how many pods it has")
    assert small.status()["capacity"] == SMALL_PODS
    # Room for those that wait.
    cluster.kubectl("-n", small.name, "delete", "pod", *running()[: len(waiting)])
    until(lambda: set(waiting) <= set(running()), "they run as soon as others have gone")


def test_a_vpc_that_is_not_there(place: Place, namespace: str) -> None:
    lost = client(namespace, "lost")
    lost["metadata"]["labels"] = {LABEL: "nowhere"}
    assert 'VPC "nowhere" not found' in place.refused(lost)
    assert 'VPC "nowhere" not found' in place.refused(space_in("lost", "nowhere"))


def test_a_namespace_that_is_not_admitted(place: Place, namespace: str) -> None:
    stranger = client(namespace, "stranger")
    stranger["metadata"]["labels"] = {LABEL: place.name}
    for said in (place.refused(stranger), place.refused(space_in("stranger", place.name))):
        assert f'VPC "{place.name}"' in said
        assert "admit" in said or "spec.allowedNamespaces" in said
    moved = place.cluster.kubectl("label", "namespace", namespace, f"{LABEL}={place.name}", code=1)
    assert f'VPC "{place.name}"' in moved.errors


def test_a_vpc_that_is_deleted_waits_and_says_for_what(place: Place) -> None:
    cluster = place.cluster
    cluster.apply(client(place.name, "last"), service(place.name))
    ready(cluster, place.name, "last")
    cluster.kubectl("delete", "vpc", place.name, "--wait=false")
    until(lambda: place.status().get("phase") == "Terminating", "it is being deleted")
    wanted = f"waits for 1 pod ({place.name}/last), 1 service ({place.name}/web)"
    until(lambda: wanted in str(place.status().get("conditions")), "it says what it waits for")
    assert wanted in cluster.kubectl("describe", "vpc", place.name)
    # Nobody new gets in, and who wanted to is told.
    assert f'VPC "{place.name}" is being deleted' in place.refused(client(place.name, "late"))
    cluster.apply(deployment(place.name))
    until(lambda: f'VPC "{place.name}" is being deleted' in place.event("FailedCreate"), "the ReplicaSet is told")
    # What runs goes on.
    assert container_status(cluster.pod(place.name, "last") or {})["ready"]
    cluster.kubectl("-n", place.name, "delete", "deployment", "late")
    cluster.kubectl("-n", place.name, "delete", "pod,service", "--all")
    until(lambda: cluster.get(f"/apis/{VPC_GROUP}/vpcs/{place.name}") is None, "it is gone")
    blocks = cluster.get(f"/apis/{VPC_GROUP}/vpcblocks")
    assert blocks is not None
    assert not [each for each in blocks["items"] if each["spec"]["vpc"] == place.name]


def deployment(namespace: str) -> Object:
    """One replica that sleeps."""
    labels = {"app": "late"}
    template = {"metadata": {"labels": labels}, "spec": pod(namespace, "late", FOREVER, hostNetwork=False)["spec"]}
    del template["spec"]["terminationGracePeriodSeconds"]
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "late", "namespace": namespace},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
    }  # fmt: skip
