"""What the plan asks for, as a table; and what it never asks for, on random worlds."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k3py.agent.actions import CreateContainer, EnsureImage, MarkStopping, StartContainer, StartSandbox, StopContainer
from k3py.agent.observe import container_state, ended_since
from k3py.agent.plan import Facts, plan
from k3py.agent.pod_states import ContainerState, PodState
from k3py.agent.record import ContainerRecord, Ended, PodRecord, Records, Trouble
from k3py.model.generated.core_v1 import Pod
from k3py.runtime.port import ContainerState as Seen
from k3py.runtime.port import ContainerStatus, SandboxStatus
from tests.agent.world import container, pod

NOW = 1000.0
READY = Facts(volumes_ready=True)
IMAGE = Facts(volumes_ready=True, images=frozenset({"web"}))


def sandbox(*containers: ContainerStatus, ready: bool = True) -> SandboxStatus:
    return SandboxStatus("uid", "web", "default", ready, 1.0, None, containers)


def seen(
    state: Seen = Seen.RUNNING, name: str = "web", attempt: int = 0, exit_code: int | None = None
) -> ContainerStatus:
    started = 0.0 if state is Seen.CREATED else 900.0
    pid = 7 if state is Seen.RUNNING else 0
    return ContainerStatus(f"{name}-{attempt}", "uid", name, attempt, state, pid, 890.0, started, 0.0, exit_code)


HALF = ContainerStatus("web-0", "uid", "web", 0, Seen.UNKNOWN, 0, 890.0)
ORPHAN = ContainerStatus("web-0", "uid", "web", 0, Seen.UNKNOWN, 9, 890.0, 895.0)


def ended(code: int, at: float = 990.0, attempt: int = 0) -> Ended:
    return Ended(attempt=attempt, id=f"web-{attempt}", exit_code=code, started_at=900.0, finished_at=at)


def record(state: PodState, made: Pod | None = None, deleted_at: float | None = None, **web: object) -> PodRecord:
    made = made or pod(uid="uid")
    if deleted_at is not None:
        made.metadata.deletion_timestamp = "2026-01-01T00:00:00Z"
        made.metadata.deletion_grace_period_seconds = 30
    found = PodRecord(pod=made, state=state, accepted_at=900.0, deleted_at=deleted_at)
    if web:
        found.containers["web"] = ContainerRecord(**web)  # type: ignore[arg-type]
    return found


def said(found: PodRecord, shown: SandboxStatus | None, facts: Facts) -> list[str]:
    actions = plan(found, shown, facts, NOW).actions
    return [f"{type(each).__name__} {getattr(each, 'container', '')}".strip() + f": {each.why}" for each in actions]


TROUBLE = Trouble(reason="ErrImagePull", message="no", at=995.0, wait_seconds=10.0)

CASES: list[tuple[str, PodRecord, SandboxStatus | None, Facts, list[str]]] = [
    ("new", record(PodState.PENDING), None, Facts(), ["PrepareVolumes: the pod is bound to this node"]),
    ("volumes under way", record(PodState.PENDING), None, Facts(busy=frozenset({"volumes"})), []),
    ("volumes ready", record(PodState.PENDING), None, READY, ["StartSandbox: volumes are ready"]),
    ("no network", record(PodState.PENDING), None, Facts(volumes_ready=True, no_network="no VPC"), []),
    ("half a sandbox", record(PodState.PENDING), sandbox(ready=False), READY,
     ["StopSandbox: the sandbox was left half made"]),
    ("a sandbox", record(PodState.PENDING), sandbox(), READY, ["Move: the sandbox is ready"]),
    ("no init containers", record(PodState.INITIALIZING), sandbox(), READY, ["Move: all init containers are done"]),
    ("needs its image", record(PodState.RUNNING), sandbox(), READY, ["EnsureImage web: attempt 0 needs its image"]),
    ("pull under way", record(PodState.RUNNING), sandbox(), Facts(volumes_ready=True, busy=frozenset({"image web"})),
     []),
    ("pull failed just now", record(PodState.RUNNING, trouble=TROUBLE), sandbox(), READY, []),
    ("image there", record(PodState.RUNNING), sandbox(), IMAGE, ["CreateContainer web: it has not run yet"]),
    ("begun, not made", record(PodState.RUNNING, attempt=0), sandbox(), IMAGE,
     ["CreateContainer web: it was begun before"]),
    ("made", record(PodState.RUNNING, attempt=0), sandbox(seen(Seen.CREATED)), READY,
     ["StartContainer web: attempt 0 is made"]),
    ("half made", record(PodState.RUNNING, attempt=0), sandbox(HALF), READY,
     ["RemoveContainer web: it was left half made"]),
    ("runs", record(PodState.RUNNING, attempt=0), sandbox(seen()), READY, []),
    ("an orphan runs too", record(PodState.RUNNING, attempt=0), sandbox(ORPHAN), READY, []),
    ("ended", record(PodState.RUNNING, attempt=0, ended=ended(1)), sandbox(seen(Seen.EXITED)), IMAGE,
     ["CreateContainer web: it ended with exit code 1"]),
    ("in back-off", record(PodState.RUNNING, attempt=0, ended=ended(1), back_off_seconds=20.0, back_off_at=980.0),
     sandbox(seen(Seen.EXITED)), IMAGE, []),
    ("ended for good", record(PodState.RUNNING, pod(uid="uid", restart_policy="Never"), attempt=0, ended=ended(1)),
     sandbox(seen(Seen.EXITED)), READY, ["Move: all containers have ended for good"]),
    ("an old dead container", record(PodState.RUNNING, attempt=2), sandbox(
        seen(Seen.EXITED), seen(Seen.EXITED, attempt=1), seen(attempt=2)), READY,
     ["RemoveContainer web: attempt 2 has begun"]),
    ("sandbox broken", record(PodState.RUNNING, attempt=0), sandbox(ready=False), READY,
     ["StopSandbox: the sandbox is not whole any more"]),
    ("sandbox gone", record(PodState.RUNNING, attempt=0), None, READY, ["Move: the sandbox is gone"]),
    ("to be killed", record(PodState.RUNNING, attempt=0, stop_at=999.0, stop_why="probe failed"),
     sandbox(seen()), READY,
     ["StopContainer web: probe failed"]),
    ("deleted", record(PodState.RUNNING, deleted_at=NOW, attempt=0), sandbox(seen()), READY,
     ["Move: the pod is deleted"]),
    ("deleted, nothing runs", record(PodState.FINISHED, deleted_at=NOW, attempt=0), None, READY,
     ["ReportGone: nothing of the deleted pod runs any more"]),
    ("finished, not deleted", record(PodState.FINISHED, attempt=0), None, READY, []),
    ("gone", record(PodState.GONE), None, READY, ["Forget: nothing is left of the pod"]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "found", "shown", "facts", "expected"), CASES, ids=[case[0] for case in CASES])
def test_what_comes_next(
    name: str, found: PodRecord, shown: SandboxStatus | None, facts: Facts, expected: list[str]
) -> None:
    assert said(found, shown, facts) == expected


def test_the_plan_names_when_to_ask_again() -> None:
    waiting = record(PodState.RUNNING, attempt=0, ended=ended(1), back_off_seconds=20.0, back_off_at=980.0)
    assert plan(waiting, sandbox(), READY, NOW).wake_at == 1010.0
    assert plan(waiting, sandbox(), IMAGE, 1010.0).actions != []


def test_a_stop_is_recorded_before_it_is_done() -> None:
    found = record(PodState.STOPPING, deleted_at=NOW, attempt=0)
    found.stop_by = NOW + 30
    assert said(found, sandbox(seen()), READY) == ["MarkStopping web: the pod is deleted"]
    known = found.touch("web")
    known.stop_at, known.stop_grace_seconds, known.stop_why = NOW, 30.0, "the pod is deleted"
    assert said(found, sandbox(seen()), READY) == ["StopContainer web: the pod is deleted"]
    busy = Facts(volumes_ready=True, busy=frozenset({"stop web"}))
    assert said(found, sandbox(seen()), busy) == []
    assert said(found, sandbox(seen(Seen.EXITED)), READY) == ["StopSandbox: no container runs any more"]
    assert said(found, None, READY) == ["Move: sandbox and containers are gone"]


STATES = st.sampled_from([each for each in PodState if each is not PodState.GONE])
STATUSES = st.lists(
    st.builds(seen, st.sampled_from(Seen), st.sampled_from(["web", "init"]), st.integers(0, 2)), max_size=4
)
RECORDS = st.builds(
    ContainerRecord,
    attempt=st.integers(-1, 2),
    id=st.sampled_from(["", "web-0", "web-1"]),
    ended=st.none() | st.builds(ended, st.integers(0, 1), st.floats(900, 1000)),
    back_off_seconds=st.sampled_from([0.0, 10.0, 300.0]),
    stop_at=st.none() | st.just(990.0),
    stop_why=st.just("a probe failed"),
)
FACTS = st.builds(
    Facts,
    volumes_ready=st.booleans(),
    images=st.frozensets(st.sampled_from(["web", "init"])),
    busy=st.frozensets(st.sampled_from(["stop web", "image web", "volumes"])),
    no_network=st.none() | st.just("no VPC"),
)


@settings(max_examples=300)
@given(STATES, RECORDS, RECORDS, st.none() | st.builds(lambda c, r: sandbox(*c, ready=r), STATUSES, st.booleans()),
       FACTS, st.booleans())  # fmt: skip
def test_what_is_never_asked_for(
    state: PodState, web: ContainerRecord, init: ContainerRecord, shown: SandboxStatus | None, facts: Facts, gone: bool
) -> None:
    made = pod("web", container("web"), init_containers=[container("init")], uid="uid")
    found = record(state, made, NOW if gone else None)
    found.containers = {"web": web, "init": init}
    found.stop_by = NOW + 10 if state is PodState.STOPPING else None
    actions = plan(found, shown, facts, NOW).actions
    if state in (PodState.STOPPING, PodState.FINISHED) or gone:
        assert not any(
            isinstance(each, (CreateContainer, StartContainer, StartSandbox, EnsureImage)) for each in actions
        )
    for action in actions:
        assert action.why
        assert action.operation not in facts.busy
        if isinstance(action, CreateContainer):
            assert action.attempt == found.container(action.container).attempt + action.fresh
            assert action.container in facts.images
            assert facts.volumes_ready
        if isinstance(action, StopContainer):
            assert found.container(action.container).stop_at is not None
    if facts.no_network and state is PodState.PENDING:
        assert not any(isinstance(each, StartSandbox) for each in actions)
    assert said(found, shown, facts) == said(found, shown, facts)


SEEN_CASES = [
    ("exited", ContainerRecord(attempt=0, id="web-0"), seen(Seen.EXITED, exit_code=3), [("web", 3, "Error")]),
    ("exited well", ContainerRecord(attempt=0, id="web-0"), seen(Seen.EXITED, exit_code=0), [("web", 0, "Completed")]),
    ("runs", ContainerRecord(attempt=0, id="web-0"), seen(), []),
    ("vanished", ContainerRecord(attempt=0, id="web-0"), None, [("web", 137, "ContainerStatusUnknown")]),
    ("never made", ContainerRecord(attempt=0), None, []),
    ("half made", ContainerRecord(attempt=0), HALF, []),
    ("orphan", ContainerRecord(attempt=0, id="web-0"), ORPHAN, []),
    ("known already", ContainerRecord(attempt=0, id="web-0", ended=ended(1)), seen(Seen.EXITED, exit_code=1), []),
]


@pytest.mark.parametrize(("name", "known", "status", "expected"), SEEN_CASES, ids=[case[0] for case in SEEN_CASES])
def test_ends_are_found(
    name: str, known: ContainerRecord, status: ContainerStatus | None, expected: list[tuple[str, int, str]]
) -> None:
    found = record(PodState.RUNNING)
    found.containers["web"] = known
    shown = sandbox(status) if status else sandbox()
    assert [(who, end.exit_code, end.reason) for who, end in ended_since(found, shown, NOW)] == expected


def test_a_containers_state_is_read_off() -> None:
    web = container("web")
    cases = [
        (ContainerRecord(), None, ContainerState.WAITING),
        (ContainerRecord(attempt=0), seen(Seen.CREATED), ContainerState.CREATED),
        (ContainerRecord(attempt=0), seen(), ContainerState.RUNNING),
        (ContainerRecord(attempt=0, stop_at=1.0), seen(), ContainerState.KILLING),
        (ContainerRecord(attempt=0, ended=ended(1), back_off_seconds=20.0, back_off_at=980.0), None,
         ContainerState.BACK_OFF),
        (ContainerRecord(attempt=0, ended=ended(1)), None, ContainerState.WAITING),
    ]  # fmt: skip
    for known, status, expected in cases:
        found = record(PodState.RUNNING)
        found.containers["web"] = known
        shown = sandbox(*([status] if status else []))
        assert container_state(found, web, shown, NOW, init=False) is expected


def test_a_record_survives_the_disk(tmp_path: Path) -> None:
    records = Records(tmp_path)
    found = record(PodState.RUNNING, attempt=2, ended=ended(1), trouble=TROUBLE)
    records.save(found)
    assert list(records.load()) == [found]
    for uid in ("", "..", "a/b", "x" * 200):
        with pytest.raises(ValueError, match="no file name"):
            records.folder(uid)
    records.remove("uid")
    records.remove("uid")
    assert list(records.load()) == []


def test_a_clock_that_was_set_back_makes_no_wait_longer() -> None:
    """An hour back: neither back-off, nor trouble, nor the grace of a deletion lasts an hour more."""
    hour = NOW + 3600
    ended_later = record(PodState.RUNNING, attempt=0, ended=ended(1, hour), back_off_seconds=10.0, back_off_at=hour - 9)
    assert said(ended_later, sandbox(), IMAGE) == ["CreateContainer web: it ended with exit code 1"]
    troubled = record(
        PodState.RUNNING, trouble=Trouble(reason="ErrImagePull", message="no", at=hour, wait_seconds=10.0)
    )
    assert said(troubled, sandbox(), READY) == ["EnsureImage web: attempt 0 needs its image"]
    deleted = record(PodState.STOPPING, deleted_at=hour, attempt=0)
    deleted.stop_by = hour + 30
    (mark,) = plan(deleted, sandbox(seen()), READY, NOW).actions
    assert isinstance(mark, MarkStopping)
    assert mark.grace_seconds == 30
