"""Objects become programs; whatever fails leaves no descriptor behind."""

import ctypes
import itertools
import os

import pytest
from scapy.layers.inet import UDP

from k3py.vpc.bpf import kernel
from k3py.vpc.bpf.abi import Direction, Event, Outcome, Setting
from k3py.vpc.bpf.errors import BpfError, ObjectError, VerifierError
from k3py.vpc.bpf.loader import Loaded, read_object
from k3py.vpc.bpf.maps import Map
from k3py.vpc.bpf.object_file import AttachType, MapDefinition, ProgramType
from k3py.vpc.bpf.ring import RingBuffer
from tests.packets.frames import out4, sent
from tests.packets.world import LOCAL, SHOT, VPC, node
from tools.build_bpf import build

CONSTANTS = {"settings_constant": bytes(48)}
RETURN = b"\x95" + bytes(7)


@pytest.fixture(autouse=True)
def no_descriptor_is_left():
    build()
    before = len(os.listdir("/proc/self/fd"))
    yield
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_shared_map_is_used_and_not_closed():
    parsed = read_object("to_pod")
    with Map(kernel.map_create(parsed.maps["peers"])) as peers:
        with Loaded(parsed, CONSTANTS, {"peers": peers}) as loaded:
            assert loaded.maps["peers"] is peers
        peers[bytes(4)] = bytes(4)


def test_a_map_of_another_shape_is_refused():
    parsed = read_object("to_pod")
    other = Map(kernel.map_create(MapDefinition("peers", 1, 8, 8, 1, 0, 0, 0)))
    with other, pytest.raises(ObjectError, match="existing map peers has"):
        Loaded(parsed, CONSTANTS, {"peers": other})


def test_the_verifier_says_why():
    with pytest.raises(VerifierError, match="R0 !read_ok") as caught:
        kernel.program_load("bad", ProgramType.SCHED_CLS, AttachType.TCX_INGRESS, RETURN)
    assert "R0" in caught.value.log


def test_a_frozen_map_cannot_be_written():
    definition = MapDefinition("settings", 2, 4, 8, 1, 0, 0, 0)
    with Map(kernel.map_create(definition)) as frozen:
        kernel.map_freeze(frozen.descriptor)
        with pytest.raises(BpfError, match="Operation not permitted"):
            frozen[bytes(4)] = bytes(8)


def test_a_drop_is_told_with_the_packets_head():
    with node() as made, RingBuffer(made.maps["events"]) as ring:
        frame = sent(out4(src=LOCAL) / UDP() / bytes(100))
        made.pod(Setting(0)).sends(frame)
        (event,) = [Event.from_buffer_copy(each) for each in ring.events()]
        assert (event.outcome, event.direction, event.vpc) == (Outcome.DROP_SOURCE_NOT_OURS, Direction.FROM_POD, VPC)
        assert (event.length, bytes(event.head)[: event.head_length]) == (len(frame), frame[:64])
        assert list(ring.events()) == []


def test_a_flood_of_drops_tells_little_and_counts_all():
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})  # events are limited per CPU
    try:
        with node() as made, RingBuffer(made.maps["events"]) as ring:
            pod = made.pod(Setting(0))
            frame = sent(out4(src=LOCAL) / UDP())
            for _ in range(1000):
                pod.runs(Direction.FROM_POD, frame)
            times = [Event.from_buffer_copy(each).time_ns for each in ring.events()]
            assert pod.counts(Direction.FROM_POD)[Outcome.DROP_SOURCE_NOT_OURS].packets == 1000
    finally:
        os.sched_setaffinity(0, allowed)
    assert 1 <= len(times) < 1000
    assert all(later - earlier >= 100_000_000 for earlier, later in itertools.pairwise(times))


def test_a_full_ring_loses_events_and_no_packet_then_goes_on():
    parsed, frame = read_object("to_pod"), sent(out4() / UDP())
    with node() as made, RingBuffer(made.maps["events"]) as ring:
        told = 0
        for drops in (700, 5):  # the ring holds 682; each pod tells its first drop at once
            for _ in range(drops):
                with Loaded(parsed, CONSTANTS, made.maps) as loaded:
                    assert kernel.test_run(loaded.programs["to_pod"], frame).verdict == SHOT
            told += sum(1 for _ in ring.events())
        assert told == 65536 // (ctypes.sizeof(Event) + 8) + 5
