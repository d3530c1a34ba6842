"""Daemons as sessions of their own."""

from pathlib import Path

import pytest

from k3py.base.paths import Paths
from k3py.cli.app import Failure, run_command
from k3py.cli.processes import start_daemon
from k3py.cli.up import _start
from k3py.daemons.process import StatusFile
from k3py.runtime.problems import NotSupported

SECONDS = 20.0


def test_a_daemon_has_the_root_of_who_started_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative root is one of the caller's folder, and the daemon runs in another."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("K3PY_ROOT", "mine")
    paths = Paths.from_environment()
    paths.config.mkdir(parents=True)
    (paths.config / "config.yaml").write_text("node-name: found-it\n")
    process = start_daemon(paths, "server", ["--print-config"], {})
    try:
        assert process.wait(SECONDS) == 0
    finally:
        process.kill()
    assert "found-it" in (paths.log / "server.log").read_text()


@pytest.mark.parametrize(("daemon", "title"), [("agent", "agent"), ("vpc", "VPC daemon")])
def test_a_daemon_of_another_node_is_not_taken_for_ours(daemon: str, title: str, tmp_path: Path) -> None:
    paths = Paths.below(tmp_path)
    StatusFile(paths.run / f"{daemon}.json").write(node="n1")
    assert _start(paths, daemon, "n1", [], {}) is None, "it runs already"
    with pytest.raises(Failure, match=f"the {title} runs as node n1 already"):
        _start(paths, daemon, "n2", [], {})


def test_a_host_without_a_runtime_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> None:
        raise NotSupported("no OCI runtime here")

    with pytest.raises(SystemExit) as ended:
        run_command(command)
    assert ended.value.code == 1
    assert capsys.readouterr().err == "error: no OCI runtime here\n"
