"""What must never be, on generated worlds: room taken twice, a pod that waits though it fits, an answer that depends on
how the pods were batched."""

from hypothesis import given, settings
from hypothesis import strategies as st

from k3py.scheduler.filters import refused
from k3py.scheduler.nodes import Nodes
from k3py.scheduler.place import Bind, Placement, Wait, place
from k3py.scheduler.requests import Request, clashes, request_of
from tests.scheduler.script import node_from, pod_from

ZONES = ("east", "west")
NODES = st.lists(
    st.tuples(st.integers(1, 4), st.integers(1, 4), st.sampled_from(ZONES), st.booleans()), min_size=0, max_size=5
)
PODS = st.lists(
    st.tuples(
        st.integers(0, 2), st.sampled_from(("", "a", "b")), st.sampled_from((0, 80, 81)), st.sampled_from(("", *ZONES))
    ),
    max_size=25,
)


def world(made: list[tuple[int, int, str, bool]]) -> Nodes:
    nodes = Nodes()
    for number, (cpu, pods, zone, tainted) in enumerate(made):
        words = [f"n{number}", f"cpu={cpu}", f"pods={pods}", f"label:zone={zone}"]
        nodes.put_node(node_from([*words, "taint:only=some:NoSchedule"] if tainted and number else words))
    return nodes


def requests(made: list[tuple[int, str, int, str]]) -> list[Request]:
    found = []
    for number, (cpu, owner, port, zone) in enumerate(made):
        words = [f"p{number}", f"cpu={cpu}"]
        words += [f"owner={owner}"] if owner else []
        words += [f"port={port}"] if port else []
        words += [f"select:zone={zone}"] if zone else []
        found.append(request_of(pod_from(words)[0]))
    return found


def answers(placements: list[Placement]) -> list[str]:
    return [each.node if isinstance(each, Bind) else "" for each in placements]


@settings(max_examples=60, deadline=None)
@given(NODES, PODS)
def test_no_room_is_taken_twice_and_nobody_waits_in_vain(
    made: list[tuple[int, int, str, bool]], pods: list[tuple[int, str, int, str]]
) -> None:
    nodes = world(made)
    placements = place(requests(pods), nodes)
    for room in nodes.rooms.values():
        assert room.free("cpu") >= 0
        assert room.free("pods") >= 0
        assert all(count == 1 for count in room.ports.values())
    waiting = [each for each in placements if isinstance(each, Wait)]
    for each in waiting:
        assert all(refused(each.request, room) for room in nodes.rooms.values())
        assert each.nodes == len(nodes)


@settings(max_examples=60, deadline=None)
@given(NODES, PODS)
def test_one_batch_answers_as_one_by_one_would(
    made: list[tuple[int, int, str, bool]], pods: list[tuple[int, str, int, str]]
) -> None:
    together = answers(place(requests(pods), world(made)))
    nodes, alone = world(made), []
    for each in requests(pods):
        alone += answers(place([each], nodes))
    assert together == alone


@settings(max_examples=60, deadline=None)
@given(NODES, PODS)
def test_what_goes_leaves_nothing_behind(
    made: list[tuple[int, int, str, bool]], pods: list[tuple[int, str, int, str]]
) -> None:
    nodes, wanted = world(made), requests(pods)
    place(wanted, nodes)
    for each in wanted:
        nodes.drop_pod(each.uid)
    for room in nodes.rooms.values():
        assert (room.pods, room.scored_cpu, room.scored_memory) == (0, 0, 0)
        assert not any(room.taken.values())
        assert not room.ports
        assert not room.owners


def test_pods_of_a_node_that_is_not_known_yet_count_when_it_comes() -> None:
    nodes = Nodes()
    (request,) = requests([(1, "", 80, "")])
    nodes.put_pod(request.uid, request.demands.taken, "n0")
    nodes.put_node(node_from(["n0", "cpu=1"]))
    assert nodes.rooms["n0"].free("cpu") == 0
    nodes.drop_node("n0")
    nodes.put_node(node_from(["n0", "cpu=2"]))
    assert nodes.rooms["n0"].free("cpu") == 1000
    assert nodes.drop_pod(request.uid) == "n0"
    assert nodes.rooms["n0"].free("cpu") == 2000


def test_an_address_clashes_with_itself_and_with_all_addresses() -> None:
    every, local, other = ("0.0.0.0", "TCP", 80), ("127.0.0.1", "TCP", 80), ("10.0.0.1", "TCP", 80)
    assert clashes([every], [local])
    assert clashes([local], [every])
    assert clashes([local], [local])
    assert not clashes([local], [other])
    assert not clashes([every], [("0.0.0.0", "UDP", 80)])
