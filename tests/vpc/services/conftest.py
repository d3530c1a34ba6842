"""Stories in a world of their own."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.vpc.bpf.kernel_objects import in_network_namespace
from tests.vpc.services.world import World, world

Run = Callable[[Callable[[World], None]], None]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a story in a world that is gone afterwards."""

    def story_in_a_world(story: Callable[[World], None]) -> None:
        def inside() -> None:
            with world(tmp_path) as made:
                story(made)

        in_network_namespace(inside)

    return story_in_a_world
