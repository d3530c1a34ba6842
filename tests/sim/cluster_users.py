"""Users who change their minds all the time."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from k3py.model import vpc_v1
from k3py.model.errors import NotFound, Problem
from k3py.model.generated import apps_v1, core_v1, meta_v1
from k3py.model.kinds import KINDS
from k3py.model.struct import Wire
from k3py.model.user import MASTERS, User
from k3py.objects.options import Patch, PatchType, WriteOptions
from tests.sim.world import Lost, Violation

if TYPE_CHECKING:
    from tests.sim.cluster import ClusterWorld, Server

ADMIN = User("admin", (MASTERS,))
NAMESPACES = ("default", "kube-node-lease", "kube-system")
SPACES = ("default", "shop")
DEPLOYMENTS = ("web", "db", "port")
VPCS = ("red", "green", "blue")
CPU_MILLI = 250
# In peace all must fit, with a surge of one each: on five nodes five pods can have the host port.
PEACE_REPLICAS = {"web": 2, "db": 2, "port": 1}
NO_EXECUTE_SECONDS = 8
INSIST_SECONDS = 60.0
# A write makes an overtaken leader notice: users rarely ask one, so that agents have the time to meet it.
STALE_ASKED = 0.1


class Users:
    """Do something every moment while there is chaos, then ask for what must settle."""

    def __init__(self, cluster: "ClusterWorld") -> None:
        self._cluster = cluster
        self._world = cluster.world
        self._random = cluster.world.random
        self._images = 0
        self.done = 0

    async def run(self) -> None:
        """Chaos."""
        acts: list[Callable[[Server], Awaitable[None]]] = [
            self._deploy, self._deploy, self._scale, self._scale, self._set_image, self._set_image, self._undo,
            self._pause, self._delete_pod, self._delete_deployment, self._cordon, self._namespace, self._service,
            self._relabel, self._owned, self._owned, self._delete_owner, self._delete_owner, self._vpc, self._vpc,
            self._vpc_service,
        ]  # fmt: skip
        while True:
            await asyncio.sleep(self._random.uniform(0.05, 0.8))
            server = self._cluster.some_server(STALE_ASKED)
            if server is None or not self._cluster.chaos:
                continue
            try:
                await self._random.choice(acts)(server)
                self.done += 1
            except (Lost, Problem):
                continue

    async def make_peace(self) -> None:
        """What must come true: everything is asked for until it is acknowledged."""
        for deployment in self._cluster.truth.all("deployments"):
            meta = deployment["metadata"]
            body = {"spec": {"replicas": PEACE_REPLICAS[meta["name"]], "paused": False}}
            await self._insist(
                lambda server, m=meta, b=body: self._patch(server, apps_v1.Deployment, m["namespace"], m["name"], b)
            )
        for pod in self._cluster.truth.all("pods"):
            if not pod["metadata"].get("ownerReferences"):
                await self._insist(lambda server, p=pod: self._delete(server, core_v1.Pod, p))
        for service in self._cluster.truth.all("services"):
            if service["metadata"]["name"] in VPCS:
                await self._insist(lambda server, s=service: self._delete(server, core_v1.Service, s))
        for node in self._cluster.truth.all("nodes"):
            name = node["metadata"]["name"]
            body = {"spec": {"unschedulable": False}}
            await self._insist(lambda server, n=name, b=body: self._patch(server, core_v1.Node, "", n, b))

    async def _insist(self, act: "Callable[[Server], Awaitable[None]]") -> None:
        until = self._world.loop.time() + INSIST_SECONDS
        while self._world.loop.time() < until:
            server = self._cluster.some_server()
            try:
                if server is not None:
                    await act(server)
                    return
            except NotFound:
                return
            except (Lost, Problem):
                pass
            await asyncio.sleep(0.5)
        raise Violation("nobody does what users ask for in fair weather")

    # --- what they do ---

    async def _deploy(self, server: "Server") -> None:
        name = self._random.choice(DEPLOYMENTS)
        await self._create(server, self._deployment(self._random.choice(SPACES), name))

    async def _scale(self, server: "Server") -> None:
        space, name = self._some_deployment()
        await self._patch(server, apps_v1.Deployment, space, name, {"spec": {"replicas": self._random.randint(0, 4)}})

    async def _set_image(self, server: "Server") -> None:
        self._images += 1
        await self._image(server, f"image:{self._images}")

    async def _undo(self, server: "Server") -> None:
        await self._image(server, f"image:{self._random.randint(0, self._images)}")

    async def _image(self, server: "Server", image: str) -> None:
        space, name = self._some_deployment()
        containers = [{"name": "main", "image": image}]
        body = {"spec": {"template": {"spec": {"containers": containers}}}}
        await self._patch(server, apps_v1.Deployment, space, name, body, PatchType.STRATEGIC)

    async def _pause(self, server: "Server") -> None:
        space, name = self._some_deployment()
        body = {"spec": {"paused": self._random.random() < 0.5}}
        await self._patch(server, apps_v1.Deployment, space, name, body)

    async def _delete_pod(self, server: "Server") -> None:
        pods = self._cluster.truth.all("pods")
        if pods:
            await self._delete(server, core_v1.Pod, self._random.choice(pods))

    async def _relabel(self, server: "Server") -> None:
        """A pod is taken out of its set, to be looked at; later it is deleted."""
        pods = self._cluster.truth.all("pods")
        if pods:
            pod = self._random.choice(pods)["metadata"]
            body = {"metadata": {"labels": {"app": "debug"}}}
            await self._patch(server, core_v1.Pod, pod["namespace"], pod["name"], body)

    async def _delete_deployment(self, server: "Server") -> None:
        deployments = self._cluster.truth.all("deployments")
        if deployments:
            policy = self._random.choice(("Background", "Foreground"))
            await self._delete(server, apps_v1.Deployment, self._random.choice(deployments), policy)

    async def _owned(self, server: "Server") -> None:
        """An object that belongs to another; now and then the owner is a new one of an old name."""
        space, name = self._random.choice(SPACES), f"owner-{self._random.randint(0, 2)}"
        owner: Any = core_v1.ConfigMap(metadata=meta_v1.ObjectMeta(name=name, namespace=space))
        with contextlib.suppress(Problem):
            await self._create(server, owner)
        known = server.objects.read(core_v1.ConfigMap, space, name)
        reference = meta_v1.OwnerReference(api_version="v1", kind="ConfigMap", name=name, uid=known.metadata.uid)
        child = core_v1.ConfigMap(
            metadata=meta_v1.ObjectMeta(generate_name="child-", namespace=space, owner_references=[reference])
        )
        await self._create(server, child)

    async def _delete_owner(self, server: "Server") -> None:
        maps = self._cluster.truth.all("configmaps")
        owners = [each for each in maps if each["metadata"]["name"].startswith("owner-")]
        if owners:
            owner = self._random.choice(owners)
            await self._delete(server, core_v1.ConfigMap, owner)
            if self._random.random() < 0.7:  # another of the same name
                meta = meta_v1.ObjectMeta(name=owner["metadata"]["name"], namespace=owner["metadata"]["namespace"])
                await self._create(server, core_v1.ConfigMap(metadata=meta))

    async def _cordon(self, server: "Server") -> None:
        name = self._random.choice(list(self._cluster.hosts))
        await self._patch(server, core_v1.Node, "", name, {"spec": {"unschedulable": self._random.random() < 0.5}})

    async def _namespace(self, server: "Server") -> None:
        spaces = [each for each in self._cluster.truth.all("namespaces") if each["metadata"]["name"] == "shop"]
        if not spaces:
            await self._create(server, core_v1.Namespace(metadata=meta_v1.ObjectMeta(name="shop")))
        elif self._random.random() < 0.3:
            await self._delete(server, core_v1.Namespace, spaces[0])

    async def _service(self, server: "Server") -> None:
        name, space = self._random.choice(DEPLOYMENTS), self._random.choice(SPACES)
        ports = [core_v1.ServicePort(port=80, target_port=8080)]
        spec = core_v1.ServiceSpec(selector={"app": name}, ports=ports, cluster_ip="None")
        meta = meta_v1.ObjectMeta(name=name, namespace=space)
        await self._create(server, core_v1.Service(metadata=meta, spec=spec))

    async def _vpc(self, server: "Server") -> None:
        """VPCs come, several at once, and go."""
        name = self._random.choice(VPCS)
        known = {each["metadata"]["name"]: each for each in self._cluster.truth.all("vpcs")}
        if name in known:
            await self._delete(server, vpc_v1.VPC, known[name])
            return
        spec = vpc_v1.VPCSpec(cidr="10.0.0.0/16", allowed_namespaces=meta_v1.LabelSelector())
        made = [vpc_v1.VPC(metadata=meta_v1.ObjectMeta(name=each), spec=spec) for each in VPCS if each not in known]
        await asyncio.gather(*(self._create(server, each) for each in made))

    async def _vpc_service(self, server: "Server") -> None:
        """Something keeps a VPC, for a while."""
        name = self._random.choice(VPCS)
        known = [each for each in self._cluster.truth.all("services") if each["metadata"]["name"] == name]
        if known:
            await self._delete(server, core_v1.Service, known[0])
        else:
            meta = meta_v1.ObjectMeta(name=name, namespace="default", labels={vpc_v1.VPC_LABEL: name})
            await self._create(server, core_v1.Service(metadata=meta, spec=core_v1.ServiceSpec(cluster_ip="None")))

    # --- how they ask ---

    def _some_deployment(self) -> tuple[str, str]:
        return self._random.choice(SPACES), self._random.choice(DEPLOYMENTS)

    def _deployment(self, space: str, name: str) -> apps_v1.Deployment:
        container = core_v1.Container(name="main", image="image:0")
        container.resources.requests = {"cpu": f"{CPU_MILLI}m"}
        if name == "port":
            container.ports = [core_v1.ContainerPort(container_port=80, host_port=8080)]
        tolerations = [
            core_v1.Toleration(key=f"node.kubernetes.io/{key}", operator="Exists", effect="NoExecute",
                               toleration_seconds=NO_EXECUTE_SECONDS)
            for key in ("not-ready", "unreachable")
        ]  # fmt: skip
        recreate = name == "db"
        return apps_v1.Deployment(
            metadata=meta_v1.ObjectMeta(name=name, namespace=space),
            spec=apps_v1.DeploymentSpec(
                replicas=self._random.randint(1, 4),
                selector=meta_v1.LabelSelector(match_labels={"app": name}),
                strategy=apps_v1.DeploymentStrategy(type="Recreate" if recreate else "RollingUpdate"),
                revision_history_limit=2,
                template=core_v1.PodTemplateSpec(
                    metadata=meta_v1.ObjectMeta(labels={"app": name}),
                    spec=core_v1.PodSpec(containers=[container], tolerations=tolerations),
                ),
            ),
        )

    async def _create(self, server: "Server", made: Any) -> None:
        kind = KINDS.of(type(made))
        await self._world.call(
            server, lambda: server.objects.create(kind, made.metadata.namespace, made, WriteOptions(), ADMIN)
        )

    async def _patch(
        self,
        server: "Server",
        kind: type[Wire],
        space: str,
        name: str,
        body: dict[str, Any],
        how: PatchType = PatchType.MERGE,
    ) -> None:
        await self._world.call(
            server,
            lambda: server.objects.patch(KINDS.of(kind), space, name, Patch(how, body), WriteOptions(), ADMIN),
        )

    async def _delete(self, server: "Server", kind: type[Wire], value: dict[str, Any], policy: str = "") -> None:
        meta = value["metadata"]
        options = meta_v1.DeleteOptions(
            propagation_policy=policy or None, preconditions=meta_v1.Preconditions(uid=meta["uid"])
        )
        self._cluster.truth.deleted_by_users.add(meta["uid"])
        await self._world.call(
            server,
            lambda: server.objects.delete(KINDS.of(kind), meta.get("namespace", ""), meta["name"], options, ADMIN),
        )
