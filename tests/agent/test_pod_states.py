"""The tables are asked questions."""

from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.agent.pod_states import (
    CONTAINER_MOVES,
    POD_MOVES,
    ContainerState,
    ImpossibleMove,
    PodEvent,
    PodState,
    diagram,
    step,
)

TABLES = [POD_MOVES, CONTAINER_MOVES]


def reachable(moves: Mapping[Any, Mapping[Any, Any]], start: Enum) -> set[Any]:
    found, waiting = {start}, [start]
    while waiting:
        for after in moves[waiting.pop()].values():
            if after not in found:
                found.add(after)
                waiting.append(after)
    return found


@pytest.mark.parametrize(("moves", "first"), [(POD_MOVES, PodState.PENDING), (CONTAINER_MOVES, ContainerState.WAITING)])
def test_every_state_is_in_the_table_and_can_be_reached(moves: Any, first: Enum) -> None:
    assert set(moves) == set(type(first))
    assert reachable(moves, first) == set(type(first))


def test_every_state_is_left_by_deletion() -> None:
    for state in set(PodState) - {PodState.GONE}:
        after = step(state, PodEvent.DELETED)
        assert after in (PodState.STOPPING, PodState.FINISHED)
        assert PodState.GONE in reachable(POD_MOVES, after)


def test_a_deleted_pod_never_starts_again() -> None:
    alive = {PodState.PENDING, PodState.INITIALIZING, PodState.RUNNING}
    assert not reachable(POD_MOVES, PodState.STOPPING) & alive


def test_a_container_that_is_killed_ends() -> None:
    assert set(CONTAINER_MOVES[ContainerState.KILLING].values()) == {ContainerState.BACK_OFF, ContainerState.ENDED}


@given(st.sampled_from(PodState), st.sampled_from(PodEvent))
def test_what_is_not_in_the_table_cannot_happen(state: PodState, event: PodEvent) -> None:
    if event in POD_MOVES[state]:
        assert step(state, event) is POD_MOVES[state][event]
    else:
        with pytest.raises(ImpossibleMove, match=event.value):
            step(state, event)


@pytest.mark.parametrize("moves", TABLES)
def test_the_diagram_shows_every_move(moves: Any) -> None:
    text = diagram(moves)
    assert text.count("-->") == sum(map(len, moves.values())) + 1 + sum(not each for each in moves.values())


def test_the_readme_shows_the_tables_as_they_are() -> None:
    text = (Path(__file__).parents[2] / "k3py/agent/README.md").read_text()
    assert diagram(POD_MOVES) in text
    assert diagram(CONTAINER_MOVES) in text


def test_the_readme_names_every_file() -> None:
    folder = Path(__file__).parents[2] / "k3py/agent"
    text = (folder / "README.md").read_text()
    missing = [each.name for each in folder.glob("*.py") if f"`{each.name}`" not in text]
    assert missing == ["__init__.py"]
