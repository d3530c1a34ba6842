"""EndpointSlice: who stands behind a Service."""

from typing import Any

from k3py.controllers.endpointslice import ENDPOINTS_PER_SLICE_MAX, EndpointSliceController
from k3py.model.generated import core_v1, discovery_v1, meta_v1
from tests.controllers.toy import Toy

Slice, Pod, Service = discovery_v1.EndpointSlice, core_v1.Pod, core_v1.Service


def service(**spec: Any) -> Service:
    ports = [core_v1.ServicePort(name="http", port=80, target_port=8080, protocol="TCP")]
    return Service(
        metadata=meta_v1.ObjectMeta(name="web", namespace="default", labels={"team": "a"}),
        spec=core_v1.ServiceSpec(**{"selector": {"app": "web"}, "ports": ports, **spec}),
    )


def pod(name: str, address: str = "10.42.0.5", ready: bool = True, port: int = 8080, **meta: Any) -> Pod:
    container = core_v1.Container(name="main", ports=[core_v1.ContainerPort(name="web", container_port=port)])
    return Pod(
        metadata=meta_v1.ObjectMeta(**{"name": name, "namespace": "default", "labels": {"app": "web"}, **meta}),
        spec=core_v1.PodSpec(node_name="n1", containers=[container]),
        status=core_v1.PodStatus(
            phase="Running",
            pod_ip=address,
            conditions=[core_v1.PodCondition(type="Ready", status="True" if ready else "False")],
        ),
    )


def world(*objects: Any) -> Toy:
    toy = Toy(EndpointSliceController())
    for each in objects:
        toy.put(each)
    toy.settle()
    return toy


def conditions(toy: Toy) -> list[tuple[str, bool, bool, bool]]:
    return [
        (e.target_ref.name, e.conditions.ready, e.conditions.serving, e.conditions.terminating)
        for each in toy.all(Slice)
        for e in each.endpoints
    ]


def test_pods_that_are_selected_are_endpoints() -> None:
    zone = core_v1.Node(metadata=meta_v1.ObjectMeta(name="n1", labels={"topology.kubernetes.io/zone": "west"}))
    toy = world(zone, service(), pod("a"), pod("b", "10.42.0.6", ready=False), pod("c", labels={"app": "db"}))
    (made,) = toy.all(Slice)
    assert conditions(toy) == [("a", True, True, False), ("b", False, False, False)]
    assert made.metadata.labels == {
        "team": "a",
        "kubernetes.io/service-name": "web",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
    }
    assert made.metadata.owner_references[0].name == "web"
    assert made.address_type == "IPv4"
    assert [(p.name, p.port, p.protocol) for p in made.ports] == [("http", 8080, "TCP")]
    first = made.endpoints[0]
    assert (first.addresses, first.node_name, first.zone) == (["10.42.0.5"], "n1", "west")


def test_a_dying_pod_serves_but_is_not_ready() -> None:
    toy = world(service(), pod("a", deletion_timestamp="2026-01-01T00:00:00Z"))
    assert conditions(toy) == [("a", False, True, True)]


def test_not_ready_addresses_may_be_published() -> None:
    toy = world(service(publish_not_ready_addresses=True, cluster_ip="None"), pod("a", ready=False))
    assert conditions(toy) == [("a", True, False, False)]
    assert toy.all(Slice)[0].metadata.labels["service.kubernetes.io/headless"] == ""


def test_without_a_pod_there_is_one_empty_slice_and_it_is_filled_later() -> None:
    toy = world(service())
    (made,) = toy.all(Slice)
    assert made.endpoints == []
    toy.put(pod("a"))
    toy.settle()
    assert [each.metadata.name for each in toy.all(Slice)] == [made.metadata.name]
    assert [name for name, *_ in conditions(toy)] == ["a"]


def test_pods_without_address_or_that_finished_are_left_out() -> None:
    finished = pod("b")
    finished.status.phase = "Succeeded"
    toy = world(service(), pod("a", address=""), finished, pod("c", address="fd00::1"))
    assert conditions(toy) == []


