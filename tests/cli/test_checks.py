"""What doctor says of hosts, as a table: a fact that is not as it should be, and the one check that minds."""

from dataclasses import replace
from typing import Any

import pytest

from k3py.base.paths import Paths
from k3py.cli.certificates import CertificateAge
from k3py.cli.checks import Facts, Level, Tool, examine
from k3py.cli.host_facts import gather
from k3py.cli.reporting import report

NOW = Facts().now
FRESH = CertificateAge("node", NOW - 10, NOW + 90)
HOSTS: list[tuple[str, dict[str, Any], str, Level]] = [
    ("not root", {"user": 1000}, "root", Level.FAIL),
    ("an old kernel", {"kernel": "5.7.19"}, "kernel", Level.FAIL),
    ("a kernel without a number", {"kernel": "unknown"}, "kernel", Level.FAIL),
    ("no cgroups", {"cgroups": ""}, "cgroups", Level.FAIL),
    ("no memory controller", {"controllers": frozenset({"cpu", "pids"})}, "cgroups", Level.FAIL),
    ("cgroups of version 1", {"cgroups": "v1"}, "cgroups", Level.WARN),
    ("no overlayfs", {"filesystems": frozenset({"ext4"})}, "overlayfs", Level.FAIL),
    ("no conmon", {"conmon": Tool()}, "conmon", Level.FAIL),
    ("a broken runtime", {"runtime": Tool("/usr/bin/runc", problem="no such library")}, "OCI runtime", Level.FAIL),
    ("the port is taken", {"port_is_free": False, "port_holder": "nginx (7)"}, "port", Level.WARN),
    ("our port is taken", {"port_is_free": False, "set_up": True, "agent_runs": True}, "port", Level.FAIL),
    ("the store in memory", {"store_filesystem": "tmpfs"}, "store", Level.WARN),
    ("the store on NFS", {"store_filesystem": "nfs4"}, "store", Level.WARN),
    ("a full disk", {"free_bytes": 1024}, "store", Level.FAIL),
    ("a clock of the past", {"now": 0.0}, "clock", Level.FAIL),
    ("a certificate of the future", {"certificates": [CertificateAge("node", NOW + 99, NOW + 999)]}, "clock",
     Level.FAIL),
    ("nobody keeps the clock", {"clock_is_synchronised": False}, "clock", Level.WARN),
    ("an expired certificate", {"certificates": [CertificateAge("node", NOW - 9, NOW)]}, "certificates", Level.FAIL),
    ("one not renewed", {"certificates": [CertificateAge("node", NOW - 85, NOW + 15)]}, "certificates", Level.WARN),
    ("a daemon is down", {"set_up": True, "server_runs": True, "agent_runs": True}, "daemons", Level.FAIL),
]  # fmt: skip


def test_a_good_host_passes_everything() -> None:
    assert {each.level for each in examine(Facts())} == {Level.OK}
    runs = {"server_runs": True, "agent_runs": True, "vpc_runs": True}
    running = replace(Facts(), set_up=True, **runs, port_is_free=False, certificates=[FRESH])
    assert {each.level for each in examine(running)} == {Level.OK}


@pytest.mark.parametrize(("what", "facts", "name", "level"), HOSTS)
def test_one_thing_is_wrong(what: str, facts: dict[str, Any], name: str, level: Level) -> None:
    results = {each.name: each for each in examine(replace(Facts(), **facts))}
    assert results[name].level is level, what
    assert results[name].remedy, "what is wrong comes with its remedy"


def test_the_remedy_stands_below() -> None:
    text = report(examine(replace(Facts(), conmon=Tool())), colours=False)
    assert "FAIL   conmon         not installed\n       -> apt-get install conmon\n" in text


def test_facts_of_this_host_can_be_had(tmp_path: Any) -> None:
    facts = gather(Paths.below(tmp_path))
    assert facts.kernel
    assert facts.store_filesystem
    assert not facts.server_runs
    assert not facts.set_up
