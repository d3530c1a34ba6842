"""Conversations with the planner, kept as files. ``TRANSCRIPTS=write`` writes the answers anew; read the difference."""

import os
from pathlib import Path

import pytest

from tests.scheduler.script import converse

FOLDER = Path(__file__).parent.parent / "transcripts"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_the_planner_answers_as_written(path: Path) -> None:
    written = path.read_text().splitlines()
    said = converse(written)
    if os.environ.get("TRANSCRIPTS") == "write":
        path.write_text("\n".join(said) + "\n")
    assert said == written
