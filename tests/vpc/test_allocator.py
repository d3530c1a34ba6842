"""Which pod gets which addresses: no address twice, ever, whenever the daemon dies."""

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule

from k3py.model.vpc_socket import CONFLICT, EGRESS_EXHAUSTED
from k3py.store.log import Puts
from k3py.vpc.allocator import Allocator, NeedsBlock
from k3py.vpc.blocks import slice_count, slice_to_try
from k3py.vpc.ports import NetworkProblem
from k3py.vpc.rows import Attachment, Kept, VpcRow, put_sequence, put_vpc, read_row
from k3py.vpc.wanted import NODE_POD

SERVICES = IPv4Network("10.43.0.0/16")
BLUE = VpcRow(1, "blue", IPv4Network("10.42.0.0/24"), True, 7, SERVICES)
RED = VpcRow(2, "red", IPv4Network("10.42.0.0/28"), True, 7, SERVICES)
CLOSED = VpcRow(3, "closed", IPv4Network("10.42.0.0/16"), False, 7, SERVICES)
EGRESS = IPv4Network("100.64.0.0/24")
FIRST, SECOND = IPv4Network("10.42.0.0/26"), IPv4Network("10.42.0.64/26")


def make(vpc: VpcRow = BLUE, *blocks: IPv4Network, egress: IPv4Network = EGRESS) -> Allocator:
    allocator = Allocator(egress)
    for block in blocks:
        allocator.add_block(vpc, block)
    return allocator


def kept_from(rows: dict[bytes, bytes]) -> Kept:
    kept = Kept()
    for row in rows.items():
        read_row(row, kept)
    return kept


def write(rows: dict[bytes, bytes], puts: Puts) -> None:
    for key, value in puts:
        if value is None:
            rows.pop(key, None)
        else:
            rows[key] = value


def test_a_pod_keeps_its_address_however_often_it_is_asked_for() -> None:
    allocator = make(BLUE, FIRST)
    assert allocator.allocate("a", BLUE)
    row = allocator.pods["a"]
    assert allocator.allocate("a", BLUE) == []
    assert allocator.pods["a"] == row
    assert (row.ipv4, row.outside_ipv4, row.outside_native_ipv4) == (
        IPv4Address("10.42.0.2"),
        IPv4Address("100.64.0.1"),
        IPv4Address("100.64.0.2"),
    )


def test_first_and_last_addresses_of_the_range_are_never_given() -> None:
    last = IPv4Network("10.42.0.12/30")
    allocator = make(RED, IPv4Network("10.42.0.0/30"), last)
    assert allocator.free(RED.id) == 5
    for uid in range(5):
        allocator.allocate(str(uid), RED)
    given = [str(each.ipv4) for each in allocator.pods.values()]
    assert given == ["10.42.0.2", "10.42.0.3", "10.42.0.12", "10.42.0.13", "10.42.0.14"]
    with pytest.raises(NeedsBlock):
        allocator.allocate("more", RED)


def test_the_address_that_rested_longest_comes_first_also_after_a_restart() -> None:
    rows: dict[bytes, bytes] = {}
    allocator = Allocator(EGRESS)
    write(rows, [put_vpc(RED), *put_sequence(1)])
    block = IPv4Network("10.42.0.4/30")
    write(rows, allocator.add_block(RED, block))
    for uid in "abcd":
        write(rows, allocator.allocate(uid, RED))
    before = {uid: row.ipv4 for uid, row in allocator.pods.items()}
    for uid in "cadb":
        write(rows, allocator.release(uid))
    again = Allocator(EGRESS)
    assert again.restore(kept_from(rows)) == []
    for uid in "wxyz":
        again.allocate(uid, RED)
    assert [again.pods[new].ipv4 for new in "wxyz"] == [before[old] for old in "cadb"]


def test_an_address_that_was_never_given_comes_before_one_that_was() -> None:
    allocator = make(BLUE, FIRST)
    allocator.allocate("a", BLUE)
    allocator.release("a")
    allocator.allocate("b", BLUE)
    assert allocator.pods["b"].ipv4 == IPv4Address("10.42.0.3")


