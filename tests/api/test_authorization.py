"""Who may do what before RBAC comes, and what a node may."""

import pytest

from k3py.api.authentication import NOBODY, Authenticator, StaticTokens
from k3py.api.authorization import AnyOf, Attributes, Basic, Masters, refusal
from k3py.api.http.messages import Request
from k3py.api.node_authorizer import NodeAuthorizer, NodeReferences
from k3py.model.errors import Unauthorized
from k3py.model.user import AUTHENTICATED, MASTERS, NODES, User
from tests.api.world import ADMIN, NODE, PODS, VIEWER, World, pod, run

JANE = User("jane", (AUTHENTICATED,))


def test_masters_may_do_everything() -> None:
    assert Masters().allows(User("root", (MASTERS,)), Attributes("delete", "", "nodes", name="n1"))
    assert not Masters().allows(JANE, Attributes("get", "", "pods"))


@pytest.mark.parametrize(
    ("attributes", "allowed"),
    [
        (Attributes("get", path="/api"), True),
        (Attributes("get", path="/openapi/v3/apis/apps/v1"), True),
        (Attributes("get", path="/apiary"), False),
        (Attributes("post", path="/api"), False),
        (Attributes("create", "authorization.k8s.io", "selfsubjectaccessreviews"), True),
        (Attributes("get", "", "pods"), False),
    ],
)
def test_everybody_may_look_at_discovery_and_themselves(attributes: Attributes, allowed: bool) -> None:
    assert AnyOf(Masters(), Basic()).allows(JANE, attributes) is allowed
    assert not Basic().allows(NOBODY, attributes)


def test_a_refusal_is_in_kubernetes_words() -> None:
    asked = Attributes("list", "apps", "deployments", namespace="a")
    assert refusal(JANE, asked).message == (
        'deployments.apps is forbidden: User "jane" cannot list resource "deployments" in API group "apps" '
        'in the namespace "a"'
    )
    log = Attributes("get", "", "pods", "log", "a", "p")
    assert 'cannot get resource "pods/log" in API group ""' in refusal(JANE, log).message
    assert refusal(JANE, Attributes("get", path="/metrics")).message == (
        'forbidden: User "jane" cannot get path "/metrics"'
    )


def test_wrong_credentials_are_refused_not_taken_for_none() -> None:
    authenticator = Authenticator([StaticTokens([("right", User("jane"))])])
    assert authenticator.user(Request("GET", b"/")) is NOBODY
    assert authenticator.user(Request("GET", b"/", {b"authorization": b"Bearer right"})).name == "jane"
    for header in (b"Bearer wrong", b"Basic amFuZTpy", b"Bearer", b"\xff\xfe"):
        with pytest.raises(Unauthorized):
            authenticator.user(Request("GET", b"/", {b"authorization": header}))


