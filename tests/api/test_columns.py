"""The cells that kubectl shows."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.api.columns.column import human_duration
from k3py.api.columns.pods import PODS
from k3py.api.columns.table import COLUMNS
from k3py.base.clock import rfc3339
from k3py.model import codec
from k3py.model.generated import core_v1
from k3py.model.kinds import KINDS

NOW = 1_700_000_000.0
DURATIONS = [
    (-5, "<invalid>"),
    (0, "0s"),
    (119, "119s"),
    (120, "2m"),
    (125, "2m5s"),
    (599, "9m59s"),
    (600, "10m"),
    (3 * 3600 - 1, "179m"),
    (3 * 3600, "3h"),
    (3 * 3600 + 60, "3h1m"),
    (8 * 3600, "8h"),
    (47 * 3600, "47h"),
    (49 * 3600, "2d1h"),
    (8 * 86400, "8d"),
    (729 * 86400, "729d"),
    (731 * 86400, "2y1d"),
    (3000 * 86400, "8y"),
]


@pytest.mark.parametrize(("seconds", "text"), DURATIONS)
def test_ages_are_short(seconds: int, text: str) -> None:
    assert human_duration(seconds) == text


@given(st.integers(0, 10**9))
def test_ages_never_get_long(seconds: int) -> None:
    assert len(human_duration(seconds)) <= 7


def _container(**state: Any) -> dict[str, Any]:
    return {"name": "c", "image": "x", "imageID": "", "ready": False, "restartCount": 0, "state": state}


RUNNING = _container(running={"startedAt": rfc3339(NOW)}) | {"ready": True}
WORDS = [  # status, deleted -> READY, STATUS
    ({"phase": "Pending"}, False, "0/1", "Pending"),
    ({"phase": "Running", "containerStatuses": [RUNNING]}, False, "1/1", "Running"),
    ({"phase": "Running", "containerStatuses": [RUNNING]}, True, "1/1", "Terminating"),
    ({"phase": "Pending", "containerStatuses": [_container(waiting={"reason": "ErrImagePull"})]}, False, "0/1",
     "ErrImagePull"),
    ({"phase": "Running", "containerStatuses": [_container(terminated={"exitCode": 1, "reason": "Error"})]}, False,
     "0/1", "Error"),
    ({"phase": "Failed", "containerStatuses": [_container(terminated={"exitCode": 9})]}, False, "0/1", "ExitCode:9"),
    ({"phase": "Failed", "containerStatuses": [_container(terminated={"exitCode": 0, "signal": 9})]}, False, "0/1",
     "Signal:9"),
    ({"phase": "Failed", "reason": "Evicted"}, False, "0/1", "Evicted"),
    ({"phase": "Succeeded", "containerStatuses": [_container(terminated={"exitCode": 0, "reason": "Completed"})]},
     False, "0/1", "Completed"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "deleted", "ready", "word"), WORDS)
def test_a_pods_state_in_a_word(status: dict[str, Any], deleted: bool, ready: str, word: str) -> None:
    metadata: dict[str, Any] = {"name": "p", "creationTimestamp": rfc3339(NOW - 60)}
    if deleted:
        metadata["deletionTimestamp"] = rfc3339(NOW)
    body = {"metadata": metadata, "spec": {"containers": [{"name": "c"}]}, "status": status}
    cells = PODS.cells(codec.convert(core_v1.Pod, body)[0], NOW)
    assert cells[:5] == ["p", ready, word, "0", "60s"]


def test_restarts_come_with_the_age_of_the_last() -> None:
    ended = {"terminated": {"exitCode": 1, "finishedAt": rfc3339(NOW - 90)}}
    status = {"phase": "Running", "containerStatuses": [RUNNING | {"restartCount": 3, "lastState": ended}]}
    body = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c"}]}, "status": status}
    assert PODS.cells(codec.convert(core_v1.Pod, body)[0], NOW)[3] == "3 (90s ago)"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.stored], ids=lambda kind: kind.name)
def test_every_kind_has_as_many_cells_as_columns_even_when_empty(kind: Any) -> None:
    columns = COLUMNS[kind.type]
    assert len(columns.cells(kind.type(), NOW)) == len(columns.definitions)
