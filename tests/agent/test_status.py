"""The status that is reported, field by field where users and controllers look."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.agent.plan import Facts
from k3py.agent.pod_states import PodState
from k3py.agent.record import ConditionRecord, ContainerRecord, Ended, PodRecord, Trouble
from k3py.agent.status import Addresses, pod_status, remember_conditions
from k3py.model.codec import to_plain
from k3py.model.generated import core_v1
from k3py.runtime.port import ContainerState as Seen
from k3py.runtime.port import ContainerStatus, SandboxStatus
from tests.agent.world import container, pod

NOW = 1_700_000_000.0
HOST = Addresses(host=["192.0.2.7", "2001:db8::7"])


def running(name: str = "web", attempt: int = 0) -> ContainerStatus:
    return ContainerStatus(f"{name}-{attempt}", "uid", name, attempt, Seen.RUNNING, 7, NOW - 10, NOW - 9)


def sandbox(*containers: ContainerStatus) -> SandboxStatus:
    return SandboxStatus("uid", "web", "default", True, NOW - 20, None, containers)


def ended(code: int, attempt: int = 0, at: float = NOW - 1) -> Ended:
    return Ended(attempt=attempt, id=f"web-{attempt}", exit_code=code, reason="Error" if code else "Completed",
                 started_at=NOW - 9, finished_at=at)  # fmt: skip


def record(state: PodState = PodState.RUNNING, policy: str = "Always", **web: object) -> PodRecord:
    found = PodRecord(pod=pod(uid="uid", restart_policy=policy), state=state, accepted_at=NOW - 30)
    found.containers["web"] = ContainerRecord(**web)  # type: ignore[arg-type]
    return found


def said(found: PodRecord, shown: SandboxStatus | None, facts: Facts | None = None) -> core_v1.PodStatus:
    return pod_status(found, shown, facts or Facts(), HOST, NOW)


def test_a_running_pod_as_kubelet_writes_it() -> None:
    found = record(attempt=1, id="web-1", image_id="b@sha256:1", previous=ended(3))
    assert to_plain(said(found, sandbox(running(attempt=1)))) == {
        "observedGeneration": 1,
        "phase": "Running",
        "conditions": [
            {"type": kind, "observedGeneration": 1, "status": "True", "lastProbeTime": None,
             "lastTransitionTime": "2023-11-14T22:13:20Z"}
            for kind in ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
        ],
        "hostIP": "192.0.2.7",
        "hostIPs": [{"ip": "192.0.2.7"}, {"ip": "2001:db8::7"}],
        "podIP": "192.0.2.7",
        "podIPs": [{"ip": "192.0.2.7"}, {"ip": "2001:db8::7"}],
        "startTime": "2023-11-14T22:12:50Z",
        "containerStatuses": [{
            "name": "web",
            "state": {"running": {"startedAt": "2023-11-14T22:13:11Z"}},
            "lastState": {"terminated": {"exitCode": 3, "reason": "Error", "startedAt": "2023-11-14T22:13:11Z",
                                         "finishedAt": "2023-11-14T22:13:19Z", "containerID": "k3py://web-0"}},
            "ready": True, "restartCount": 1, "image": "busybox:1", "imageID": "b@sha256:1",
            "containerID": "k3py://web-1", "started": True,
        }],
        "qosClass": "BestEffort",
    }  # fmt: skip


PHASES = [
    ("new", record(PodState.PENDING), None, "Pending"),
    ("waits for its image", record(), sandbox(), "Pending"),
    ("runs", record(attempt=0), sandbox(running()), "Running"),
    ("crashed, restarts", record(attempt=0, ended=ended(1)), sandbox(), "Running"),
    ("crashed, OnFailure", record(policy="OnFailure", attempt=0, ended=ended(1)), sandbox(), "Running"),
    ("done, OnFailure", record(policy="OnFailure", attempt=0, ended=ended(0)), sandbox(), "Succeeded"),
    ("done, Never", record(policy="Never", attempt=0, ended=ended(0)), sandbox(), "Succeeded"),
    ("failed, Never", record(policy="Never", attempt=0, ended=ended(1)), sandbox(), "Failed"),
    ("stopped well", record(PodState.FINISHED, attempt=0, ended=ended(0)), None, "Succeeded"),
    ("stopped by a signal", record(PodState.FINISHED, attempt=0, ended=ended(143)), None, "Failed"),
    ("never ran", record(PodState.FINISHED), None, "Failed"),
]


@pytest.mark.parametrize(("name", "found", "shown", "phase"), PHASES, ids=[case[0] for case in PHASES])
def test_phases(name: str, found: PodRecord, shown: SandboxStatus | None, phase: str) -> None:
    assert said(found, shown).phase == phase


def test_a_finished_phase_stays() -> None:
    found = record(attempt=0)
    found.pod.status.phase = "Failed"
    assert said(found, sandbox(running())).phase == "Failed"


TROUBLES = [
    ("ErrImagePull", 1.0, "ErrImagePull", "no route"),
    ("ErrImagePull", 5.0, "ImagePullBackOff", 'Back-off pulling image "busybox:1": ErrImagePull: no route'),
    ("RegistryUnavailable", 5.0, "ImagePullBackOff",
     'Back-off pulling image "busybox:1": RegistryUnavailable: no route'),
    ("InvalidImageName", 5.0, "InvalidImageName", "no route"),
    ("CreateContainerConfigError", 5.0, "CreateContainerConfigError", "no route"),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "age", "shown", "message"), TROUBLES)
def test_why_a_container_waits(reason: str, age: float, shown: str, message: str) -> None:
    trouble = Trouble(reason=reason, message="no route", at=NOW - age, wait_seconds=10)
    waiting = said(record(trouble=trouble), sandbox()).container_statuses[0].state.waiting
    assert waiting is not None
    assert (waiting.reason, waiting.message) == (shown, message)


def test_crash_loop_back_off() -> None:
    found = record(attempt=3, ended=ended(1, 3), previous=ended(2, 2), back_off_seconds=80.0, back_off_at=NOW - 10)
    status = said(found, sandbox()).container_statuses[0]
    assert status.state.waiting is not None
    assert status.state.waiting.reason == "CrashLoopBackOff"
    assert status.state.waiting.message.startswith(
        "back-off 1m20s restarting failed container=web pod=web_default(uid)"
    )
    assert status.last_state.terminated is not None
    assert status.last_state.terminated.exit_code == 1
    assert (status.restart_count, status.ready, status.started) == (3, False, False)


def test_unready_says_which() -> None:
    found = record(attempt=0)
    found.pod.spec.containers[0].readiness_probe = core_v1.Probe()
    conditions = {each.type: each for each in said(found, sandbox(running())).conditions}
    for kind in ("Ready", "ContainersReady"):
        assert (conditions[kind].status, conditions[kind].reason) == ("False", "ContainersNotReady")
        assert conditions[kind].message == "containers with unready status: [web]"


def test_init_containers_hold_the_pod_back() -> None:
    found = record(PodState.INITIALIZING)
    found.pod.spec.init_containers = [container("one"), container("two")]
    found.containers["one"] = ContainerRecord(attempt=0, ended=ended(0))
    found.containers["two"] = ContainerRecord(attempt=0)
    status = said(found, sandbox(running("two")))
    assert status.phase == "Pending"
    initialized = next(each for each in status.conditions if each.type == "Initialized")
    assert initialized.message == "containers with incomplete status: [two]"
    assert status.container_statuses[0].state.waiting is not None
    assert status.container_statuses[0].state.waiting.reason == "PodInitializing"
    assert status.init_container_statuses[0].ready


def test_readiness_gates() -> None:
    found = record(attempt=0)
    found.pod.spec.readiness_gates = [core_v1.PodReadinessGate(condition_type="example.com/ok")]
    ready = next(each for each in said(found, sandbox(running())).conditions if each.type == "Ready")
    assert (ready.status, ready.reason) == ("False", "ReadinessGatesNotReady")
    found.pod.status.conditions = [core_v1.PodCondition(type="example.com/ok", status="True")]
    ready = next(each for each in said(found, sandbox(running())).conditions if each.type == "Ready")
    assert ready.status == "True"


def test_times_of_conditions_stay_until_they_change() -> None:
    found = record(attempt=0)
    found.pod.status.conditions = [
        core_v1.PodCondition(type="PodScheduled", status="True", last_transition_time="2020-01-01T00:00:00Z")
    ]
    first = said(found, sandbox(running()))
    assert first.conditions[-1].last_transition_time == "2020-01-01T00:00:00Z"
    assert remember_conditions(found, first, NOW)
    assert not remember_conditions(found, first, NOW)
    later = pod_status(found, sandbox(running()), Facts(), HOST, NOW + 100)
    assert later.conditions == first.conditions
    found.conditions["Ready"] = ConditionRecord("False", NOW - 500)
    assert pod_status(found, sandbox(running()), Facts(), HOST, NOW + 100).conditions[2].last_transition_time == (
        "2023-11-14T22:15:00Z"
    )


@given(
    st.sampled_from(PodState),
    st.builds(
        ContainerRecord,
        attempt=st.integers(-1, 3),
        ended=st.none() | st.builds(ended, st.sampled_from([0, 1, 137])),
        previous=st.none() | st.builds(ended, st.just(1)),
        back_off_seconds=st.sampled_from([0.0, 10.0]),
        started=st.booleans(),
        ready=st.booleans(),
    ),
    st.sampled_from(["Always", "OnFailure", "Never"]),
    st.none() | st.builds(sandbox) | st.builds(lambda n: sandbox(running(attempt=n)), st.integers(0, 3)),
)
def test_a_status_is_whole(state: PodState, web: ContainerRecord, policy: str, shown: SandboxStatus | None) -> None:
    found = record(state, policy)
    found.containers["web"] = web
    status = said(found, shown)
    assert status.phase in ("Pending", "Running", "Succeeded", "Failed")
    (only,) = status.container_statuses
    told = [only.state.waiting, only.state.running, only.state.terminated]
    assert sum(each is not None for each in told) == 1
    if only.ready:
        assert only.state.running is not None
    assert [each.type for each in status.conditions] == [
        "PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled",
    ]  # fmt: skip
