"""Volumes in memory are real mounts also in a world that is not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from k3py.runtime import kernel


@pytest.fixture(autouse=True)
def nothing_mounted(tmp_path: Path) -> Iterator[None]:
    """What a test's agent has mounted goes with the test."""
    yield
    kernel.unmount_below(tmp_path)
