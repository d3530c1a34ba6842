"""QoS, cgroups, limits; users, capabilities, signals."""

import pytest

from k3py.agent.container_config import stop_signal
from k3py.agent.environment import ConfigProblem
from k3py.agent.images import pull_policy
from k3py.agent.resources import cgroup_parent, oom_score_adj, pod_resources, qos_class
from k3py.agent.security import Accounts, capabilities, run_as, seccomp
from k3py.model.generated import core_v1
from k3py.model.generated.core_v1 import PodSecurityContext, ResourceRequirements, SecurityContext
from k3py.runtime.port import Resources, Seccomp, User
from tests.agent.world import container, pod


def needs(**amounts: dict[str, str]) -> ResourceRequirements:
    return ResourceRequirements(**amounts)  # type: ignore[arg-type]


BOTH = {"cpu": "1", "memory": "1Gi"}
CLASSES = [
    (needs(), "BestEffort"),
    (needs(limits=BOTH), "Guaranteed"),
    (needs(limits=BOTH, requests=BOTH), "Guaranteed"),
    (needs(limits=BOTH, requests={"cpu": "500m"}), "Burstable"),
    (needs(limits={"cpu": "1"}), "Burstable"),
    (needs(requests={"memory": "1Mi"}), "Burstable"),
    (needs(requests={"cpu": "0"}), "BestEffort"),
]


@pytest.mark.parametrize(("asked", "expected"), CLASSES)
def test_qos(asked: ResourceRequirements, expected: str) -> None:
    made = pod("web", container(resources=asked), uid="u")
    assert qos_class(made.spec) == expected
    folder = {"Guaranteed": "r/pods/podu", "Burstable": "r/pods/burstable/podu", "BestEffort": "r/pods/besteffort/podu"}
    assert cgroup_parent("r", made) == folder[expected]


def test_a_pod_has_room_for_its_largest_moment() -> None:
    made = pod("web", container("a", resources=needs(limits={"cpu": "1", "memory": "1Gi"})),
               container("b", resources=needs(requests={"cpu": "500m"})),
               init_containers=[container("i", resources=needs(requests={"cpu": "2", "memory": "1Mi"}))])  # fmt: skip
    assert pod_resources(made.spec) == Resources(2000, None, 1 << 30, None)


SCORES = [
    (needs(), None, 1000), (needs(limits=BOTH), None, -997), (needs(requests={"memory": "1Gi"}), None, 875),
    (needs(requests={"cpu": "1"}), None, 999), (needs(requests={"memory": "8Gi"}), None, 3),
    (needs(), 2_000_000_000, -997),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "priority", "expected"), SCORES)
def test_who_is_killed_first(asked: ResourceRequirements, priority: int | None, expected: int) -> None:
    web = container(resources=asked)
    assert oom_score_adj(pod("web", web, priority=priority), web, 8 << 30) == expected


ACCOUNTS = Accounts(
    "root:x:0:0::/:/bin/sh\napp:x:1000:1001::/:/bin/sh\n", "root:x:0:\nwheel:x:10:app,root\nstaff:x:50:\n"
)

USERS = [
    (PodSecurityContext(), SecurityContext(), "", User(0, 0, (10,))),
    (PodSecurityContext(), SecurityContext(), "app", User(1000, 1001, (10,))),
    (PodSecurityContext(), SecurityContext(), "app:staff", User(1000, 50, (10,))),
    (PodSecurityContext(), SecurityContext(), "77:88", User(77, 88)),
    (PodSecurityContext(run_as_user=5, run_as_group=6, supplemental_groups=[7]), SecurityContext(), "app",
     User(5, 6, (7,))),
    (PodSecurityContext(run_as_user=5), SecurityContext(run_as_user=1000), "", User(1000, 1001, (10,))),
    (PodSecurityContext(fs_group=9), SecurityContext(run_as_user=77), "", User(77, 0, (9,))),
    (PodSecurityContext(supplemental_groups_policy="Strict"), SecurityContext(), "app", User(1000, 1001)),
]  # fmt: skip


@pytest.mark.parametrize(("whole", "own", "image", "expected"), USERS)
def test_users(whole: PodSecurityContext, own: SecurityContext, image: str, expected: User) -> None:
    web = container(security_context=own)
    assert run_as(pod("web", web, security_context=whole).spec, web, image, ACCOUNTS) == expected


REFUSED = [
    (None, True, "", "container has runAsNonRoot and image will run as root"),
    (0, True, "", "container's runAsUser breaks non-root policy"),
    (None, True, "app", "non-numeric user"),
    (None, None, "nobody", "unable to find user nobody"),
    (None, None, "app:nogroup", "unable to find group nogroup"),
]


@pytest.mark.parametrize(("uid", "non_root", "image", "text"), REFUSED)
def test_refused_users(uid: int | None, non_root: bool | None, image: str, text: str) -> None:
    web = container(security_context=SecurityContext(run_as_user=uid, run_as_non_root=non_root))
    with pytest.raises(ConfigProblem, match=text):
        run_as(pod("web", web).spec, web, image, ACCOUNTS)


def test_capabilities_and_filters() -> None:
    context = SecurityContext(capabilities=core_v1.Capabilities(add=["cap_net_admin", "SYS_TIME"], drop=["all"]))
    assert capabilities(context) == (("NET_ADMIN", "SYS_TIME"), ("ALL",))
    assert capabilities(None) == ((), ())
    profile = core_v1.SeccompProfile(type="RuntimeDefault")
    web = container(security_context=SecurityContext(seccomp_profile=profile))
    assert seccomp(pod("web", web).spec, web) is Seccomp.RUNTIME_DEFAULT
    assert seccomp(pod().spec, container()) is Seccomp.UNCONFINED
    local = container(security_context=SecurityContext(seccomp_profile=core_v1.SeccompProfile(type="Localhost")))
    with pytest.raises(ConfigProblem, match="Localhost"):
        seccomp(pod("web", local).spec, local)


SIGNALS = [("", 15), ("SIGINT", 2), ("int", 2), ("9", 9), ("SIGRTMIN+3", 37), ("nonsense", 15), ("0", 15), ("999", 15)]


@pytest.mark.parametrize(("text", "expected"), SIGNALS)
def test_stop_signals(text: str, expected: int) -> None:
    assert stop_signal(container(), text) == expected


POLICIES = [("nginx", "Always"), ("nginx:latest", "Always"), ("nginx:1", "IfNotPresent"), ("r:5000/nginx", "Always"),
            ("nginx@sha256:" + "0" * 64, "IfNotPresent")]  # fmt: skip


@pytest.mark.parametrize(("image", "expected"), POLICIES)
def test_pull_policies(image: str, expected: str) -> None:
    assert pull_policy(container(image=image)) == expected
    assert pull_policy(container(image=image, image_pull_policy="Never")) == "Never"
