"""What tests of the network put into a cluster, and how they look at what the kernel has of it."""

import json
import re
import struct
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from k3py.vpc.bpf import kernel
from k3py.vpc.bpf.errors import BpfError
from k3py.vpc.bpf.links import Link
from tests.e2e import inventory
from tests.e2e.cluster import FOREVER, Cluster, Host, Object, is_ready, pod

WEB_PORT = 8080
VPC_GROUP = "vpc.k3py.io/v1"
# struct bpf_link_info: type, the link's id, its program's.
LINK_INFO_BYTES = 24


def web(namespace: str, name: str, says: str, **labels: str) -> Object:
    """A pod that answers every request with ``says`` and a line for its visitor's address in its log."""
    script = f"mkdir /www; echo {says} > /www/index.html; exec httpd -f -vv -p {WEB_PORT} -h /www"
    probe = {"httpGet": {"path": "/", "port": WEB_PORT}, "periodSeconds": 1}
    made = pod(namespace, name, script, hostNetwork=False, readinessProbe=probe)
    made["metadata"]["labels"] = {"app": "web", **labels}
    return made


def client(namespace: str, name: str = "client") -> Object:
    return pod(namespace, name, FOREVER, hostNetwork=False)


def service(namespace: str, name: str = "web", **spec: object) -> Object:
    ports = [{"name": "http", "port": 80, "targetPort": WEB_PORT}]
    return {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"app": "web"}, "ports": ports, **spec},
    }  # fmt: skip


def vpc(name: str, *namespaces: str, cidr: str = "10.50.0.0/16", **spec: object) -> Object:
    names = {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": [*namespaces]}]}
    return {
        "apiVersion": VPC_GROUP, "kind": "VPC", "metadata": {"name": name},
        "spec": {"cidr": cidr, "allowedNamespaces": names, **spec},
    }  # fmt: skip


def space_in(name: str, vpc: str) -> Object:
    """A namespace whose pods are in a VPC."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"k3py.io/vpc": vpc}}}


def ready(cluster: Cluster, namespace: str, *names: str) -> list[str]:
    """Wait for the pods; their addresses."""
    return [cluster.until_pod(namespace, each, is_ready, f"{each} is ready")["status"]["podIP"] for each in names]


def cluster_ip(cluster: Cluster, namespace: str, name: str = "web") -> str:
    found = cluster.get(f"/api/v1/namespaces/{namespace}/services/{name}")
    assert found is not None
    return str(found["spec"]["clusterIP"])


@dataclass(frozen=True)
class InKernel:
    """What the kernel has of one cluster's network. All of it outlives the daemons."""

    links: frozenset[tuple[str, int]]
    programs: frozenset[tuple[str, int]]
    routes: frozenset[str]
    rules: str
    pins: frozenset[str]


def in_kernel(host: Host) -> InKernel:
    """As it is now."""
    return host.place.inside(lambda: _in_kernel(host))


def _in_kernel(host: Host) -> InKernel:
    mine, instance = inventory.link_prefix(host.paths), host.paths.instance_id
    listed = json.loads(_said("ip", "-j", "link"))
    pins = [each for each in inventory.on_host().pins if f"k3py-{instance}" in each]
    tables = [each for each in _said("nft", "list", "tables").splitlines() if instance in each]
    return InKernel(
        links=frozenset((each["ifname"], each["ifindex"]) for each in listed if each["ifname"].startswith(mine)),
        programs=frozenset((each, number) for each in pins if (number := _program(each))),
        routes=inventory.of_cluster(host.root).routes,
        rules="".join(_said("nft", "list", *each.split()) for each in tables),
        pins=frozenset(pins),
    )


def differences(before: InKernel, now: InKernel) -> str:
    """What of it is there no more, or new; empty when nothing is."""
    found = []
    for name in ("links", "programs", "routes", "pins"):
        old, new = getattr(before, name), getattr(now, name)
        found += [f"{name} gone: {sorted(old - new)}"] if old - new else []
        found += [f"{name} new: {sorted(new - old)}"] if new - old else []
    if before.rules != now.rules:
        found.append(f"rules were\n{before.rules}\nand are\n{now.rules}")
    return "\n".join(found)


def allocations(host: Host) -> dict[str, str]:
    """Uid -> address of the pods that the VPC daemon has."""
    said = json.loads(host.k3py("vpc", "counters", "-o", "json"))
    return {each["podUid"]: each["ipv4"] for each in said}


def _program(pin: str) -> int:
    """The id of the program that is attached by a pod's link pinned there; 0 when it is no such link."""
    if not re.search(r"/pods/[^/]+/(from_pod|to_pod)$", pin):
        return 0
    try:
        with Link.open(Path(pin)) as link:
            _, _, program = struct.unpack_from("<III", kernel.info(link.descriptor, LINK_INFO_BYTES))
    except BpfError:
        return 0  # it went meanwhile
    return int(program)


def _said(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def differs_from(before: InKernel, host: Host) -> Callable[[], bool]:
    """Whether the kernel has all again as it was, for ``until``."""
    return lambda: not differences(before, in_kernel(host))
