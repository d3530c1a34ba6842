"""The stream of ends: one entry per container, nobody's stream keeps anything."""

import asyncio
import gc
import random
from pathlib import Path

from k3py.base.clock import LoopClock
from k3py.runtime.exits import ExitStream
from k3py.runtime.fake import FakeRuntime
from k3py.runtime.port import ContainerState, ContainerStatus


def status(name: str, code: int) -> ContainerStatus:
    return ContainerStatus(name, "u", name, 0, ContainerState.EXITED, exit_code=code)


def test_at_most_one_entry_per_container_waits() -> None:
    async def story() -> None:
        stream = ExitStream(lambda _: None)
        for code in range(1000):
            stream.put(status("a", code))
        stream.put(status("b", 1))
        assert len(stream._pending) == 2
        assert [(await anext(stream)).exit_code, (await anext(stream)).exit_code] == [999, 1]

    asyncio.run(story())


def test_a_stream_that_nobody_reads_any_more_is_forgotten() -> None:
    async def story() -> None:
        runtime = FakeRuntime(LoopClock(asyncio.get_running_loop()), random.Random(0))
        kept = runtime.exits()
        runtime.exits()
        gc.collect()
        assert list(runtime._streams) == [kept]
        await kept.aclose()
        assert list(runtime._streams) == []

    asyncio.run(story())


def test_no_part_of_the_runtime_sleeps_to_poll() -> None:
    """Waiting is by events; the one sleep(0) only lets others run."""
    folder = Path(__file__).parents[2] / "k3py/runtime"
    sleeps = [
        line.strip()
        for file in folder.glob("*.py")
        if "fake" not in file.name
        for line in file.read_text().splitlines()
        if "sleep(" in line
    ]
    assert sleeps == ["await asyncio.sleep(0)"]
