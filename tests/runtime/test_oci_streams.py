"""Terminals, input, commands, logs of real containers."""

import asyncio
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from k3py.runtime.log_lines import LogOptions
from k3py.runtime.logs import read_log
from k3py.runtime.port import (
    EXEC_OUTPUT_BYTES_MAX,
    CannotExec,
    WrongState,
)
from tests.runtime.machine import Machine, needs_containers, play, run, until

pytestmark = needs_containers


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


@pytest.mark.parametrize("program", ["runc", "crun"])
def test_a_command_on_a_terminal_has_its_size_its_end_and_its_code(machine: Machine, program: str) -> None:
    async def story() -> None:
        runtime = machine.runtime(program)
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

    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
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
from dataclasses import replace
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


def test_folders_may_have_longer_names_than_a_sockets_address(machine: Machine) -> None:
    async def story() -> None:
        deep = Path(*["a-folder-with-a-long-name"] * 6)
        inner = replace(machine, root=machine.root / "state" / deep)
        inner.logs.mkdir(parents=True)
        runtime = inner.runtime()
        uid = "0f8fad5b-d9cb-469f-a165-70867728950e"
        await runtime.start_sandbox(machine.pod(uid))
        container = await runtime.create_container(uid, machine.shell("read x; exit 3", tty=True, stdin=True))
        await runtime.start_container(container)
        attachment = await runtime.attach(container)
        process = await runtime.exec(container, ["sh", "-c", "exit 5"], tty=True)
        assert [data async for _, data in process.output()] == []
        assert await process.wait() == 5
        await attachment.write_stdin(b"hi\n")
        assert (await runtime.wait_exit(container)).exit_code == 3
        await attachment.close()
        await runtime.stop_sandbox(uid)
        await runtime.close()
        shutil.rmtree(machine.root / "state" / deep.parts[0])

    play(story)
