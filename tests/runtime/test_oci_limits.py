"""What containers are given on this machine: rights, limits, a root file system. One story per promise."""

import os
import resource
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

from k3py.runtime.oci import OciRuntime
from k3py.runtime.port import (
    Mount,
    Resources,
    Rlimit,
    Seccomp,
    User,
)
from tests.runtime.machine import Machine, log_text, needs_containers, output_of, play, run, until

pytestmark = needs_containers


def test_a_container_lives_in_its_pods_cgroup_and_in_a_session_of_its_own(machine: Machine) -> None:
    async def story() -> None:
        runtime = machine.runtime()
        await runtime.start_sandbox(machine.pod())
        container = await run(runtime, machine.shell("sleep 300"))
        record = runtime._records.find(container)
        assert record is not None
        ours = Path("/proc/self/cgroup").read_text()
        for pid in (record.pid, record.conmon_pid):
            places = [line.split(":", 2)[2] for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()]
            assert all(place.startswith(f"/{machine.instance}/pods/burstable/poduid-1/") for place in places), ours
            assert os.getsid(pid) != os.getsid(0)
            assert os.getpgid(pid) != os.getpgid(0)
        await runtime.close()

    play(story)


def test_processes_are_given_what_the_pod_asks_for_and_no_more(machine: Machine) -> None:
    async def story() -> None:
        runtime = machine.runtime()
        status = "grep -E '^(CapEff|NoNewPrivs|Seccomp):' /proc/self/status"
        assert await output_of(machine, runtime, status) == [
            "CapEff:\t00000000a80425fb",
            "NoNewPrivs:\t0",
            "Seccomp:\t2",
        ]
        more: dict[str, Any] = {"capabilities_drop": ("ALL",), "capabilities_add": ("NET_BIND_SERVICE",)}
        more |= {"no_new_privileges": True, "seccomp": Seccomp.UNCONFINED, "name": "strict"}
        assert await output_of(machine, runtime, status, **more) == [
            "CapEff:\t0000000000000400",
            "NoNewPrivs:\t1",
            "Seccomp:\t0",
        ]
        lines = await output_of(
            machine,
            runtime,
            "id; pwd; echo $A",
            user=User(7, 8, (9,)),
            working_dir="/data",
            env=[("A", "b c")],
            name="u",
        )
        assert lines == ["uid=7 gid=8 groups=9", "/data", "b c"]
        await runtime.close()

    play(story)


def test_the_default_filter_refuses_what_reaches_beyond_the_container(machine: Machine) -> None:
    async def story() -> None:
        runtime = machine.runtime()
        script = (
            "exec 2>&1; unshare -n true; mount -t tmpfs t /tmp; chmod 600 /tmp && echo chmod; sh -c 'exit 5'; echo $?"
        )
        everything = {"capabilities_add": ("SYS_ADMIN",)}
        assert await output_of(machine, runtime, script) == [
            "unshare: unshare(0x40000000): Operation not permitted",
            "mount: permission denied (are you root?)",
            "chmod",
            "5",
        ]
        assert (await output_of(machine, runtime, script, name="admin", **everything)) == ["chmod", "5"]
        await runtime.close()

    play(story)


def test_a_privileged_container_may_all_that_we_may(machine: Machine) -> None:
    async def story() -> None:
        runtime = machine.runtime()
        script = "mount -t tmpfs t /tmp && echo mounted; ls /dev | grep -c . ; grep Seccomp: /proc/self/status"
        mounted, devices, filtered = await output_of(machine, runtime, script, privileged=True)
        assert (mounted, filtered) == ("mounted", "Seccomp:\t0")
        assert int(devices) > 20
        await runtime.close()

    play(story)


def test_a_read_only_root_takes_writes_only_where_something_is_mounted(machine: Machine) -> None:
    async def story() -> None:
        runtime = machine.runtime()
        (machine.root / "volume").mkdir()
        (machine.root / "fixed").mkdir()
        mounts = [Mount(machine.root / "volume", "/data"), Mount(machine.root / "fixed", "/etc", read_only=True)]
        script = "touch /x || echo no root; touch /data/x && echo data; touch /etc/x || echo no etc"
        lines = await output_of(machine, runtime, script, read_only_root=True, mounts=mounts)
        assert [line for line in lines if "touch" not in line] == ["no root", "data", "no etc"]
        assert (machine.root / "volume/x").exists()
        assert not (machine.layer / "x").exists()
        await runtime.close()

    play(story)


