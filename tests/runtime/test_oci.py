"""What containers are really given on this machine: limits, rights, namespaces, streams. One story per promise."""

import asyncio
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from k3py.runtime import runc
from k3py.runtime.log_lines import LogOptions
from k3py.runtime.logs import read_log
from k3py.runtime.oci import OciRuntime
from k3py.runtime.port import (
    EXEC_OUTPUT_BYTES_MAX,
    CannotExec,
    CannotStart,
    ContainerState,
    Mount,
    Resources,
    Rlimit,
    Seccomp,
    User,
    WrongState,
)
from tests.runtime.machine import Machine, log_text, needs_containers, new_machine, play, until

pytestmark = needs_containers


async def run(runtime: OciRuntime, config: Any) -> str:
    """Create and start a container in pod uid-1; its id."""
    container = await runtime.create_container("uid-1", config)
    await runtime.start_container(container)
    return container


async def output_of(machine: Machine, runtime: OciRuntime, script: str, **more: Any) -> list[str]:
    """Run a script to its end in a container of its own; the lines it wrote."""
    await runtime.start_sandbox(machine.pod())
    name = more.pop("name", "main")
    container = await run(runtime, machine.shell(script, name, **more))
    await runtime.wait_exit(container)
    await runtime.remove_container(container)
    return log_text(machine, name)


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


def test_a_pods_containers_share_network_name_and_memory_but_not_processes(machine: Machine) -> None:
    async def story() -> None:
        runtime = machine.runtime()
        pod = machine.pod(sysctls={"net.core.somaxconn": "77", "kernel.shm_rmid_forced": "1"})
        sandbox = await runtime.start_sandbox(pod)
        assert sandbox.network_namespace == runtime.network_namespace("uid-1")
        server = await run(runtime, machine.shell("echo shared > /dev/shm/f; nc -l -p 8080 -e cat", "server"))
        look = "hostname; cat /proc/sys/net/core/somaxconn /proc/sys/kernel/shm_rmid_forced; cat /dev/shm/f; echo $$"
        await until(lambda: (machine.root / "run/pods/uid-1/ns/shm/f").exists())
        result = await runtime.exec_sync(await run(runtime, machine.shell("sleep 300", "other")), ["sh", "-c", look])
        *same, pid = result.stdout.decode().split()
        assert same == ["web-0", "77", "1", "shared"]
        assert int(pid) < 20
        connection = None
        async with asyncio.timeout(10):
            while connection is None:  # nc needs a moment to listen
                try:
                    connection = await runtime.connect("uid-1", 8080)
                except ConnectionRefusedError:
                    await asyncio.sleep(0.01)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(connection, b"through the pod's own loopback")
        assert await loop.sock_recv(connection, 100) == b"through the pod's own loopback"
        connection.close()
        assert (await runtime.status(server)).state in (ContainerState.RUNNING, ContainerState.EXITED)
        with pytest.raises(ConnectionRefusedError):
            await runtime.connect("uid-1", 8081)
        await runtime.close()

    play(story)


def test_with_the_hosts_namespaces_a_container_sees_the_host(machine: Machine) -> None:
    async def story() -> None:
        runtime = machine.runtime()
        sandbox = await runtime.start_sandbox(machine.pod(host_network=True, host_pid=True, host_ipc=True))
        assert sandbox.network_namespace is None
        container = await run(runtime, machine.shell(f"[ -d /proc/{os.getpid()} ] && hostname; sleep 300"))
        await until(lambda: (machine.logs / "main-0.log").exists() and log_text(machine) != [])
        assert log_text(machine) == [os.uname().nodename]
        record = runtime._records.find(container)
        assert record is not None
        for kind in ("net", "ipc", "uts", "pid"):
            assert os.readlink(f"/proc/{record.pid}/ns/{kind}") == os.readlink(f"/proc/self/ns/{kind}")
        assert (await runtime.stop_container(container, 0)).exit_code == 137
        await runtime.close()

    play(story)


def test_a_shared_process_namespace_outlives_its_containers_and_buries_orphans(machine: Machine) -> None:
    async def story() -> None:
        runtime = machine.runtime()
        await runtime.start_sandbox(machine.pod(share_process_namespace=True))
        first = await run(runtime, machine.shell("(sleep 0.2 &) ; sleep 300", "first"))
        second = await run(runtime, machine.shell("sleep 300", "second"))
        seen = (await runtime.exec_sync(second, ["ps"])).stdout.decode()
        assert "/pause" in seen.splitlines()[1]
        assert seen.count("sh -c") == 2 or seen.count("sleep 300") == 2
        assert (await runtime.stop_container(first, 0)).exit_code == 137
        assert (await runtime.exec_sync(second, ["true"])).exit_code == 0
        assert "sleep 0.2" not in (await runtime.exec_sync(second, ["ps"])).stdout.decode()
        await runtime.close()

    play(story)


