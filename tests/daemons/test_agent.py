"""The agent's settings that become the node's."""

import pytest

from k3py.daemons.agent import parse_taint
from k3py.daemons.settings import BadSetting


def test_taints_are_written_as_kubectl_writes_them() -> None:
    taint = parse_taint("dedicated=db:NoSchedule")
    assert (taint.key, taint.value, taint.effect) == ("dedicated", "db", "NoSchedule")
    assert parse_taint("gone:NoExecute").value == ""
    for wrong in ("", "a=b", "a=b:Never", ":NoSchedule", "=b:NoSchedule"):
        with pytest.raises(BadSetting, match="node-taint"):
            parse_taint(wrong)
