"""One interface, two ways to attach: tcx links, and filters where the kernel has none."""

import errno
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from k3py.vpc.bpf import attach, kernel
from k3py.vpc.bpf.abi import Direction, Setting
from k3py.vpc.bpf.attach import Filter
from k3py.vpc.bpf.errors import BpfError, NotSupportedError
from k3py.vpc.bpf.links import Link
from k3py.vpc.bpf.object_file import AttachType, ProgramType
from tests.vpc.bpf.kernel_objects import bpffs, in_network_namespace, ip
from tests.vpc.bpf.live import EXCHANGES, two_pods

# "r0 = 0; exit"
ALLOW = b"\xb7" + bytes(7) + b"\x95" + bytes(7)


@contextmanager
def program_and_device() -> Iterator[tuple[int, int]]:
    """A program that lets everything pass, and an interface to attach it to."""
    ip("link", "add", "veth1", "type", "veth", "peer", "name", "veth2")
    program = kernel.program_load("allow", ProgramType.SCHED_CLS, AttachType.TCX_INGRESS, ALLOW)
    try:
        yield program, socket.if_nametoindex("veth1")
    finally:
        os.close(program)


@pytest.fixture
def without_tcx(monkeypatch):
    """A kernel before 6.6."""

    def refuse(program: int, index: int, wanted: AttachType) -> Link:
        raise NotSupportedError(errno.EINVAL, f"this kernel does not take programs as {wanted.name}")

    monkeypatch.setattr(Link, "to_interface", refuse)


def test_the_better_way_is_taken_where_there_is_one(tmp_path):
    def story() -> None:
        with program_and_device() as (program, index):
            assert attach.find(index, Direction.TO_POD, place / "to_pod") is None
            made = attach.attach(index, Direction.TO_POD, program)
            assert isinstance(made, Link)
            made.pin(place / "to_pod")
            made.close()
            found = attach.find(index, Direction.TO_POD, place / "to_pod")
            assert isinstance(found, Link)
            found.update(program)
            found.close()
            assert tc_filters("egress") == []

    with bpffs(tmp_path) as place:
        in_network_namespace(story)


@pytest.mark.usefixtures("without_tcx")
def test_without_tcx_a_filter_lives_with_its_device(tmp_path):
    def story() -> None:
        with program_and_device() as (program, index):
            for direction in Direction:
                pin = place / direction.name.lower()
                made = attach.attach(index, direction, program)
                made.pin(pin)
                made.update(program)
                made.close()
                found = attach.find(index, direction, pin)
                assert isinstance(found, Filter)
            for hook, name in (("ingress", "k3py_from_pod"), ("egress", "k3py_to_pod")):
                listed = [line for line in tc_filters(hook) if name in line]
                assert len(listed) == 1, "the exchange leaves no second filter"
                assert "direct-action" in listed[0]
            assert not [each for each in os.listdir(place) if not each.endswith(".debug")]  # the kernel's own
            found.remove()
            assert attach.find(index, Direction.TO_POD, place / "to_pod") is None
            assert attach.find(index, Direction.FROM_POD, place / "from_pod") is not None

    with bpffs(tmp_path) as place:
        in_network_namespace(story)


def tc_filters(hook: str) -> list[str]:
    """What `tc` says of our device's filters."""
    command = ["tc", "filter", "show", "dev", "veth1", hook]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.mark.usefixtures("without_tcx")
def test_filters_are_exchanged_under_traffic_without_a_lost_packet():
    def story() -> None:
        with two_pods(Setting.NATIVE) as (first, second):
            assert all(isinstance(each, Filter) for each in first.attached.values())
            first.says(f"udp {second.ipv4} 64 5000")
            for _ in range(EXCHANGES):
                first.exchange_programs()
                second.exchange_programs()
            first.hears("answered 5000")
            first.asks(f"udp {second.native} 64 50", "answered 50")

    in_network_namespace(story)


@pytest.mark.usefixtures("without_tcx")
def test_the_short_cut_works_from_a_filter_too():
    def story() -> None:
        with two_pods(Setting.NATIVE | Setting.SHORT_CUT) as (first, second):
            first.asks(f"tcp {second.ipv4} 1000000 5", "swallowed 5000000")
            first.asks(f"tcp {second.native} 1000000 5", "swallowed 5000000")

    in_network_namespace(story)


def test_a_filter_needs_a_device_and_a_program():
    def story() -> None:
        with program_and_device() as (program, index):
            with pytest.raises(BpfError, match="cannot set the filters of interface 4711") as caught:
                attach.attach_filter(4711, Direction.TO_POD, program)
            assert caught.value.errno == errno.ENODEV
            with pytest.raises(BpfError, match="cannot set the filters") as caught:
                attach.attach_filter(index, Direction.TO_POD, 4711)
            assert caught.value.errno == errno.EBADF

    in_network_namespace(story)


@pytest.mark.parametrize("wanted", [AttachType.NETKIT_PRIMARY, AttachType.NETKIT_PEER])
def test_a_device_that_is_no_netkit_says_so(wanted):
    def story() -> None:
        ip("link", "add", "veth1", "type", "veth", "peer", "name", "veth2")
        program = kernel.program_load("allow", ProgramType.SCHED_CLS, wanted, ALLOW)
        try:
            with pytest.raises(NotSupportedError, match=f"does not take programs as {wanted.name}"):
                kernel.link_create(program, socket.if_nametoindex("veth1"), wanted)
        finally:
            os.close(program)

    in_network_namespace(story)


def test_other_refusals_keep_their_own_name():
    def story() -> None:
        with program_and_device() as (program, _), pytest.raises(BpfError) as caught:
            kernel.link_create(program, 4711, AttachType.TCX_INGRESS)
        assert not isinstance(caught.value, NotSupportedError)
        assert caught.value.errno == errno.ENODEV

    in_network_namespace(story)
