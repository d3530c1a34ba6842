"""config.json: what a container asks for becomes what the runtime specification calls it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from k3py.runtime.host import capability_names, parse_capabilities
from k3py.runtime.oci_config import (
    ALL_CAPABILITIES,
    DEFAULT_CAPABILITIES,
    MASKED_PATHS,
    Device,
    HostFacts,
    Shared,
    capabilities_of,
    clamp_rlimits,
    container_config,
    exec_process,
    resources,
)
from k3py.runtime.port import ContainerConfig, Mount, Propagation, Resources, Rlimit, Seccomp, User

EVERYTHING = frozenset(ALL_CAPABILITIES)
FACTS = HostFacts("x86_64", EVERYTHING, {"RLIMIT_NOFILE": 20_000}, cgroup_v2=False, swap_limit=True)
WEAK = replace(FACTS, capabilities=EVERYTHING - {"CAP_SYS_RESOURCE"}, oom_score_adj_min=-5)
PLAIN = ContainerConfig("main", 0, (Path("/layer"),), ("run",), Path("/log"))


def made(config: ContainerConfig = PLAIN, facts: HostFacts = FACTS, shared: Shared | None = None) -> dict[str, Any]:
    return container_config(config, shared or Shared(), facts, "/root/fs", "k3py/pod/c")


@pytest.mark.parametrize(
    ("add", "drop", "privileged", "held"),
    [
        ((), (), False, set(DEFAULT_CAPABILITIES)),
        (("net_admin",), ("CHOWN",), False, set(DEFAULT_CAPABILITIES) - {"CAP_CHOWN"} | {"CAP_NET_ADMIN"}),
        (("NET_RAW",), ("ALL",), False, {"CAP_NET_RAW"}),
        (("ALL",), ("CAP_SYS_ADMIN",), False, EVERYTHING - {"CAP_SYS_ADMIN"}),
        (("NO_SUCH",), ("ALL",), False, set()),
        ((), ("ALL",), True, EVERYTHING),
    ],
)
def test_capabilities(add: tuple[str, ...], drop: tuple[str, ...], privileged: bool, held: set[str]) -> None:
    config = replace(PLAIN, capabilities_add=add, capabilities_drop=drop, privileged=privileged)
    assert set(capabilities_of(config, EVERYTHING)) == held


def test_nothing_is_passed_on_that_we_do_not_hold() -> None:
    config = replace(PLAIN, privileged=True)
    assert capabilities_of(config, frozenset({"CAP_KILL"})) == ["CAP_KILL"]


def test_capability_masks_are_read_from_proc() -> None:
    assert capability_names(0xA80425FB) == set(DEFAULT_CAPABILITIES)
    status = "Name:\tx\nCapEff:\t000001ffffffffff\nCapBnd:\t000001fffeffffff\n"
    assert parse_capabilities(status) == EVERYTHING - {"CAP_SYS_RESOURCE"}


def test_rlimits_and_oom_score_stay_within_what_we_may_give() -> None:
    wanted = [Rlimit("RLIMIT_NOFILE", 30_000, 1_048_576), Rlimit("RLIMIT_CORE", 0, 5)]
    assert clamp_rlimits(wanted, WEAK) == [
        {"type": "RLIMIT_NOFILE", "soft": 20_000, "hard": 20_000},
        {"type": "RLIMIT_CORE", "soft": 0, "hard": 5},
    ]
    assert clamp_rlimits(wanted, FACTS)[0]["hard"] == 1_048_576
    urgent = replace(PLAIN, oom_score_adj=-998)
    assert made(urgent, WEAK)["process"]["oomScoreAdj"] == -5
    assert made(urgent, FACTS)["process"]["oomScoreAdj"] == -998


def test_the_process_is_who_where_and_what_was_asked() -> None:
    config = replace(PLAIN, user=User(5, 6, (7,)), env=[("A", "1")], working_dir="/w", tty=True, no_new_privileges=True)
    process = made(config)["process"]
    assert process["user"] == {"uid": 5, "gid": 6, "additionalGids": [7]}
    assert (process["cwd"], process["terminal"], process["noNewPrivileges"]) == ("/w", True, True)
    assert process["env"][0].startswith("PATH=")
    assert process["env"][1:] == ["A=1", "TERM=xterm"]
    own_path = made(replace(PLAIN, env=[("PATH", "/bin")]))["process"]
    assert own_path["env"] == ["PATH=/bin"]


def test_a_command_beside_it_keeps_its_rights_and_gets_its_own_arguments() -> None:
    main = made(replace(PLAIN, env=[("A", "1"), ("B", "2")], user=User(5)))["process"]
    process = exec_process(main, ["ls"], True, [("A", "9")], None)
    assert process["args"] == ["ls"]
    assert process["env"][1:] == ["B=2", "A=9", "TERM=xterm"]
    assert (process["user"], process["cwd"], process["capabilities"]) == (main["user"], "/", main["capabilities"])
    assert main["args"] == ["run"]


def test_namespaces_are_joined_made_or_the_hosts() -> None:
    shared = Shared({"pid": "", "network": "/pins/net"}, Path("/pins/shm"))
    config = made(shared=shared)
    assert config["linux"]["namespaces"] == [
        {"type": "mount"},
        {"type": "pid"},
        {"type": "network", "path": "/pins/net"},
    ]
    shm = next(mount for mount in config["mounts"] if mount["destination"] == "/dev/shm")
    assert (shm["type"], shm["source"]) == ("bind", "/pins/shm")
    assert "hostname" not in config, "runtimes refuse it with a uts namespace by path"


def test_v2_gets_a_cgroup_namespace_its_tree_and_group_kill() -> None:
    config = made(facts=replace(FACTS, cgroup_v2=True, oom_group=True))
    assert {"type": "cgroup"} in config["linux"]["namespaces"]
    assert "/sys/fs/cgroup" in [mount["destination"] for mount in config["mounts"]]
    assert config["linux"]["resources"]["unified"] == {"memory.oom.group": "1"}


def test_mounts_keep_their_order_and_may_replace_a_system_mount() -> None:
    mounts = (
        Mount(Path("/a"), "/data", read_only=True, options=("noexec",)),
        Mount(Path("/b"), "/dev/shm/", propagation=Propagation.BIDIRECTIONAL),
    )
    config = made(replace(PLAIN, mounts=mounts))
    assert config["mounts"][-2:] == [
        {"destination": "/data", "type": "bind", "source": "/a", "options": ["rbind", "rprivate", "ro", "noexec"]},
        {"destination": "/dev/shm/", "type": "bind", "source": "/b", "options": ["rbind", "rshared", "rw"]},
    ]
    assert [m["destination"] for m in config["mounts"]].count("/dev/shm") == 0
    assert config["linux"]["rootfsPropagation"] == "rshared"


def test_paths_are_masked_unless_something_else_is_said() -> None:
    assert made()["linux"]["maskedPaths"] == list(MASKED_PATHS)
    assert made(replace(PLAIN, masked_paths=(), readonly_paths=("/x",)))["linux"]["maskedPaths"] == []
    assert made(replace(PLAIN, readonly_paths=("/x",)))["linux"]["readonlyPaths"] == ["/x"]


def test_privileged_lifts_the_restrictions() -> None:
    devices = [Device("/dev/loop0", "b", 7, 0, 0o660, 0, 6)]
    config = made(replace(PLAIN, privileged=True, no_new_privileges=True), replace(FACTS, devices=devices))
    linux = config["linux"]
    assert "seccomp" not in linux
    assert linux["maskedPaths"] == linux["readonlyPaths"] == []
    assert linux["resources"]["devices"] == [{"allow": True, "access": "rwm"}]
    assert (
        linux["devices"][0] | {"path": "/dev/loop0", "type": "b", "major": 7, "fileMode": 0o660} == linux["devices"][0]
    )
    assert config["process"]["noNewPrivileges"] is False


def test_limits() -> None:
    assert resources(Resources(500, 250, 0, 1 << 20, 9), FACTS) == {
        "cpu": {"shares": 512, "quota": 25_000, "period": 100_000},
        "memory": {"limit": 1 << 20, "swap": 1 << 20},
        "pids": {"limit": 9},
    }
    assert resources(Resources(), replace(FACTS, swap_limit=False)) == {"cpu": {"shares": 2}}


def test_no_filter_when_unconfined() -> None:
    assert "seccomp" not in made(replace(PLAIN, seccomp=Seccomp.UNCONFINED))["linux"]
