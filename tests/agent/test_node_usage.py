"""Counters become use per second; what an agent samples becomes what it answers."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.agent.sampler import SAMPLE_SECONDS, HostCounters, read_host
from k3py.agent.usage import Sample, Samples, boot_time, node_sample, usage_of
from k3py.model.streams import NodeStats
from k3py.model.usage import NodeUsage, decode_usage
from k3py.runtime.port import RuntimeProblem
from tests.agent.streams import ServerEnd
from tests.agent.world import World, container, pod, run

STAT = "cpu  100 10 50 1000 20 3 7 900 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\nbtime 1700000000\nprocesses 5\n"
MEMINFO = "MemTotal:  1000 kB\nMemFree:  300 kB\nInactive(file):  200 kB\nHugePages_Total:  0\n"


def sample(at: float, cpu: int, working_set: int = 100) -> Sample:
    return Sample(at, cpu, working_set, working_set)


def test_use_is_the_difference_of_two_samples() -> None:
    usage = usage_of(Samples(sample(115.0, 4_000_000_000, 300), sample(100.0, 1_000_000_000)))
    assert usage is not None
    assert (usage.cpu_nanocores, usage.window_seconds, usage.working_set_bytes) == (200_000_000, 15.0, 300)


@pytest.mark.parametrize(
    ("samples", "started_at", "nanocores"),
    [
        (Samples(sample(10.0, 5_000_000_000)), 5.0, 1_000_000_000),  # just begun: since its start
        (Samples(sample(10.0, 5_000_000_000)), 9.5, None),  # too short to say anything
        (Samples(sample(100.0, 5_000_000_000)), 30.0, None),  # an old one that a new agent meets
        (Samples(sample(10.0, 5_000_000_000)), 0.0, None),  # nobody knows since when
        (Samples(sample(20.0, 1), sample(5.0, 2)), 1.0, None),  # a counter that goes back
    ],
)
def test_one_sample_may_be_enough(samples: Samples, started_at: float, nanocores: int | None) -> None:
    usage = usage_of(samples, started_at)
    assert (usage.cpu_nanocores if usage else None) == nanocores


def test_samples_that_come_too_early_widen_no_window() -> None:
    samples = Samples(sample(0.0, 0)).add(sample(15.0, 15)).add(sample(15.2, 16))
    assert samples == Samples(sample(15.2, 16), sample(0.0, 0))
    assert samples.add(sample(3.0, 20)) == Samples(sample(3.0, 20)), "the clock was set back"


def test_the_machine_is_read_from_proc() -> None:
    found = node_sample(STAT, MEMINFO, 100, 7.0)
    assert found == Sample(7.0, 170 * 10_000_000, 700 * 1024, 500 * 1024)
    assert boot_time(STAT) == 1_700_000_000.0
    assert (node_sample("", "", 100, 7.0), boot_time("")) == (Sample(7.0, 0, 0, 0), 0.0)


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_text_can_be_read(stat: str, meminfo: str) -> None:
    found = node_sample(stat, meminfo, 100, 1.0)
    assert found.cpu_nanoseconds >= 0
    assert found.working_set_bytes >= 0


def test_this_machine_can_be_read() -> None:
    sample, booted_at = read_host(5.0)
    assert sample.cpu_nanoseconds > 0
    assert sample.memory_usage_bytes >= sample.working_set_bytes > 0
    assert booted_at > 0


async def asked(world: World) -> NodeUsage:
    stream = ServerEnd()
    await world.agent.handle_stream(NodeStats(), stream)
    assert stream.status()["status"] == "Success"
    return decode_usage(stream.text().encode())


REQUESTS = {"resources": {"requests": {"cpu": "250m", "memory": "64Mi"}}}


def a_pod(name: str) -> object:
    spec = container(name)
    return pod(
        name, msgspec.structs.replace(spec, resources=msgspec.convert(REQUESTS["resources"], type(spec.resources)))
    )


def test_an_agent_answers_for_what_runs(tmp_path: Path) -> None:
    async def story() -> None:
        world = World(tmp_path)
        world.start()
        world.cluster.put(a_pod("one"))
        await world.until(lambda: world.phase("one") == "Running")
        # The fake machine uses all that was asked for. Before the first round it is known since its start only.
        await asyncio.sleep(2)
        (first,) = (await asked(world)).pods
        assert (first.name, first.namespace) == ("one", "default")
        assert first.containers[0].usage is not None
        assert first.containers[0].usage.cpu_nanocores == pytest.approx(250_000_000, rel=0.01)
        await asyncio.sleep(2 * SAMPLE_SECONDS)
        usage = (await asked(world)).pods[0].containers[0].usage
        assert usage is not None
        assert usage.window_seconds == pytest.approx(SAMPLE_SECONDS, rel=0.01)
        assert usage.cpu_nanocores == pytest.approx(250_000_000, rel=0.01)
        assert usage.working_set_bytes == 64 << 20
        world.kill()

    run(story())


def test_what_cannot_be_measured_has_no_figures(tmp_path: Path) -> None:
    async def story() -> None:
        world = World(tmp_path)
        world.start()
        world.cluster.put(a_pod("one"))
        await world.until(lambda: world.phase("one") == "Running")

        async def fails(container_id: str) -> None:
            raise RuntimeProblem("it has just ended")

        def away(now: float) -> HostCounters:
            raise OSError("no /proc")

        world.runtime.stats = fails  # type: ignore[assignment, method-assign]
        world.agent._sampler._host = away
        await asyncio.sleep(2 * SAMPLE_SECONDS)
        (only,) = (await asked(world)).pods
        assert only.containers[0].usage is None
        world.kill()

    run(story())
