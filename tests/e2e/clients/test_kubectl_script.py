"""The kubectl script: hundreds of commands of every release that counts, their exit codes and what they say."""

from pathlib import Path

import pytest

from tests.e2e.clients import transcript
from tests.e2e.clients.shell import SCRIPTS, Shell

RELEASES = ["1.29", "1.32", "1.35", "1.37"]
MORE_RELEASES = ["1.30", "1.31", "1.33", "1.34", "1.36"]
COMMANDS_MIN = 120
CHAPTERS = sorted(SCRIPTS.glob("*.txt"))
ALONE = [each for each in CHAPTERS if each.stem not in ("rolling", "helm")]


def name(chapter: Path) -> str:
    return chapter.stem


def test_the_script_is_long_enough() -> None:
    for release in RELEASES:
        version = tuple(map(int, release.split(".")))
        steps = [step for each in ALONE for step in transcript.read(each) if step.is_for((version[0], version[1]))]
        assert sum("kubectl" in step.command for step in steps) >= COMMANDS_MIN


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("chapter", ALONE, ids=name)
def test_kubectl_says_what_it_says_elsewhere(api_shell: Shell, chapter: Path) -> None:
    api_shell.play(chapter)


@pytest.mark.long
@pytest.mark.parametrize("release", MORE_RELEASES)
@pytest.mark.parametrize("chapter", ALONE, ids=name)
def test_the_releases_in_between_do_so_too(api_shell: Shell, chapter: Path) -> None:
    api_shell.play(chapter)
