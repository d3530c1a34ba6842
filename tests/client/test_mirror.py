"""What changes, told as scripts, and a property over histories of a server that is resumed, repeated and listed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k3py.client.mirror import Added, Change, Deleted, Mirror, Modified, OlderListing
from k3py.client.port import EventType, Listing
from k3py.model.generated.core_v1 import ConfigMap
from tests.client.helpers import bookmark, config_map, event, listing


def told(changes: list[Change[ConfigMap]]) -> list[str]:
    words = []
    for change in changes:
        obj = change.last if isinstance(change, Deleted) else change.new
        words.append(f"{type(change).__name__} {obj.metadata.name}@{obj.metadata.resource_version}")
    return words


def known(*objects: ConfigMap) -> Mirror[ConfigMap]:
    mirror: Mirror[ConfigMap] = Mirror()
    mirror.replace(listing(10, *objects))
    return mirror


A3, B5 = config_map("a", 3), config_map("b", 5)


def test_a_list_says_what_is_new_what_changed_and_what_is_gone() -> None:
    mirror = known(A3, B5)
    changes = mirror.replace(listing(12, config_map("b", 11), config_map("c", 12)))
    assert told(changes) == ["Deleted a@3", "Modified b@11", "Added c@12"]
    assert mirror.replace(listing(13, config_map("b", 11), config_map("c", 12))) == []


def test_a_list_from_the_past_changes_nothing() -> None:
    mirror = known(A3, B5)
    with pytest.raises(OlderListing, match="10 is known"):
        mirror.replace(listing(9))
    assert len(mirror.objects) == 2
    assert mirror.resource_version == "10"


def test_the_same_name_with_another_uid_is_another_object() -> None:
    mirror = known(A3)
    assert told(mirror.replace(listing(12, config_map("a", 12, "new")))) == ["Deleted a@3", "Added a@12"]
    newest = event(EventType.MODIFIED, config_map("a", 15, "newest"))
    assert told(mirror.apply(newest)) == ["Deleted a@12", "Added a@15"]


@pytest.mark.parametrize(
    ("kind", "obj", "expected"),
    [
        (EventType.ADDED, config_map("c", 11), ["Added c@11"]),
        (EventType.MODIFIED, config_map("c", 11), ["Added c@11"]),
        (EventType.MODIFIED, config_map("a", 11), ["Modified a@11"]),
        (EventType.DELETED, config_map("a", 11), ["Deleted a@11"]),
        (EventType.DELETED, config_map("c", 11), []),
        (EventType.DELETED, config_map("a", 11, "somebody else"), []),
        (EventType.DELETED, config_map("a", 2), []),
        (EventType.ADDED, config_map("a", 3), []),
        (EventType.MODIFIED, config_map("a", 2), []),
    ],
)
def test_events(kind: EventType, obj: ConfigMap, expected: list[str]) -> None:
    assert told(known(A3, B5).apply(event(kind, obj))) == expected


def test_a_bookmark_moves_only_the_version() -> None:
    mirror = known(A3)
    assert mirror.apply(bookmark(20)) == []
    assert (mirror.resource_version, len(mirror.objects)) == ("20", 1)
    mirror.apply(bookmark(15))
    assert mirror.resource_version == "20"


class History:
    """A server's past: what was there at each version, and the events between."""

    def __init__(self, steps: list[tuple[str, str]]) -> None:
        self.states: list[dict[str, ConfigMap]] = [{}]
        self.events = []
        for version, (name, what) in enumerate(steps, 1):
            now = dict(self.states[-1])
            old = now.get(name)
            if old is None:
                now[name] = config_map(name, version, f"{name}-{version}")
                self.events.append(event(EventType.ADDED, now[name]))
            elif what == "delete":
                del now[name]
                self.events.append(event(EventType.DELETED, config_map(name, version, old.metadata.uid)))
            else:
                now[name] = config_map(name, version, old.metadata.uid)
                self.events.append(event(EventType.MODIFIED, now[name]))
            self.states.append(now)

    def list(self, version: int) -> Listing[ConfigMap]:
        return listing(version, *self.states[version].values())


steps = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["change", "delete"])), min_size=1, max_size=25)


@settings(max_examples=200, deadline=None)
@given(steps, st.data())
def test_whatever_is_repeated_or_listed_again_the_mirror_ends_as_the_server(
    sequence: list[tuple[str, str]], data: st.DataObject
) -> None:
    history = History(sequence)
    mirror: Mirror[ConfigMap] = Mirror()
    applied: dict[str, str] = {}  # what a listener that only sees changes believes: name -> uid
    position = 0
    while position < len(history.events):
        move = data.draw(st.sampled_from(["follow", "repeat", "list", "old list"]))
        changes: list[Change[ConfigMap]] = []
        if move == "list":
            position = data.draw(st.integers(position, len(history.events)))
            changes = mirror.replace(history.list(position))
        elif move == "old list" and position > 1 and mirror.resource_version:
            with pytest.raises(OlderListing):
                mirror.replace(history.list(int(mirror.resource_version) - 1))
        else:
            back = data.draw(st.integers(0, 5)) if move == "repeat" else 0
            for each in history.events[max(position - back, 0) : position + 1]:
                changes += mirror.apply(each)
            position += 1
        for change in changes:
            if isinstance(change, Deleted):
                assert applied.pop(change.last.metadata.name) == change.last.metadata.uid
            elif isinstance(change, Added):
                assert change.new.metadata.name not in applied
                applied[change.new.metadata.name] = change.new.metadata.uid
            elif isinstance(change, Modified):
                assert applied[change.new.metadata.name] == change.new.metadata.uid
        state = history.states[position]
        assert applied.keys() == state.keys(), "nothing is gone that the server still has"
    final = {obj.metadata.name: obj.metadata.resource_version for obj in mirror.objects.values()}
    assert final == {name: obj.metadata.resource_version for name, obj in history.states[-1].items()}
