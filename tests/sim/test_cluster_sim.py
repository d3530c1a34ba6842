"""The whole control plane in the simulator: many seeds, and bugs that it must find."""

import pytest

from tests.sim.cluster import ClusterWorld
from tests.sim.cluster_bugs import BUGS, Bug
from tests.sim.world import Violation

# A bug that is not found within so many seeds would not be found in the short form either.
SEEDS_TO_FIND_A_BUG = 40


def test_a_cluster_heals(seed: int) -> None:
    story = ClusterWorld(seed)
    try:
        story.run()
    except Violation as violation:
        command = f"python -m pytest tests/sim/test_cluster_sim.py -k heals --sim-seed {seed}"
        pytest.fail(f"seed {seed}: {violation}\nreplay: {command}")
    assert story.server_count > 1


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bug = BUGS[name]
    for target, value in bug.patches:
        monkeypatch.setattr(target, value)
    found = next((told for seed in range(SEEDS_TO_FIND_A_BUG) if (told := violation_of(seed, bug))), "nothing")
    assert any(words in found for words in bug.says), found


def violation_of(seed: int, bug: Bug) -> str:
    """What a seed finds; empty when it finds nothing."""
    try:
        ClusterWorld(seed, **bug.parts).run()
    except Violation as violation:
        return f"seed {seed}: {violation}"
    return ""