@pytest.mark.parametrize(
    ("sysctls", "why"),
    [
        ({"kernel.panic": "1"}, "belongs to the whole host"),
        ({"net.core.somaxconn": "no number"}, "somaxconn"),
        ({"net/../../etc/passwd": "x"}, "no name"),
    ],
)
def test_a_sandbox_that_cannot_be_made_leaves_nothing(machine: Machine, sysctls: dict[str, str], why: str) -> None:
    async def story() -> None:
        runtime = machine.runtime()
        with pytest.raises(CannotStart, match=why if why != "somaxconn" else "Invalid argument"):
            await runtime.start_sandbox(machine.pod(sysctls=sysctls))
        assert await runtime.list() == []
        await runtime.close()

    play(story)


def test_what_cannot_be_created_says_why_and_leaves_nothing(machine: Machine) -> None:
    async def story() -> None:
        runtime = machine.runtime()
        await runtime.start_sandbox(machine.pod())
        plain = machine.shell("true")
        for config, why in (
            (replace(plain, args=("nope",)), "executable file not found"),
            (replace(plain, image_layers=(machine.root / "no-layer",)), "no-layer"),
            (replace(plain, mounts=(Mount(machine.root / "no-source", "/data"),)), "no-source"),
        ):
            with pytest.raises(CannotStart, match=why) as refused:
                await runtime.create_container("uid-1", config)
            assert refused.value.reason == "CreateContainerError"
        assert (await runtime.list())[0].containers == ()
        await runtime.close()

    play(story)


def test_a_terminal_is_attached_resized_and_written_to(machine: Machine) -> None:
    async def story() -> None:
        runtime = machine.runtime()
        await runtime.start_sandbox(machine.pod())
        script = "while read line; do echo got $line; stty size; done; exit 9"
        container = await run(runtime, machine.shell(script, tty=True, stdin=True))
        attachment = await runtime.attach(container)
        await runtime.resize(container, 99, 33)
        await attachment.write_stdin(b"hello\n")
        seen = b""
        async for _, data in attachment.output():
            seen += data
            if b"33 99" in seen:
                break
        assert b"got hello" in seen
        await attachment.close_stdin()
        assert (await runtime.wait_exit(container)).exit_code == 9
        await attachment.close()
        with pytest.raises(WrongState):
            await runtime.attach(container)
        await runtime.close()

    play(story)


def test_input_by_attachment_ends_with_it_when_it_may_come_once_only(machine: Machine) -> None:
    async def story() -> None:
        runtime = machine.runtime()
        await runtime.start_sandbox(machine.pod())
        container = await run(runtime, machine.shell("cat; echo end", stdin=True, stdin_once=True))
        attachment = await runtime.attach(container)
        await attachment.write_stdin(b"x" * 20_000 + b"\n")
        await attachment.close_stdin()
        assert (await runtime.wait_exit(container)).exit_code == 0
        await attachment.close()
        shown = b"".join([data async for data in read_log(machine.logs / "main-0.log", LogOptions())])
        assert shown == b"x" * 20_000 + b"\nend\n"
        await runtime.close()

    play(story)


def test_a_command_on_a_terminal_has_its_size_its_end_and_its_code(machine: Machine) -> None:
    async def story() -> None:
        runtime = machine.runtime()
        await runtime.start_sandbox(machine.pod())
        container = await run(runtime, machine.shell("sleep 300", env=[("A", "1")]))
        script = "read x; tty; stty size; echo $x $A $B $PATH; pwd; exit 11"
        process = await runtime.exec(container, ["sh", "-c", script], tty=True, env=[("B", "2")], working_dir="/data")
        await process.resize(60, 21)
        await process.write_stdin(b"hello\n")
        seen = b"".join([data async for _, data in process.output()]).decode().split("\r\n")
        assert seen[-4:-1] == [
            "21 60",
            "hello 1 2 /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "/data",
        ]
        assert await process.wait() == 11
        forever = await runtime.exec(container, ["sleep", "300"], tty=True)
        await forever.kill()
        assert await forever.wait() == 137
        await process.kill()
        for name, code in (("nope", 127), ("/etc", 126)):
            with pytest.raises(CannotExec) as refused:
                await runtime.exec(container, [name], tty=True)
            assert refused.value.exit_code == code
            with pytest.raises(CannotExec) as refused:
                await runtime.exec_sync(container, [name])
            assert refused.value.exit_code == code
        assert not any((machine.root / "run/pods/uid-1/exec").iterdir())
        await runtime.close()

    play(story)


def test_much_output_is_bounded_and_a_slow_reader_slows_the_command(machine: Machine) -> None:
    async def story() -> None:
        runtime = machine.runtime()
        await runtime.start_sandbox(machine.pod())
        container = await run(runtime, machine.shell("sleep 300"))
        flood = ["sh", "-c", "dd if=/dev/zero bs=1024 count=4096 2>/dev/null"]
        result = await runtime.exec_sync(container, flood)
        assert (len(result.stdout), result.exit_code) == (EXEC_OUTPUT_BYTES_MAX, 0)
        process = await runtime.exec(container, flood)
        total = 0
        async for _, data in process.output():
            total += len(data)
            await asyncio.sleep(0)
        assert total == 4096 * 1024
        assert await process.wait() == 0
        unread = await runtime.exec(container, flood)
        await unread.kill()
        await runtime.close()

    play(story)


