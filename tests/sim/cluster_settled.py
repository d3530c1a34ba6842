"""What a cluster that has settled looks like; what is missing is complained about."""

from typing import TYPE_CHECKING

from tests.sim.cluster_truth import Object, is_active, is_ready

if TYPE_CHECKING:
    from tests.sim.cluster import ClusterWorld


def complaints(cluster: "ClusterWorld") -> list[str]:
    """Everything that is not as it should be once nothing happens any more."""
    return [
        *_nodes(cluster), *_deployments(cluster), *_pods(cluster), *_owners(cluster), *_services(cluster),
        *_vpcs(cluster),
    ]  # fmt: skip


def _nodes(cluster: "ClusterWorld") -> list[str]:
    wrong = []
    nodes = {each["metadata"]["name"]: each for each in cluster.truth.all("nodes")}
    for name in cluster.hosts:
        node = nodes.get(name)
        if node is None:
            wrong.append(f"node {name} is not registered")
        elif not is_ready(node) or node["spec"].get("taints"):
            wrong.append(f"node {name} is not ready or tainted: {node['spec'].get('taints')}")
    return wrong


def _deployments(cluster: "ClusterWorld") -> list[str]:
    wrong = []
    for each in cluster.truth.all("deployments"):
        name, status, wanted = each["metadata"]["name"], each["status"], each["spec"]["replicas"]
        if "deletionTimestamp" in each["metadata"]:
            wrong.append(f"deployment {name} is still being deleted")
            continue
        counts = [status.get(c, 0) for c in ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")]
        if counts != [wanted] * 4 or status.get("observedGeneration") != each["metadata"]["generation"]:
            wrong.append(f"deployment {name} wants {wanted} and has {counts}")
    return wrong


def _pods(cluster: "ClusterWorld") -> list[str]:
    wrong = []
    pods = cluster.truth.all("pods")
    for pod in pods:
        if not is_active(pod) or not is_ready(pod):
            state = "ending" if not is_active(pod) else "not ready"
            wrong.append(f"pod {pod['metadata']['name']} on {pod['spec'].get('nodeName')} is {state}")
    there = {pod["metadata"]["uid"] for pod in pods}
    running = {uid for host in cluster.hosts.values() for uid in host.containers}
    if there != running:
        wrong.append(f"{len(running - there)} containers without a pod, {len(there - running)} pods without container")
    return wrong


def _owners(cluster: "ClusterWorld") -> list[str]:
    wrong = []
    for place, value in cluster.truth.objects.items():
        owners = value["metadata"].get("ownerReferences", ())
        if owners and all(cluster.truth.with_uid(each["uid"]) is None for each in owners):
            wrong.append(f"{place} is left, and its owners are gone")
        if place[0] == "namespaces" and "deletionTimestamp" in value["metadata"]:
            wrong.append(f"namespace {place[2]} is still being deleted")
    return wrong


def _services(cluster: "ClusterWorld") -> list[str]:
    wrong = []
    slices = cluster.truth.all("endpointslices")
    for service in cluster.truth.all("services"):
        meta = service["metadata"]
        shown = sorted(
            endpoint["targetRef"]["uid"]
            for each in slices
            if each["metadata"]["namespace"] == meta["namespace"]
            and each["metadata"]["labels"].get("kubernetes.io/service-name") == meta["name"]
            for endpoint in each["endpoints"] or ()
            if endpoint["conditions"]["ready"]
        )
        expected = sorted(p["metadata"]["uid"] for p in cluster.truth.all("pods") if _is_behind(p, service))
        if shown != expected:
            wrong.append(f"service {meta['name']} shows {len(shown)} endpoints of {len(expected)}")
    return wrong


def _vpcs(cluster: "ClusterWorld") -> list[str]:
    wrong = []
    pods = [each for each in cluster.truth.all("pods") if each["status"].get("podIP")]
    for each in cluster.truth.all("vpcs"):
        name, status = each["metadata"]["name"], each.get("status", {})
        if (status.get("phase"), bool(status.get("vpcID"))) != ("Active", True):
            wrong.append(f"VPC {name} is {status or 'without status'}")
        inside = [pod for pod in pods if pod["metadata"].get("labels", {}).get("k3py.io/vpc", "default") == name]
        if status.get("allocated", 0) != len(inside):
            wrong.append(f"VPC {name} counts {status.get('allocated', 0)} pods of {len(inside)}")
    return wrong


def _is_behind(pod: Object, service: Object) -> bool:
    selector = service["spec"].get("selector", {}).items()
    same = pod["metadata"]["namespace"] == service["metadata"]["namespace"]
    return same and selector <= pod["metadata"].get("labels", {}).items() and is_ready(pod)
