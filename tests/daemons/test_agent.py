"""The agent's settings that become the node's, and its folders."""

import asyncio
import stat
from pathlib import Path
from typing import NoReturn

import pytest

from k3py.base.paths import Paths
from k3py.daemons.agent import Node, parse_taint
from k3py.daemons.settings import AgentSettings, BadSetting
from k3py.runtime.problems import NotSupported


def test_taints_are_written_as_kubectl_writes_them() -> None:
    taint = parse_taint("dedicated=db:NoSchedule")
    assert (taint.key, taint.value, taint.effect) == ("dedicated", "db", "NoSchedule")
    assert parse_taint("gone:NoExecute").value == ""
    for wrong in ("", "a=b", "a=b:Never", ":NoSchedule", "=b:NoSchedule"):
        with pytest.raises(BadSetting, match="node-taint"):
            parse_taint(wrong)


def test_nobody_else_on_the_host_sees_what_pods_are_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets lie in volumes and in the containers' settings, in files that their containers' users may read."""

    def no_runtime(*_: object) -> NoReturn:
        raise NotSupported("none here")

    monkeypatch.setattr("k3py.daemons.agent.make_runtime", no_runtime)
    paths = Paths.below(tmp_path)
    paths.agent_state.mkdir(parents=True, mode=0o755)
    node = Node(AgentSettings(server="https://127.0.0.1:1", node_name="n1"), paths)
    with pytest.raises(NotSupported):
        asyncio.run(node.start())
    for folder in (paths.agent_state, paths.run / "runtime"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