def test_a_log_is_rotated_without_losing_a_line(machine: Machine) -> None:
    async def story() -> None:
        runtime = machine.runtime()
        await runtime.start_sandbox(machine.pod())
        script = "i=0; while [ $i -lt 300 ]; do echo line $i; i=$((i+1)); sleep 0.003; done"
        config = machine.shell(script)
        container = await run(runtime, config)
        ended = asyncio.ensure_future(runtime.wait_exit(container))
        seen = b""
        rotations = 0
        async for data in read_log(config.log_path, LogOptions(follow=True), ended):
            seen += data
            if seen.count(b"\n") > 60 * (rotations + 1) and rotations < 2:
                rotations += 1
                config.log_path.rename(config.log_path.with_suffix(f".{rotations}"))
                await runtime.reopen_log(container)
        assert rotations == 2
        assert seen == b"".join(b"line %d\n" % n for n in range(300))
        await runtime.close()

    play(story)


def test_two_instances_on_one_host_do_not_see_one_another(machine: Machine) -> None:
    with new_machine() as neighbour:

        async def story() -> None:
            ours, theirs = machine.runtime(), neighbour.runtime()
            for place, runtime in ((machine, ours), (neighbour, theirs)):
                await runtime.start_sandbox(place.pod())
                await run(runtime, place.shell("sleep 300"))
            assert len(await ours.list()) == len(await theirs.list()) == 1
            assert machine.processes().isdisjoint(neighbour.processes())
            await ours.stop_sandbox("uid-1")
            assert (await theirs.list())[0].containers[0].state is ContainerState.RUNNING
            await ours.close()
            await theirs.close()

        play(story)


def test_what_the_first_process_leaves_behind_ends_with_it(machine: Machine) -> None:
    async def story() -> None:
        runtime = machine.runtime()
        await runtime.start_sandbox(machine.pod(host_pid=True))
        container = await run(runtime, machine.shell("sleep 300 & sleep 300 & exit 3"))
        assert (await runtime.wait_exit(container)).exit_code == 3
        await until(lambda: machine.processes() == set())
        await runtime.close()

    play(story)


def test_a_fork_bomb_is_killed_whole(machine: Machine) -> None:
    async def story() -> None:
        runtime = machine.runtime()
        await runtime.start_sandbox(machine.pod(host_pid=True, resources=Resources(pids_limit=200)))
        script = "f() { sleep 0.01; f & f & }; f; trap '' TERM; while :; do sleep 1; done"
        await run(runtime, machine.shell(script, resources=Resources(pids_limit=100)))
        await until(lambda: len(machine.processes()) > 60)
        await runtime.stop_sandbox("uid-1")
        assert machine.processes() == set()
        await runtime.close()

    play(story)


def test_the_shim_ends_the_command_when_its_owner_is_killed(machine: Machine) -> None:
    """A terminal's command belongs to whoever opened it; it does not stay behind in the container."""

    async def story() -> None:
        runtime = machine.runtime()
        await runtime.start_sandbox(machine.pod())
        container = await run(runtime, machine.shell("sleep 300"))
        owner = subprocess.Popen(
            [
                sys.executable,
                "-c",
                OWNER,
                str(machine.root),
                str(machine.layer),
                container,
                str(Path(__file__).parents[2]),
            ],
            stdout=subprocess.PIPE,
        )
        try:
            assert owner.stdout is not None
            assert await asyncio.to_thread(owner.stdout.readline) == b"open\n"
            assert len(machine.processes()) == 3
        finally:
            owner.send_signal(signal.SIGKILL)
            owner.communicate()
        await until(lambda: len(machine.processes()) == 2)
        await runtime.close()

    play(story)


OWNER = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[4])
from tests.runtime.machine import Machine

async def story():
    runtime = Machine(Path(sys.argv[1]), Path(sys.argv[2])).runtime()
    process = await runtime.exec(sys.argv[3], ["sleep", "200"], tty=True)
    print("open", flush=True)
    await process.wait()

asyncio.run(story())
"""


def test_the_runtime_that_made_a_container_is_kept_with_it(machine: Machine) -> None:
    """A node that changes its runtime still knows what the old one made."""

    async def story() -> None:
        first = machine.runtime("runc")
        await first.start_sandbox(machine.pod())
        container = await run(first, machine.shell("sleep 300"))
        await first.close()
        second = machine.runtime("crun")
        assert (await second.exec_sync(container, ["sh", "-c", "exit 4"])).exit_code == 4
        other = await run(second, machine.shell("exit 5", "other"))
        assert (await second.wait_exit(other)).exit_code == 5
        record = second._records.find(container)
        assert record is not None
        listed = json.loads(
            await runc.call(runc.RuntimeCommand(record.runtime_path, record.runtime_root), "list", "-f", "json")
        )
        assert [entry["id"] for entry in listed] == [container]
        await second.close()

    if shutil.which("crun") is None or shutil.which("runc") is None:
        pytest.skip("needs runc and crun")
    play(story)
