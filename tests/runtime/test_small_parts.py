"""Parts too small for a file of their own each: sysctls, overlay, pause, processes, conmon's and runtimes' words."""

import asyncio
import errno
import os
import platform
import resource
import signal
import struct
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.runtime import conmon, exec_shim, kernel
from k3py.runtime.cgroups import Cgroups, Layout
from k3py.runtime.exec import start_failure
from k3py.runtime.overlay import LAYERS_MAX, mount_root, overlay_options
from k3py.runtime.pause import pause_program
from k3py.runtime.port import NotSupported
from k3py.runtime.processes import Identity, identify, is_alive, open_pidfd, parse_start_ticks, send_signal, wait_ended
from k3py.runtime.records import Exit, Records, checked_name
from k3py.runtime.runc import RuntimeCommand, RuntimeFailed, choose_runtime, joined, readable_error, runtime_order
from k3py.runtime.sandbox import pins_for
from k3py.runtime.sysctls import sysctl_files


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("net.core.somaxconn", "net/core/somaxconn"),
        ("net/ipv4/conf/eth0.1/forwarding", "net/ipv4/conf/eth0.1/forwarding"),
        ("kernel.shmmax", "kernel/shmmax"),
        ("fs.mqueue.msg_max", "fs/mqueue/msg_max"),
        ("kernel.panic", None),
        ("vm.swappiness", None),
        ("net/../kernel/panic", None),
        ("net.core..x", None),
        ("/etc/passwd", None),
        ("", None),
        ("net." + "a" * 300, None),
    ],
)
def test_sysctls_of_the_pods_own_namespaces(name: str, path: str | None) -> None:
    if path is None:
        with pytest.raises(ValueError, match="cannot set sysctl"):
            sysctl_files({name: "1"}, True, True)
    else:
        assert sysctl_files({name: "1"}, True, True) == [(path, "1")]
        with pytest.raises(ValueError, match="uses the host's"):
            sysctl_files({name: "1"}, False, False)


@given(st.text(max_size=40))
def test_no_sysctl_leaves_its_folder(name: str) -> None:
    try:
        found = sysctl_files({name: "1"}, True, True)
    except ValueError:
        return
    assert not any(part in ("", "..", ".") for path, _ in found for part in path.split("/"))


def test_the_pins_of_a_pod() -> None:
    assert pins_for(False, False, False) == ("net", "uts", "ipc", "shm")
    assert pins_for(True, False, True) == ("ipc", "shm", "pid")
    assert pins_for(True, True, False) == ()


def test_overlay_options_name_the_top_first_and_fit_a_page(tmp_path: Path) -> None:
    assert overlay_options(3) == "lowerdir=l/2:l/1:l/0,upperdir=upper,workdir=work"
    assert len(overlay_options(LAYERS_MAX)) < 4096
    with pytest.raises(ValueError, match="at most 128"):
        overlay_options(LAYERS_MAX + 1)
    with pytest.raises(FileNotFoundError, match="its layer"):
        asyncio.run(mount_root(tmp_path, [Path("/no/layer")]))


@pytest.mark.skipif(platform.machine() not in ("x86_64", "aarch64"), reason="needs a machine we have a program for")
def test_the_pause_program_waits_for_ever_and_ignores_ended_children(tmp_path: Path) -> None:
    program = tmp_path / "pause"
    program.write_bytes(pause_program(platform.machine()))
    program.chmod(0o755)
    process = subprocess.Popen([program])
    try:
        ended_child = 1 << (signal.SIGCHLD - 1)  # others may be ignored too: that is inherited
        status = Path(f"/proc/{process.pid}/status")
        for _ in range(1000):
            mask = next(line for line in status.read_text().splitlines() if line.startswith("SigIgn"))
            if int(mask.split()[1], 16) & ended_child:
                break
            os.sched_yield()
        assert int(mask.split()[1], 16) & ended_child
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.05)
    finally:
        process.kill()
        process.wait()


def test_the_pause_program_for_arm_is_what_an_assembler_makes() -> None:
    words = struct.unpack("<14I", pause_program("aarch64")[120:176])
    assert words[:3] == (0xD28010C8, 0xD2800220, 0x10000181)  # mov x8, #134; mov x0, #17; adr x1, .+48
    assert words[11:13] == (0xD4000001, 0x17FFFFFA)  # svc #0; b .-24
    with pytest.raises(NotSupported, match="mips"):
        pause_program("mips")