def test_writes_stay_in_the_container_and_layers_lie_above_one_another(machine: Machine) -> None:
    async def story() -> None:
        runtime = machine.runtime()
        layers = [machine.layer]
        for number in range(60):
            layer = machine.root / ("a-layer-with-a-long-name-" * 4 + str(number))
            (layer / "etc").mkdir(parents=True)
            (layer / "etc/top").write_text(f"{number}\n")
            layers.append(layer)
        await runtime.start_sandbox(machine.pod())
        config = machine.shell("cat /etc/top; echo new > /etc/top; cat /etc/top")
        container = await run(runtime, replace(config, image_layers=layers))
        await runtime.wait_exit(container)
        assert log_text(machine) == ["59", "new"]
        assert (layers[-1] / "etc/top").read_text() == "59\n"
        await runtime.close()

    play(story)


def test_rlimits_above_our_own_are_clamped_instead_of_failing(machine: Machine) -> None:
    async def story() -> None:
        runtime = machine.runtime()
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        wanted = [Rlimit("RLIMIT_NOFILE", 1024, hard * 100), Rlimit("RLIMIT_CORE", 0, 0)]
        lines = await output_of(
            machine, runtime, "ulimit -n; ulimit -H -n; ulimit -c", rlimits=wanted, oom_score_adj=-999
        )
        may_raise = "CAP_SYS_RESOURCE" in runtime._host.facts.capabilities
        assert lines == ["1024", str(hard * 100 if may_raise else hard), "0"]
        await runtime.close()

    play(story)


def test_a_container_that_outgrows_its_memory_is_reported_as_such(machine: Machine) -> None:
    async def story() -> None:
        runtime = machine.runtime()
        await runtime.start_sandbox(machine.pod())
        limits = Resources(memory_limit_bytes=24 << 20)
        container = await run(runtime, machine.shell("x=aaaaaaaa; while :; do x=$x$x; done", resources=limits))
        ended = await runtime.wait_exit(container)
        assert (ended.exit_code, ended.oom_killed, ended.reason) == (137, True, "OOMKilled")
        killed = await run(runtime, machine.shell("sleep 300", "other", resources=limits))
        await runtime.signal_container(killed, signal.SIGKILL)
        ended = await runtime.wait_exit(killed)
        assert (ended.exit_code, ended.signal, ended.oom_killed, ended.reason) == (137, 9, False, "Error")
        await runtime.close()

    play(story)


def test_limits_hold_are_measured_and_change_in_place(machine: Machine) -> None:
    async def story() -> None:
        runtime = machine.runtime()
        await runtime.start_sandbox(machine.pod(resources=Resources(500, 1000, 0, 256 << 20, 64)))
        limits = Resources(100, 200, 0, 64 << 20, 8)
        config = machine.shell(
            "sh -c 'for i in 1 2 3 4 5 6 7 8 9 10; do sleep 60 & done'; exec sleep 60", resources=limits
        )
        container = await run(runtime, config)
        await until(lambda: config.log_path.exists() and "fork" in config.log_path.read_text())
        stats = await runtime.stats(container)
        assert 0 < stats.memory_working_set_bytes <= stats.memory_usage_bytes < 64 << 20
        assert 1 <= stats.processes <= 8
        assert stats.cpu_nanoseconds > 0
        tree, file = _memory_limit_file(runtime)
        assert (tree / machine.pod().cgroup_parent / file).read_text().strip() == str(256 << 20)
        await runtime.update_sandbox("uid-1", Resources(500, 1000, 0, 512 << 20, 64))
        assert (tree / machine.pod().cgroup_parent / file).read_text().strip() == str(512 << 20)
        await runtime.update_resources(container, Resources(200, 300, 0, 96 << 20, 8))
        assert (tree / machine.pod().cgroup_parent / container / file).read_text().strip() == str(96 << 20)
        await runtime.close()

    play(story)


def _memory_limit_file(runtime: OciRuntime) -> tuple[Path, str]:
    layout = runtime._host.cgroups.layout
    if layout.unified is not None and layout.is_v2:
        return layout.unified, "memory.max"
    return layout.v1["memory"], "memory.limit_in_bytes"
