"""Who gets a place, and who has to make room."""

import asyncio

from k3py.api.http.admission import Bodies, Gate, Handshakes, replaceable
from k3py.api.http.limits import Limits


class Place:
    """A connection as the server sees it."""

    def __init__(self, address: str, is_replaceable: bool) -> None:
        self.address = address
        self.is_replaceable = is_replaceable
        self.deadline = 0.0

    def overdue(self) -> None: ...
    def stop(self) -> None: ...
    def abort(self) -> None: ...


def test_the_gate_counts_each_address_alone() -> None:
    gate = Gate(Limits(connections=3, connections_per_client=2))
    assert [gate.enter(each) for each in "aaabc"] == [True, True, False, True, False]
    gate.leave("a")
    assert gate.enter("c")
    assert (gate.count, gate.refused) == (3, 2)


def test_an_address_at_its_bound_makes_room_itself_else_who_has_most() -> None:
    gate = Gate(Limits(connections=4, connections_per_client=3))
    for address in "aaab":
        assert gate.enter(address)
    assert [gate.crowded(address) for address in "abc"] == ["a", "a", "a"]
    gate.leave("a")
    assert not gate.enter("c") or gate.count == 4
    assert gate.crowded("b") == "a"


def test_only_connections_of_that_address_without_a_request_are_replaced() -> None:
    busy, other, idle = Place("a", False), Place("b", True), Place("a", True)
    assert replaceable([busy, other, idle], "a") is idle
    assert replaceable([busy, other], "a") is None


def test_a_part_of_the_memory_for_bodies_is_for_one_address() -> None:
    bodies = Bodies(10, 6)
    assert bodies.take(6, "a")
    assert not bodies.take(1, "a")
    assert bodies.take(4, "b")
    assert not bodies.take(1, "c")
    bodies.give_back(6, "a")
    assert bodies.take(6, "c")


def test_beyond_the_bound_the_oldest_handshake_of_the_address_is_given_up() -> None:
    async def work() -> None:
        handshakes, ended = Handshakes(2), []

        async def shake(address: str, name: str) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(name)
                handshakes.end(address)

        tasks = []
        for address, name in [("a", "a1"), ("a", "a2"), ("b", "b1"), ("b", "b2")]:
            tasks.append(asyncio.create_task(shake(address, name)))
            handshakes.begin(address, tasks[-1])
            await asyncio.sleep(0)
        assert ended == []
        tasks.append(asyncio.create_task(shake("a", "a3")))
        handshakes.begin("a", tasks[-1])
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert ended == ["a1"]
        assert not handshakes.give_up_oldest("c")
        assert handshakes.give_up_oldest("b")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert ended == ["a1", "b1"]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert sorted(ended) == ["a1", "a2", "a3", "b1", "b2"]

    asyncio.run(work())