def test_a_vpc_without_way_out_takes_nothing_of_the_egress_range_until_it_has_one() -> None:
    allocator = make(CLOSED, FIRST)
    allocator.allocate("a", CLOSED)
    assert allocator.pods["a"].outside_ipv4 is None
    opened = VpcRow(3, "closed", CLOSED.cidr, True, 7, SERVICES)
    assert allocator.allocate("a", opened)
    assert allocator.pods["a"].outside_ipv4 == IPv4Address("100.64.0.1")


def test_the_host_itself_needs_no_way_out() -> None:
    allocator = make(BLUE, FIRST)
    allocator.allocate(NODE_POD, BLUE, outside=False)
    assert allocator.pods[NODE_POD].outside_ipv4 is None


def test_an_egress_range_that_is_used_up_refuses_and_takes_nothing() -> None:
    allocator = make(BLUE, FIRST, egress=IPv4Network("100.64.0.0/29"))
    for uid in "abc":
        allocator.allocate(uid, BLUE)
    free = allocator.free(BLUE.id)
    with pytest.raises(NetworkProblem, match=r"100\.64\.0\.0/29 are in use") as refused:
        allocator.allocate("d", BLUE)
    assert refused.value.reason == EGRESS_EXHAUSTED
    assert allocator.free(BLUE.id) == free
    allocator.release("a")
    allocator.allocate("d", BLUE)


def test_a_pod_of_one_vpc_gets_nothing_in_another() -> None:
    allocator = make(BLUE, FIRST)
    allocator.allocate("a", BLUE)
    with pytest.raises(NetworkProblem, match='of "blue"') as refused:
        allocator.allocate("a", RED)
    assert refused.value.reason == CONFLICT


def test_a_new_block_is_wanted_before_the_last_address_is_gone() -> None:
    allocator = make(BLUE, SECOND)
    assert not allocator.wants_block(BLUE.id)
    for number in range(56):
        allocator.allocate(str(number), BLUE)
    assert not allocator.wants_block(BLUE.id)
    allocator.allocate("next", BLUE)
    assert allocator.wants_block(BLUE.id)


def test_empty_blocks_may_go_but_for_a_spare_one() -> None:
    allocator = make(BLUE, FIRST, SECOND, IPv4Network("10.42.0.128/26"))
    allocator.allocate("a", BLUE)
    assert allocator.releasable(()) == [(1, IPv4Network("10.42.0.128/26"))]
    assert allocator.releasable([1]) == [(1, SECOND), (1, IPv4Network("10.42.0.128/26"))]
    allocator.leave_block((1, SECOND))
    assert allocator.releasable(()) == [(1, SECOND)]


def test_nothing_is_given_from_a_block_that_is_leaving_and_its_pods_stay() -> None:
    allocator = make(BLUE, SECOND)
    allocator.allocate("a", BLUE)
    allocator.leave_block((1, SECOND))
    with pytest.raises(NeedsBlock):
        allocator.allocate("b", BLUE)
    assert "a" in allocator.pods
    allocator.release("a")
    assert allocator.free(BLUE.id) == 0


def test_another_egress_range_moves_pods_to_it() -> None:
    rows: dict[bytes, bytes] = {}
    allocator = Allocator(EGRESS)
    write(rows, [put_vpc(BLUE), *allocator.add_block(BLUE, FIRST)])
    for uid in "ab":
        write(rows, allocator.allocate(uid, BLUE))
    write(rows, allocator.release("a"))
    moved = Allocator(IPv4Network("100.64.64.0/24"))
    write(rows, moved.restore(kept_from(rows)))
    assert moved.pods["b"].outside_ipv4 == IPv4Address("100.64.64.1")
    assert moved.pods["b"].ipv4 == allocator.pods["b"].ipv4
    assert not any(b"100.64.0." in key for key in rows)
    assert kept_from(rows).pods["b"] == moved.pods["b"]


