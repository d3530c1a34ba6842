"""Every command of the README is run, in its order, on a cluster of its own, and what it says is what the page shows.

``make run`` itself is run when the port of its example is free; otherwise what it does is done with another port.
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
from tests.e2e.cluster import BINARIES, BUSYBOX, Host, free_port, until
from tests.e2e.conftest import missing, own_root

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(bool(missing()), reason=missing())]

EXAMPLE_PORT = 8080
COMMAND_SECONDS = 120.0
SESSION = list(commands((ROOT / "README.md").read_text()))
RECIPES_ONLY = ("make test",)
# What differs from one cluster to the next: names that were made, times, versions, ports, widths of columns.
VARYING = (
    (re.compile(r"-[a-z0-9]{9,10}-[a-z0-9]{5}\b"), "-POD"),
    (re.compile(r"\b(\d+d)?(\d+h)?(\d+m)?\d+s\b"), "AGE"),
    (re.compile(r"\d+"), "N"),
    (re.compile(r"[ \t]+"), " "),
)


class Session:
    """A shell whose exports are kept from one command to the next."""

    def __init__(self, host: Host, web_port: int) -> None:
        self._host = host
        self._web_port = web_port
        self._exports: list[str] = []

    def run(self, line: str) -> str:
        """What a command of the page says, in the page's words. It has to succeed."""
        line = self._here(line)
        if line.startswith("export "):
            self._exports.append(line)
        script = "\n".join([*self._exports, line])
        done = subprocess.run(
            ["bash", "-euc", script],
            cwd=ROOT,
            env=self._host.environment(),
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )
        assert done.returncode == 0, f"{line}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout.replace(self._host.node, "node-1").replace(str(self._web_port), str(EXAMPLE_PORT))

    def _here(self, line: str) -> str:
        root = str(self._host.root)
        moved = re.sub(r"(?<![\w.])/(etc|run)/k3py", rf"{root}/\1/k3py", line)
        return moved.replace(str(EXAMPLE_PORT), str(self._web_port))


def left_of(host: Host) -> inventory.Belongings:
    """What there still is of a cluster; kubectl's caches are not its."""
    shutil.rmtree(host.home)
    return inventory.of_cluster(host.root)


def is_free(port: int) -> bool:
    listening = subprocess.run(["ss", "-Htln", f"sport = :{port}"], check=True, capture_output=True, text=True)
    return not listening.stdout.strip()


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


def start_as_make_run_does(host: Host, folder: Path, web_port: int) -> None:
    """What ``tools/run.py`` does, with another port for the example."""
    archive = folder / "busybox.tar"
    tool = [str(BINARIES / "python"), str(ROOT / "tools/busybox_image.py"), str(archive), "--name", BUSYBOX]
    host.run(tool)
    host.k3py("image", "import", str(archive))
    host.k3py("up")
    manifest = (ROOT / "examples/hello.yaml").read_text().replace(str(EXAMPLE_PORT), str(web_port))
    host.k3py("apply", "-f", "-", stdin=manifest.encode())
    until(lambda: answers(web_port), "the example answers")


def answers(port: int) -> bool:
    asked = subprocess.run(["curl", "-fs", f"http://127.0.0.1:{port}/"], capture_output=True)
    return asked.returncode == 0


def test_every_command_does_what_the_page_shows(host: Host, tmp_path: Path) -> None:
    by_make = is_free(EXAMPLE_PORT)
    web_port = EXAMPLE_PORT if by_make else free_port(random.Random())
    session = Session(host, web_port)
    for command in SESSION:
        if command.line in RECIPES_ONLY:
            session.run(command.line.replace("make", "make --dry-run"))
        elif command.line == "make run" and not by_make:
            start_as_make_run_does(host, tmp_path, web_port)
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


def test_make_run_works_on_the_example_port(host: Host) -> None:
    if not is_free(EXAMPLE_PORT):
        pytest.skip(f"port {EXAMPLE_PORT} is in use")
    session = Session(host, EXAMPLE_PORT)
    for _ in range(2):  # the second time changes nothing
        said = session.run("make run")
        assert "Hello from hello-" in said
        assert "What to try next" in said
    session.run("make stop")
    assert not left_of(host)
