"""The whole control plane in the simulator: many seeds, and bugs that it must find."""

import pytest

from tests.sim.cluster import ClusterWorld
from tests.sim.cluster_bugs import BUGS
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
    for seed in range(SEEDS_TO_FIND_A_BUG):
        try:
            ClusterWorld(seed, **bug.parts).run()
        except Violation as violation:
            assert any(words in str(violation) for words in bug.says), f"seed {seed} finds something else: {violation}"
            return
    pytest.fail(f"not found in {SEEDS_TO_FIND_A_BUG} seeds")