def test_a_process_is_known_by_its_start_too() -> None:
    ours = identify(os.getpid())
    assert ours is not None
    assert is_alive(ours)
    stranger = Identity(ours.pid, ours.start_ticks + 1, ours.boot_id)
    assert not is_alive(stranger)
    assert open_pidfd(stranger) is None
    assert not send_signal(stranger, signal.SIGKILL)
    assert not is_alive(Identity(ours.pid, ours.start_ticks, "another boot"))
    assert identify(0) is None


def test_the_end_of_processes_is_waited_for() -> None:
    child = subprocess.Popen(["sleep", "60"])
    descriptor = os.pidfd_open(child.pid)

    async def story() -> None:
        assert not await wait_ended([descriptor], 0.01)
        child.kill()
        assert await wait_ended([descriptor], 10)
        assert await wait_ended([], 10)

    try:
        asyncio.run(story())
    finally:
        child.kill()
        child.wait()
        os.close(descriptor)


@pytest.mark.parametrize(
    ("stat", "found"),
    [
        (b"7 (a) b) S " + b"0 " * 18 + b"77 0", ("S", 77)),
        (b"7 (sh) Z " + b"0 " * 18 + b"5 0", ("Z", 5)),
        (b"7 (sh) S 1 2", None),
        (b"", None),
    ],
)
def test_stat_lines(stat: bytes, found: tuple[str, int] | None) -> None:
    if found is None:
        with pytest.raises(ValueError, match="not a /proc"):
            parse_start_ticks(stat)
    else:
        assert parse_start_ticks(stat) == found


@given(st.binary(max_size=200))
def test_any_stat_line_is_understood_or_refused(stat: bytes) -> None:
    try:
        parse_start_ticks(stat)
    except ValueError:
        return


def test_conmon_answers_a_pid_or_says_why_not() -> None:
    assert conmon.parse_answer(b'{"data": 17}\n') == 17
    with pytest.raises(RuntimeFailed, match="no such file"):
        conmon.parse_answer(b'{"data": -1, "message": "no such file"}')


@given(st.binary(max_size=100))
def test_any_answer_is_a_pid_or_refused(answer: bytes) -> None:
    try:
        assert conmon.parse_answer(answer) > 0
    except RuntimeFailed:
        return


def test_conmons_command_line() -> None:
    command = RuntimeCommand("/usr/bin/crun", "/run/crun")
    launch = conmon.Launch("conmon", command, "id", "main", Path("/c"), Path("/exits"), Path("/log"))
    line = conmon.command_line(launch)
    assert "--runtime-arg" in line
    assert line[line.index("--runtime-arg") + 1] == "--root=/run/crun"
    assert not {"--terminal", "--stdin", "--leave-stdin-open"} & set(line)
    assert "--leave-stdin-open" in conmon.command_line(replace(launch, stdin=True))
    assert "--leave-stdin-open" not in conmon.command_line(replace(launch, stdin=True, stdin_once=True))
    assert "--terminal" in conmon.command_line(replace(launch, tty=True))


def test_an_order_to_a_conmon_that_is_gone_is_not_an_error(tmp_path: Path) -> None:
    assert not conmon.reopen_log(tmp_path)
    os.mkfifo(tmp_path / "ctl")
    assert not conmon.resize(tmp_path, 80, 24)


@pytest.mark.parametrize(
    ("hybrid", "installed", "chosen"),
    [
        (False, ["runc", "crun"], "crun"),
        (True, ["runc", "crun"], "runc"),
        (True, ["crun"], "crun"),
        (False, ["youki", "runc"], "youki"),
        (False, [], None),
    ],
)
def test_the_runtime_chosen(hybrid: bool, installed: Sequence[str], chosen: str | None) -> None:
    def which(name: str) -> str | None:
        return f"/bin/{name}" if name in installed else None

    assert set(runtime_order(hybrid)) == {"runc", "crun", "youki"}
    if chosen is None:
        with pytest.raises(NotSupported, match="none of crun, youki and runc"):
            choose_runtime(hybrid, which)
    else:
        assert choose_runtime(hybrid, which) == f"/bin/{chosen}"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (b'time="x" level=error msg="exec: \\"a\\": not found"\n', 'exec: "a": not found'),
        (b'{"level":"error","msg":"no room"}', "no room"),
        (b"first\nlast words\n", "last words"),
        (b"\x1b[1;31m2026-11-22T16:52:41.041379Z: exec `a` not found\x1b[0m\n", "exec `a` not found"),
        (b"{broken", "{broken"),
        (b"[1]", "[1]"),
        (b"", ""),
    ],
)
def test_what_runtimes_say_is_shown_as_one_line(said: bytes, shown: str) -> None:
    assert readable_error(said) == shown


