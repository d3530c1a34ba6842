"""Changes of the maps: at every moment every service is whole, and a writer may die at any."""

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address

from hypothesis import given, settings
from hypothesis import strategies as st

from k3py.vpc.services import records
from k3py.vpc.services.diff import (
    SET_ID_MAX,
    BackendSet,
    DropSet,
    Forget,
    Point,
    Pointer,
    Present,
    Room,
    Step,
    WriteSet,
    peak,
    steps,
)
from k3py.vpc.services.entries import Frontend, Target
from k3py.vpc.wanted import Backend, Protocol

FRONTENDS = [Frontend(vpc, IPv4Address("10.43.0.50"), port, Protocol.TCP) for vpc in (1, 7) for port in (80, 81, 82)]
BACKENDS = [Backend(IPv4Address(f"10.42.0.{number}"), 8080) for number in range(4)]
targets = st.builds(
    Target,
    st.sets(st.sampled_from(BACKENDS)).map(lambda each: tuple(sorted(each, key=lambda backend: backend.ipv4))),
    st.booleans(),
    st.sampled_from((0, 0, 60)),
)
wishes = st.dictionaries(st.sampled_from(FRONTENDS), targets)
Tables = dict[str, dict[bytes, bytes]]
Write = tuple[str, bytes, bytes | None]


def writes(step: Step, tables: Tables) -> Iterator[Write]:
    """Each single write to a map that a step means."""
    match step:
        case WriteSet(number, content):
            yield from (("backends", key, value) for key, value in records.backends(number, content))
            yield from (("members", key, value) for key, value in records.members(number, content))
        case Point(frontend, pointer):
            yield "services", records.service_key(frontend), records.service(frontend, pointer)
        case Forget(frontend):
            yield "services", records.service_key(frontend), None
        case DropSet(number):
            for name in ("backends", "members"):
                yield from ((name, key, None) for key in list(tables[name]) if records.set_of(key) == number)


def write(tables: Tables, change: Write) -> None:
    name, key, value = change
    if value is None:
        tables[name].pop(key, None)
    else:
        tables[name][key] = value


def read(tables: Tables) -> Present:
    return records.parse_present(tables["services"].items(), tables["backends"].items(), tables["members"])


def resolved(tables: Tables, frontend: Frontend) -> Target | None:
    """What a program makes of the maps; it fails as a program would notice."""
    value = tables["services"].get(records.service_key(frontend))
    if value is None:
        return None
    ((_, pointer),) = records.parse_present([(records.service_key(frontend), value)], [], []).pointers.items()
    found = []
    for index in range(pointer.count):
        key = pointer.set.to_bytes(4, "little") + index.to_bytes(4, "little")
        (content,) = records.parse_present([], [(key[:4] + bytes(4), tables["backends"][key])], []).sets.values()
        assert content is not None
        found += content.backends
    if pointer.affinity_seconds and found:
        wanted = BackendSet(tuple(found), True)
        assert all(key in tables["members"] for key, _ in records.members(pointer.set, wanted))
    return Target(tuple(found), pointer.native, pointer.affinity_seconds)


def empty() -> Tables:
    return {"services": {}, "backends": {}, "members": {}}


def carry_out(tables: Tables, wanted: Mapping[Frontend, Target], newest: int) -> int:
    for step in steps(wanted, read(tables), newest):
        if isinstance(step, WriteSet):
            newest = step.id
        for change in list(writes(step, tables)):
            write(tables, change)
    return newest


@settings(max_examples=150, deadline=None)
@given(wishes, wishes)
def test_every_frontend_is_whole_between_any_two_writes(before, after):
    tables = empty()
    newest = carry_out(tables, before, 0)
    present = read(tables)
    for step in steps(after, present, newest):
        for change in list(writes(step, tables)):
            write(tables, change)
            for frontend in FRONTENDS:
                assert resolved(tables, frontend) in (before.get(frontend), after.get(frontend))
        present.done(step)
    assert {each: resolved(tables, each) for each in FRONTENDS} == {each: after.get(each) for each in FRONTENDS}
    assert present == read(tables)
    assert steps(after, present, newest) == []
    used = {each.set for each in present.pointers.values()} - {0}
    assert set(present.sets) == used  # nothing is left behind


@settings(max_examples=150, deadline=None)
@given(wishes, wishes, wishes, st.data())
def test_a_writer_may_die_at_any_write(before, after, last, data):
    tables = empty()
    newest = carry_out(tables, before, 0)
    planned = steps(after, read(tables), newest)
    changes = [change for step in planned for change in writes(step, tables)]
    for change in changes[: data.draw(st.integers(0, len(changes)))]:
        write(tables, change)
    whole = {each: resolved(tables, each) for each in FRONTENDS}
    present = read(tables)
    for step in steps(last, present, max(present.sets, default=0)):
        for change in list(writes(step, tables)):
            write(tables, change)
            assert all(resolved(tables, each) in (whole[each], last.get(each)) for each in FRONTENDS)
        present.done(step)
    assert {each: resolved(tables, each) for each in FRONTENDS} == {each: last.get(each) for each in FRONTENDS}
    assert set(read(tables).sets) == {each.set for each in present.pointers.values()} - {0}


@settings(max_examples=100, deadline=None)
@given(wishes, wishes)
def test_the_peak_is_what_the_maps_hold_at_most(before, after):
    tables = empty()
    newest = carry_out(tables, before, 0)
    planned = steps(after, read(tables), newest)
    expected = peak(planned, read(tables))
    seen = [Room(len(tables["services"]), len(tables["backends"]))]
    for step in planned:
        for change in list(writes(step, tables)):
            write(tables, change)
            seen.append(Room(len(tables["services"]), len(tables["backends"])))
    assert expected == Room(max(each.frontends for each in seen), max(each.backends for each in seen))


def test_a_switch_is_write_point_drop():
    frontend, other = FRONTENDS[:2]
    old, new = BackendSet((BACKENDS[0],), False), BackendSet((BACKENDS[1],), False)
    present = Present({frontend: Pointer(3, 1, False, 0)}, {3: old})
    assert steps({frontend: Target(new.backends)}, present, 3) == [
        WriteSet(4, new),
        Point(frontend, Pointer(4, 1, False, 0)),
        DropSet(3),
    ]
    # The same backends at another address: no set is written.
    both = {frontend: Target(old.backends), other: Target(old.backends)}
    assert steps(both, present, 3) == [Point(other, Pointer(3, 1, False, 0))]
    assert steps({}, present, 3) == [Forget(frontend), DropSet(3)]


def test_ids_of_sets_begin_again_at_the_end_and_skip_those_in_use():
    present = Present({FRONTENDS[0]: Pointer(1, 1, False, 0)}, {1: BackendSet((BACKENDS[0],), False)})
    wanted = {FRONTENDS[0]: Target((BACKENDS[0],)), FRONTENDS[1]: Target((BACKENDS[1],))}
    (written, _) = steps(wanted, present, SET_ID_MAX)
    assert written == WriteSet(2, BackendSet((BACKENDS[1],), False))