def test_static_tokens_are_read_as_kubernetes_reads_them(tmp_path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "tokens.csv"
    file.write_text('t1,jane,uid1,"dev,ops"\n\nt2,joe,uid2\n')
    tokens = StaticTokens.read(file)
    jane = tokens.authenticate("t1")
    assert jane is not None
    assert (jane.name, jane.uid, jane.groups) == ("jane", "uid1", ("dev", "ops"))
    assert tokens.authenticate("t3") is None
    file.write_text("t1,jane\n")
    with pytest.raises(ValueError, match="line 1"):
        StaticTokens.read(file)


def test_strangers_see_only_health_and_version() -> None:
    async def story(world: World) -> None:
        for path, token, status in [
            ("/healthz", "", 200),
            ("/version", "", 200),
            ("/api", "", 403),
            ("/api/v1/pods", "", 403),
            ("/api", "forged", 401),
            ("/api", VIEWER, 200),
            ("/api/v1/pods", VIEWER, 403),
            ("/api/v1/pods", ADMIN, 200),
        ]:
            answer = await world.ask("GET", path, token=token)
            assert getattr(answer, "status", None) == status, path

    run(story)


NODE_CASES = [  # what node n1 asks -> may it
    ("GET", "/api/v1/nodes/n1", True),
    ("GET", "/api/v1/nodes/n2", False),
    ("GET", "/api/v1/nodes?watch=true&fieldSelector=metadata.name%3Dn1", True),
    ("GET", "/api/v1/nodes", False),
    ("GET", "/api/v1/pods?fieldSelector=spec.nodeName%3Dn1", True),
    ("GET", "/api/v1/pods?fieldSelector=spec.nodeName%3Dn2", False),
    ("GET", "/api/v1/pods", False),
    ("GET", f"{PODS}/mine", True),
    ("GET", f"{PODS}/other", False),
    ("DELETE", f"{PODS}/other", False),
    ("PATCH", f"{PODS}/other/status", False),
    ("GET", f"{PODS}/mine/log", False),
    ("GET", "/api/v1/namespaces/default/secrets/used", True),
    ("GET", "/api/v1/namespaces/default/secrets/unused", False),
    ("GET", "/api/v1/namespaces/default/secrets", False),
    ("GET", "/api/v1/namespaces/default/secrets?watch=true&fieldSelector=metadata.name%3Dused", True),
    ("GET", "/api/v1/namespaces/default/secrets?watch=true&fieldSelector=metadata.name%3Dunused", False),
    ("GET", "/api/v1/namespaces/default/secrets?fieldSelector=metadata.name%3Dused,type%3DOpaque", False),
    ("DELETE", "/api/v1/namespaces/default/secrets/used", False),
    ("GET", "/api/v1/namespaces/default/configmaps/settings", True),
    ("GET", "/api/v1/namespaces/kube-system/secrets/used", False),
    ("GET", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n2", False),
    ("POST", "/apis/apps/v1/namespaces/default/deployments", False),
    ("GET", "/apis/vpc.k3py.io/v1/vpcs", True),
    ("GET", "/apis/vpc.k3py.io/v1/vpcs?watch=true", True),
    ("GET", "/apis/vpc.k3py.io/v1/vpcs/default", True),
    ("PATCH", "/apis/vpc.k3py.io/v1/vpcs/default", False),
    ("PATCH", "/apis/vpc.k3py.io/v1/vpcs/default/status", False),
    ("DELETE", "/apis/vpc.k3py.io/v1/vpcs/default", False),
    ("GET", "/apis/vpc.k3py.io/v1/vpcblocks?watch=true", True),
    ("DELETE", "/apis/vpc.k3py.io/v1/vpcblocks/default-10-42-0-0", True),
    ("PATCH", "/apis/vpc.k3py.io/v1/vpcblocks/default-10-42-0-0", False),
    ("DELETE", "/apis/vpc.k3py.io/v1/vpcblocks", False),
    ("GET", "/apis/discovery.k8s.io/v1/endpointslices?watch=true", True),
    ("GET", "/api/v1/services?watch=true", True),
    ("GET", "/api/v1/namespaces?watch=true", True),
]


def test_a_node_may_touch_only_its_own_things() -> None:
    async def story(world: World) -> None:
        await world.json("POST", "/api/v1/nodes", {"metadata": {"name": "n1"}})
        await world.json("POST", "/api/v1/nodes", {"metadata": {"name": "n2"}})
        volumes = [{"name": "v", "secret": {"secretName": "used"}}]
        mine = pod("mine", "n1", volumes=volumes)
        mine["spec"]["containers"][0]["envFrom"] = [{"configMapRef": {"name": "settings"}}]
        for each in (mine, pod("other", "n2", volumes=[{"name": "v", "secret": {"secretName": "unused"}}])):
            status, body = await world.json("POST", PODS, each)
            assert status == 201, body
        for method, path, allowed in NODE_CASES:
            answer = await world.ask(method, path, token=NODE, body={} if method in ("POST", "PATCH") else None)
            assert (getattr(answer, "status", 200) != 403) is allowed, (method, path)

    run(story)


@pytest.mark.parametrize("resource", ["index", "mounted", "_class__", "_setattr__", "_init__", ""])
def test_a_node_that_asks_about_resources_of_any_name_is_told_no(resource: str) -> None:
    async def story(world: World) -> None:
        review = {"spec": {"resourceAttributes": {"verb": "get", "namespace": "default", "resource": resource}}}
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        status, body = await world.json("POST", path, review, token=NODE)
        assert (status, body["status"]["allowed"]) == (201, False)

    run(story)


def test_a_nodes_rights_are_for_the_groups_that_it_knows() -> None:
    authorizer = NodeAuthorizer(NodeReferences())
    node = User("system:node:n1", (NODES,))
    assert authorizer.allows(node, Attributes("list", "", "services"))
    assert not authorizer.allows(node, Attributes("list", "example.com", "services"))


def test_a_node_forgets_what_its_deleted_pods_named() -> None:
    async def story(world: World) -> None:
        await world.json("POST", PODS, pod("mine", "n1", volumes=[{"name": "v", "secret": {"secretName": "used"}}]))
        assert world.references.names("n1", ("secrets", "default", "used"))
        assert world.references.runs("n1", "default", "mine")
        await world.json("DELETE", f"{PODS}/mine", {"gracePeriodSeconds": 0})
        assert not world.references.names("n1", ("secrets", "default", "used"))
        assert not world.references.runs("n1", "default", "mine")

    run(story)
