"""Every command of the README is run, in its order, on a cluster of its own, and what it says is what the page shows.

``make test`` would run itself: only its recipe is looked at. Paths of the system are replaced by those below the
cluster's root.
"""

import os
import random
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, Command, commands
from tests.e2e import inventory
from tests.e2e.cluster import Host
from tests.e2e.conftest import missing, own_root

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(bool(missing()), reason=missing())]

COMMAND_SECONDS = 120.0
SESSION = list(commands((ROOT / "README.md").read_text()))
RECIPES_ONLY = ("make test",)
# What differs from one cluster to the next: names that were made, times, versions, ports, widths of columns.
VARYING = (
    (re.compile(r"-[a-z0-9]{6,10}-[a-z0-9]{5}\b"), "-POD"),
    (re.compile(r"\b(\d+d)?(\d+h)?(\d+m)?\d+s\b"), "AGE"),
    (re.compile(r"\d+"), "N"),
    (re.compile(r"[ \t]+"), " "),
)


class Session:
    """A shell: what one command exports, the next one has."""

    def __init__(self, host: Host, folder: Path) -> None:
        self._host = host
        self._exports = folder / "exports"
        self._exports.touch()

    def run(self, line: str) -> str:
        """What a command of the page says, in the page's words. It has to succeed."""
        line = re.sub(r"(?<![\w.])/(etc|run)/k3py", rf"{self._host.root}/\1/k3py", line)
        done = subprocess.run(
            ["bash", "-euc", f"source {self._exports}\n{line}\nexport -p > {self._exports}"],
            cwd=ROOT,
            env=self._host.environment(),
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )
        assert done.returncode == 0, f"{line}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout.replace(self._host.node, "node-1")


def left_of(host: Host) -> inventory.Belongings:
    """What there still is of a cluster; kubectl's caches are not its."""
    shutil.rmtree(host.home)
    return inventory.of_cluster(host.root)


def normal(line: str) -> str:
    """A line without what varies."""
    for pattern, word in VARYING:
        line = pattern.sub(word, line)
    return line.strip()


@pytest.fixture
def host() -> Iterator[Host]:
    """A root of its own; whatever is still there in the end is removed."""
    made = Host(own_root(random.Random()), os.uname().nodename.lower())
    try:
        yield made
    finally:
        made.destroy()


def test_every_command_does_what_the_page_shows(host: Host, tmp_path: Path) -> None:
    session = Session(host, tmp_path)
    for command in SESSION:
        if command.line in RECIPES_ONLY:
            session.run(command.line.replace("make", "make --dry-run"))
        else:
            check(command, session)
    assert not left_of(host)


def check(command: Command, session: Session) -> None:
    """Run a command; of tables and longer texts the page shows the beginning, with values of its own."""
    said = session.run(command.line)
    shown = command.output.strip().splitlines()
    if shown:
        lines = [normal(line) for line in said.splitlines()]
        assert lines, f"{command.line} said nothing"
        assert lines[0] == normal(shown[0]), f"{command.line} said:\n{said}"


def test_the_session_ends_with_everything_gone() -> None:
    lines = [command.line for command in SESSION]
    assert lines[0] == "make run"
    assert lines[-1] == "make stop"


def test_make_run_shows_the_answers_and_may_be_repeated(host: Host, tmp_path: Path) -> None:
    session = Session(host, tmp_path)
    for _ in range(2):  # the second time changes nothing
        said = session.run("make run")
        assert "A pod that asks http://hello/ gets: Hello from hello-" in said
        assert re.search(r"This host, asking http://[\d.]+/, gets: Hello from hello-", said)
        assert "What to try next" in said
    session.run("make stop")
    assert not left_of(host)
