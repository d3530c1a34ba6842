"""What a container is judged to be: one case per line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.runtime.port import ContainerState as State
from k3py.runtime.records import ContainerRecord, Exit, Phase
from k3py.runtime.recover import Seen, judge


def record(phase: Phase, started: bool = False, pid: int = 9) -> ContainerRecord:
    return ContainerRecord(
        id="c",
        pod_uid="u",
        name="main",
        attempt=0,
        cgroup="a/c",
        boot_id="b",
        runtime_path="/runc",
        runtime_root="/r",
        log_path="/l",
        created_at=1.0,
        phase=phase,
        started_at=2.0 if started else 0.0,
        pid=pid,
    )


NEW, MADE, BEGUN, RUNS = (
    record(Phase.CREATING, pid=0),
    record(Phase.CREATED),
    record(Phase.STARTING, started=True),
    record(Phase.STARTED, started=True),
)
NOTHING = Seen(None, False, False)
ALIVE = Seen(None, True, True)


@pytest.mark.parametrize(
    ("what", "seen", "state", "code", "reason", "pid"),
    [
        (NEW, NOTHING, State.UNKNOWN, None, "ContainerStatusUnknown", 0),
        (NEW, ALIVE, State.UNKNOWN, None, "ContainerStatusUnknown", 0),
        (MADE, ALIVE, State.CREATED, None, "", 9),
        (MADE, NOTHING, State.UNKNOWN, None, "ContainerStatusUnknown", 0),
        (BEGUN, ALIVE, State.RUNNING, None, "", 9),
        (BEGUN, Seen(None, True, True, command_running=False), State.CREATED, None, "", 9),
        (RUNS, ALIVE, State.RUNNING, None, "", 9),
        (RUNS, Seen(None, False, True), State.UNKNOWN, None, "Orphaned", 9),
        (RUNS, NOTHING, State.EXITED, 137, "ContainerStatusUnknown", 0),
        (RUNS, Seen(Exit(0, 3.0), False, False), State.EXITED, 0, "Completed", 0),
        (RUNS, Seen(Exit(3, 3.0), True, True), State.EXITED, 3, "Error", 0),
        (RUNS, Seen(Exit(137, 3.0), False, False, oom=True), State.EXITED, 137, "OOMKilled", 0),
        (RUNS, Seen(Exit(1, 3.0), False, False, oom=True), State.EXITED, 1, "Error", 0),
        (MADE, Seen(Exit(137, 3.0), False, False), State.EXITED, 137, "Error", 0),
    ],
)
def test_judgement(what: ContainerRecord, seen: Seen, state: State, code: int | None, reason: str, pid: int) -> None:
    status = judge(what, seen)
    assert (status.state, status.exit_code, status.reason, status.pid) == (state, code, reason, pid)


@given(
    st.sampled_from([NEW, MADE, BEGUN, RUNS]), st.booleans(), st.booleans(), st.one_of(st.none(), st.integers(0, 255))
)
def test_an_exit_code_comes_with_an_end_and_only_with_it(
    what: ContainerRecord, conmon: bool, process: bool, code: int | None
) -> None:
    status = judge(what, Seen(None if code is None else Exit(code, 3.0), conmon, process))
    assert (status.exit_code is not None) == (status.state is State.EXITED)
    if code is not None:
        assert status.exit_code == code
    if status.state is State.EXITED:
        assert status.pid == 0
