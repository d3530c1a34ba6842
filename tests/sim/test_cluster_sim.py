"""The whole control plane in the simulator: many seeds, and bugs that it must find."""

import pytest

from tests.sim.cluster import ClusterWorld
from tests.sim.world import Violation


def test_a_cluster_heals(seed: int) -> None:
    story = ClusterWorld(seed)
    try:
        story.run()
    except Violation as violation:
        command = f"python -m pytest tests/sim/test_cluster_sim.py -k heals --sim-seed {seed}"
        pytest.fail(f"seed {seed}: {violation}\nreplay: {command}")
    assert story.server_count > 1
