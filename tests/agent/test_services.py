"""Services in pods' environment."""

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

from k3py.agent.environment import NodeFacts, Objects, environment
from k3py.agent.service_variables import LinkedService, linked, service_variables, visible
from k3py.agent.services import SERVICES_MAX, WATCHES_MAX, WatchedServices
from k3py.base.clock import LoopClock
from k3py.model.errors import Unavailable
from k3py.model.generated import core_v1, meta_v1
from k3py.model.generated.core_v1 import Pod, Service
from k3py.model.vpc_v1 import VPC_LABEL
from tests.agent.cluster import Cluster
from tests.agent.test_restarts import play
from tests.agent.world import World, container, pod, run


def service(name: str, ip: str = "10.43.0.9", space: str = "default", vpc: str = "", **ports: int) -> Service:
    made = Service(metadata=meta_v1.ObjectMeta(name=name, namespace=space))
    if vpc:
        made.metadata.labels = {VPC_LABEL: vpc}
    wanted = ports or {"": 80}
    made.spec.cluster_ip = ip
    made.spec.ports = [core_v1.ServicePort(name=each, port=port, protocol="TCP") for each, port in wanted.items()]
    return made


KUBERNETES = service("kubernetes", "10.43.0.1", https=443)


def shown(wanted: Pod, *services: Service) -> list[str]:
    found = [each for each in map(linked, services) if each is not None]
    return [f"{each.namespace}/{each.name}" for each in visible(wanted, found)]


def test_the_variables_are_kubelets() -> None:
    made = linked(service("redis-primary", "10.43.0.11", main=6379))
    assert isinstance(made, LinkedService)
    assert service_variables([made]) == {
        "REDIS_PRIMARY_SERVICE_HOST": "10.43.0.11",
        "REDIS_PRIMARY_SERVICE_PORT": "6379",
        "REDIS_PRIMARY_SERVICE_PORT_MAIN": "6379",
        "REDIS_PRIMARY_PORT": "tcp://10.43.0.11:6379",
        "REDIS_PRIMARY_PORT_6379_TCP": "tcp://10.43.0.11:6379",
        "REDIS_PRIMARY_PORT_6379_TCP_PROTO": "tcp",
        "REDIS_PRIMARY_PORT_6379_TCP_PORT": "6379",
        "REDIS_PRIMARY_PORT_6379_TCP_ADDR": "10.43.0.11",
    }
    six = linked(service("six", "fd00::1"))
    assert six is not None
    assert service_variables([six])["SIX_PORT"] == "tcp://[fd00::1]:80"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"host_network": True}, ["default/a", "default/kubernetes"]),
        ({"enable_service_links": True}, ["default/a", "default/kubernetes"]),
        ({"enable_service_links": False}, ["default/kubernetes"]),
        ({"vpc": "red"}, ["default/b", "default/kubernetes"]),
        ({"vpc": "red", "host_network": True}, ["default/a", "default/kubernetes"]),
        ({"vpc": "default"}, ["default/a", "default/kubernetes"]),
    ],
)
def test_which_services_a_pod_is_told_of(more: dict[str, Any], expected: list[str]) -> None:
    vpc = more.pop("vpc", "")
    wanted = pod("web", **{"host_network": False, **more})
    if vpc:
        wanted.metadata.labels = {VPC_LABEL: vpc}
    mine = [service("b", vpc="red"), service("a", vpc="default"), service("headless", "None"), service("external", "")]
    assert shown(wanted, KUBERNETES, *mine, service("other", space="shop")) == expected


def test_a_namespace_of_its_own_sees_the_api_and_its_own_services() -> None:
    wanted = pod("web")
    wanted.metadata.namespace = "shop"
    assert shown(wanted, KUBERNETES, service("a"), service("b", space="shop")) == ["shop/b", "default/kubernetes"]


def test_the_image_says_less_and_the_pod_says_more_than_services() -> None:
    web = container("web", env=[
        core_v1.EnvVar(name="URL", value="http://$(A_SERVICE_HOST)/"), core_v1.EnvVar(name="A_PORT", value="mine"),
    ])  # fmt: skip
    known = Objects(services={"A_SERVICE_HOST": "10.43.0.9", "A_PORT": "tcp://10.43.0.9:80"})
    found = environment(pod("web", web), web, ["A_SERVICE_HOST=image"], known, NodeFacts("n1"))
    assert (found["A_SERVICE_HOST"], found["A_PORT"], found["URL"]) == ("10.43.0.9", "mine", "http://10.43.0.9/")


def test_a_container_is_told_of_the_services_that_are_there_when_it_is_made(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.cluster.put(KUBERNETES)
        world.cluster.put(pod())
        await world.until(lambda: world.phase() == "Running")
        env = dict(world.containers()[0].config.env)
        assert (env["KUBERNETES_SERVICE_HOST"], env["KUBERNETES_SERVICE_PORT"]) == ("10.43.0.1", "443")
        world.cluster.put(service("late"))
        await asyncio.sleep(1)
        world.cluster.away = True
        (before,) = world.containers()
        await world.runtime.stop_container(before.status.id, 0)
        await world.until(lambda: len(world.containers()) == 2)
        assert dict(world.containers()[-1].config.env)["LATE_SERVICE_HOST"] == "10.43.0.9"
        # A new agent knows it too, without a server.
        world.kill()
        await world.runtime.stop_container(world.containers()[-1].status.id, 0)
        world.start()
        await world.until(lambda: world.containers()[-1].config.attempt == 2, 200)
        assert dict(world.containers()[-1].config.env)["LATE_SERVICE_HOST"] == "10.43.0.9"
        world.cluster.away = False
        world.cluster.ask_deletion()
        await world.until(lambda: world.phase() == "gone" and not world.files())

    play(tmp_path, story)


def test_without_a_server_nobody_guesses(tmp_path: Path) -> None:
    async def story() -> None:
        clock = LoopClock(asyncio.get_running_loop())
        cluster = Cluster(clock)
        cluster.away = True
        services = WatchedServices(cluster, clock, random.Random(1), tmp_path)
        with pytest.raises(Unavailable, match="services have not yet been read at least once"):
            await services.variables(pod(uid="u1"))
        await services.stop()

    run(story())


def test_more_namespaces_than_watches_and_the_bound_on_services(tmp_path: Path) -> None:
    async def story() -> None:
        clock = LoopClock(asyncio.get_running_loop())
        cluster = Cluster(clock)
        cluster.put(KUBERNETES)
        services = WatchedServices(cluster, clock, random.Random(1), tmp_path)
        for number in range(WATCHES_MAX + 3):
            space = f"n{number}"
            cluster.put(service("own", space=space))
            wanted = pod(uid=f"u{number}")
            wanted.metadata.namespace = space
            found = await services.variables(wanted)
            assert {"OWN_SERVICE_HOST", "KUBERNETES_SERVICE_HOST"} <= set(found)
        assert len(services._tasks) == WATCHES_MAX
        for number in range(WATCHES_MAX + 3):
            services.release(f"u{number}")
        await asyncio.sleep(0)
        assert not services._known
        assert list(tmp_path.glob("*/*")) == []
        for number in range(SERVICES_MAX + 5):
            cluster.put(service(f"s{number}", space="big"))
        wanted = pod(uid="u")
        wanted.metadata.namespace = "big"
        hosts = [each for each in await services.variables(wanted) if each.endswith("_SERVICE_HOST")]
        assert len(hosts) == SERVICES_MAX + 1
        await services.stop()

    run(story())