class Lives(RuleBasedStateMachine):
    """A node whose daemon may die after any list of rows; what was answered has to hold."""

    uids = Bundle("uids")

    def __init__(self) -> None:
        super().__init__()
        self.egress = IPv4Network("100.64.0.0/26")
        self.rows: dict[bytes, bytes] = {}
        write(self.rows, [put_vpc(BLUE), put_vpc(RED)])
        self.waiting: list[Puts] = []
        self.answered: dict[str, tuple[IPv4Address | None, ...]] = {}
        self.tries = {1: 0, 2: 0}
        self.start()

    def start(self) -> None:
        self.allocator = Allocator(self.egress)
        assert self.allocator.restore(kept_from(self.rows)) == []

    def durable(self) -> None:
        for puts in self.waiting:
            write(self.rows, puts)
        self.waiting = []

    @rule(target=uids, uid=st.integers(0, 60).map("pod-{}".format), vpc=st.sampled_from([BLUE, RED]))
    def allocate(self, uid: str, vpc: VpcRow) -> str:
        try:
            self.waiting.append(self.allocator.allocate(uid, vpc))
        except NeedsBlock:
            assert self.allocator.free(vpc.id) == 0
        except NetworkProblem as problem:
            if problem.reason not in (CONFLICT, EGRESS_EXHAUSTED):
                raise
        return uid

    @rule()
    def answer(self) -> None:
        """Everything that was decided is durable, so it is told."""
        self.durable()
        for uid, row in self.allocator.pods.items():
            addresses = (row.ipv4, row.outside_ipv4, row.outside_native_ipv4)
            assert self.answered.setdefault(uid, addresses) == addresses

    @rule(uid=consumes(uids))
    def release(self, uid: str) -> None:
        if uid in self.allocator.pods:
            self.waiting.append(self.allocator.release(uid))
            self.answered.pop(uid, None)

    @rule(vpc=st.sampled_from([BLUE, RED]))
    def get_block(self, vpc: VpcRow) -> None:
        if self.tries[vpc.id] < slice_count(vpc.cidr):
            block = slice_to_try(vpc.cidr, "n1", self.tries[vpc.id])
            self.tries[vpc.id] += 1
            self.waiting.append(self.allocator.add_block(vpc, block))

    @rule()
    def give_back_blocks(self) -> None:
        for key in self.allocator.releasable(()):
            assert not self.allocator.pods_in(key)
            self.waiting += [self.allocator.leave_block(key), self.allocator.drop_block(key)]

    @rule(uid=uids)
    def attach(self, uid: str) -> None:
        if uid in self.allocator.pods:
            self.waiting.append(self.allocator.attach(uid, Attachment(netns="/run/netns/x")))

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def crash(self, data: st.DataObject) -> None:
        for puts in self.waiting[: data.draw(st.integers(0, len(self.waiting)))]:
            write(self.rows, puts)
        self.waiting = []
        self.start()
        # A release that was on its way may not have happened; then the pod is there as it was.
        for uid, addresses in self.answered.items():
            row = self.allocator.pods[uid]
            assert (row.ipv4, row.outside_ipv4, row.outside_native_ipv4) == addresses

    @invariant()
    def no_address_twice(self) -> None:
        pods = self.allocator.pods.values()
        guests = [(row.vpc_id, row.ipv4) for row in pods]
        outside = [each for row in pods for each in (row.outside_ipv4, row.outside_native_ipv4) if each is not None]
        assert len(set(guests)) == len(guests)
        assert len(set(outside)) == len(outside)
        assert all(each in self.egress for each in outside)
        for row in pods:
            vpc = BLUE if row.vpc_id == 1 else RED
            assert row.ipv4 in vpc.cidr
            assert int(row.ipv4) - int(vpc.cidr.network_address) not in (0, 1, vpc.cidr.num_addresses - 1)
            assert any(id_ == row.vpc_id and row.ipv4 in cidr for id_, cidr in self.allocator.blocks)


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=40, stateful_step_count=60, deadline=None)