def test_named_target_ports_are_resolved_per_pod() -> None:
    ports = [core_v1.ServicePort(name="http", port=80, target_port="web", protocol="TCP")]
    toy = world(service(ports=ports), pod("a", port=8080), pod("b", "10.42.0.6", port=9090))
    shown = sorted((each.ports[0].port, each.endpoints[0].target_ref.name) for each in toy.all(Slice))
    assert shown == [(8080, "a"), (9090, "b")]


def test_a_slice_holds_at_most_a_hundred_and_a_change_rewrites_one() -> None:
    count = 2 * ENDPOINTS_PER_SLICE_MAX + 1
    toy = world(service(), *(pod(f"p{n:03}", f"10.42.{n // 200}.{n % 200 + 1}") for n in range(count)))
    sizes = sorted(len(each.endpoints) for each in toy.all(Slice))
    assert sum(sizes) == count
    assert sizes[-1] <= ENDPOINTS_PER_SLICE_MAX
    before = {each.metadata.name: each.metadata.resource_version for each in toy.all(Slice)}
    toy.put(pod("p007", "10.42.0.8", ready=False))
    toy.settle()
    after = {each.metadata.name: each.metadata.resource_version for each in toy.all(Slice)}
    assert sum(before[name] != after[name] for name in before) == 1


def test_pods_that_go_leave_and_empty_slices_go_but_one() -> None:
    count = ENDPOINTS_PER_SLICE_MAX + 20
    toy = world(service(), *(pod(f"p{n:03}", f"10.42.0.{n + 1}") for n in range(count)))
    assert len(toy.all(Slice)) == 2
    for each in list(toy.all(Pod)):
        toy.remove(each)
    toy.settle()
    assert [len(each.endpoints) for each in toy.all(Slice)] == [0]


def test_a_service_without_selector_is_left_alone() -> None:
    assert world(service(selector={}), pod("a")).all(Slice) == []


def test_a_heartbeat_of_a_pod_wakes_nobody() -> None:
    toy = world(service(), pod("a"))
    before = len(toy.log)
    toy.change(Pod, "default", "a", {"metadata": {"annotations": {"x": "y"}}})
    assert not toy.dirty
    toy.settle()
    assert len(toy.log) == before


def in_vpc(made: Any, vpc: str) -> Any:
    made.metadata.labels["k3py.io/vpc"] = vpc
    return made


def test_only_pods_of_the_services_vpc_stand_behind_it() -> None:
    host = pod("host", "192.0.2.1")
    host.spec.host_network = True
    pods = [in_vpc(pod("a"), "red"), in_vpc(pod("b"), "blue"), pod("c"), host]
    red = world(in_vpc(service(), "red"), *pods)
    assert [name for name, *_ in conditions(red)] == ["a"]
    assert red.all(Slice)[0].metadata.labels["k3py.io/vpc"] == "red"
    assert [name for name, *_ in conditions(world(service(), *pods))] == ["c", "host"]


def dual(name: str, last: int) -> Pod:
    made = pod(name, f"10.42.0.{last}")
    made.status.pod_ips = [core_v1.PodIP(ip=f"10.42.0.{last}"), core_v1.PodIP(ip=f"fd6b:3370:1001::1:a2a:{last}")]
    return made


def by_family(toy: Toy) -> dict[str, list[str]]:
    return {each.address_type: [e.addresses[0] for e in each.endpoints] for each in toy.all(Slice)}


def test_a_service_of_two_families_has_slices_of_both() -> None:
    toy = world(service(ip_families=["IPv4", "IPv6"]), dual("a", 5), pod("b", "10.42.0.6"))
    assert by_family(toy) == {"IPv4": ["10.42.0.5", "10.42.0.6"], "IPv6": ["fd6b:3370:1001::1:a2a:5"]}
    toy.put(dual("b", 6))
    toy.settle()
    assert by_family(toy)["IPv6"] == ["fd6b:3370:1001::1:a2a:5", "fd6b:3370:1001::1:a2a:6"]
    toy.change(Service, "default", "web", {"spec": {"ipFamilies": ["IPv4"]}})
    toy.settle()
    assert by_family(toy) == {"IPv4": ["10.42.0.5", "10.42.0.6"]}


def test_each_family_without_pods_has_one_empty_slice() -> None:
    assert by_family(world(service(ip_families=["IPv4", "IPv6"]))) == {"IPv4": [], "IPv6": []}
