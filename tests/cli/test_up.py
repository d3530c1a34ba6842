"""What ``k3py up`` writes down, so that a second start is the same cluster."""

from pathlib import Path

import pytest
import yaml

from k3py.base.paths import Paths
from k3py.cli.app import Failure
from k3py.cli.up import _choose_name, _choose_port


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    monkeypatch.setattr("socket.gethostname", lambda: "Host-1")
    for variable in ("K3PY_NODE_NAME", "K3PY_PORT"):
        monkeypatch.delenv(variable, raising=False)
    return Paths.below(tmp_path)


def test_the_nodes_name_is_the_hosts_and_stays(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _choose_name(paths, "") == "host-1"
    monkeypatch.setattr("socket.gethostname", lambda: "renamed")
    assert _choose_name(paths, "") == "host-1"
    written = paths.config / "agent-config.yaml.d/node-name.yaml"
    assert yaml.safe_load(written.read_text()) == {"node-name": "host-1"}


def test_an_asked_name_is_kept_and_another_one_refused(paths: Paths) -> None:
    assert _choose_name(paths, "alpha") == "alpha"
    assert _choose_name(paths, "") == "alpha"
    assert _choose_name(paths, "alpha") == "alpha"
    with pytest.raises(Failure, match="this host is node alpha already"):
        _choose_name(paths, "beta")


def test_an_asked_port_is_kept(paths: Paths) -> None:
    assert _choose_port(paths, 7777) == 7777
    assert _choose_port(paths, 0) == 7777
    assert _choose_port(paths, 7778) == 7778
    assert _choose_port(paths, 0) == 7778


def test_a_configured_port_is_left_alone(paths: Paths) -> None:
    paths.config.mkdir(parents=True)
    (paths.config / "config.yaml").write_text("port: 7000\n")
    assert _choose_port(paths, 0) == 7000
    assert not (paths.config / "config.yaml.d").exists()