@given(st.binary(max_size=300))
def test_whatever_runtimes_say_can_be_shown(said: bytes) -> None:
    assert "\n" not in readable_error(said)


def test_a_command_that_cannot_start_has_a_shells_exit_code() -> None:
    assert start_failure(b'exec: "a": executable file not found in $PATH').exit_code == 127
    assert start_failure(b"exec: permission denied").exit_code == 126


def test_a_process_enters_its_cgroups_before_it_becomes_the_command(tmp_path: Path) -> None:
    files = [tmp_path / "a", tmp_path / "b"]
    line = joined([str(file) for file in files], ["echo", "$HOME; x"])
    assert subprocess.run(line, check=True, capture_output=True).stdout == b"$HOME; x\n"
    assert [file.read_text() for file in files] == ["0\n", "0\n"]
    refused = subprocess.run(joined([str(tmp_path / "no/file")], ["echo"]), capture_output=True, check=False)
    assert (refused.returncode, refused.stdout) == (97, b""), "outside its cgroup it must not run"


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a" * 129, ".hidden", "a\n"])
def test_names_that_would_leave_their_folder_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="folder name"):
        checked_name(name)


def test_exit_files(tmp_path: Path) -> None:
    records = Records(tmp_path, tmp_path)
    records.exits.mkdir()
    assert records.exit("c") is None
    (records.exits / "c").write_text("garbage")
    assert records.exit("c") is None
    (records.exits / "c").write_text("137")
    os.utime(records.exits / "c", (5, 5))
    assert records.exit("c") == Exit(137, 5.0)
    assert records.find("../../etc") is None


def test_mount_points_below_a_folder_last_first() -> None:
    lines = [
        "1 0 0:1 / / rw - x x rw",
        "2 1 0:1 / /a/b rw - x x rw",
        "3 1 0:1 / /a/b/c\\040d rw - x x rw",
        "4 1 0:1 / /a/bc rw",
    ]
    assert kernel.mount_points_below(Path("/a/b"), "\n".join([*lines, "short"])) == ["/a/b/c d", "/a/b"]


@given(st.binary(max_size=200))
def test_any_inotify_bytes_end(data: bytes) -> None:
    kernel.inotify_events(data)


def test_a_thread_that_visits_brings_back_its_result_or_its_error() -> None:
    async def story() -> None:
        assert await kernel.in_own_thread(lambda: 7) == 7
        with pytest.raises(ZeroDivisionError):
            await kernel.in_own_thread(lambda: 1 // 0)

    asyncio.run(story())


def test_the_shim_stands_alone() -> None:
    """It runs without site packages, so it may import nothing of ours."""
    source = Path(exec_shim.__file__).read_text()
    assert "from k3py" not in source
    assert "import k3py" not in source


def test_what_cannot_be_looked_at_has_not_ended(tmp_path: Path) -> None:
    """Without a free descriptor a container must not look dead, nor its record lost: it would be started twice."""
    records = Records(tmp_path, tmp_path)
    (records.pod("p") / "sandbox.json").mkdir(parents=True)
    me = identify(os.getpid())
    assert me is not None
    assert records.sandbox("p") is None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    acts: list[Callable[[], object]] = [
        lambda: identify(me.pid),
        lambda: is_alive(me),
        lambda: open_pidfd(me),
        lambda: send_signal(me, 0),
        lambda: records.sandbox("p"),
        lambda: records.exit("c"),
        lambda: Cgroups(Layout(tmp_path)).processes("p"),
    ]
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        refusals = [_refusal(act) for act in acts]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert refusals == [errno.EMFILE] * len(acts)


def _refusal(act: Callable[[], object]) -> int | None:
    try:
        act()
    except OSError as problem:
        return problem.errno
    return None
