"""What clients know of the writes they asked for, and what has to follow from it. Decides; no I/O."""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Object = dict[str, Any]
Key = tuple[str, str, str]  # resource, namespace, name


@dataclass(frozen=True)
class Seen:
    """One event of a watch."""

    type: str
    key: Key
    uid: str
    revision: int
    labels: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, resource: str, event: Object) -> "Seen":
        """From an event's object, or from the only row of its Table."""
        body = event["object"]
        if body["kind"] == "Table":
            [row] = body["rows"]
            body = row["object"]
        meta = body["metadata"]
        labels = tuple(sorted(meta.get("labels", {}).items()))
        key = (resource, meta["namespace"], meta["name"])
        return cls(event["type"], key, meta["uid"], int(meta["resourceVersion"]), labels)


@dataclass(frozen=True)
class Version:
    """An object as it lies in the store."""

    value: str
    uid: str
    revision: int

    @classmethod
    def of(cls, body: Object) -> "Version":
        """From the object; ``value`` is its annotation (Secrets and ConfigMaps alike have one)."""
        meta = body["metadata"]
        return cls(meta["annotations"]["value"], meta["uid"], int(meta["resourceVersion"]))


@dataclass(frozen=True)
class Attempt:
    """A write that was asked for: ``ADDED``, ``MODIFIED`` or ``DELETED``, as watchers will call it."""

    type: str
    key: Key
    value: str = ""


@dataclass
class Book:
    """All that the clients were told, over all lives of the server."""

    objects: dict[Key, Version] = field(default_factory=dict)
    pending: dict[Key, list[Attempt]] = field(default_factory=dict)  # on their way
    unknown: set[tuple[str, Key]] = field(default_factory=set)  # no answer came: types and keys
    written: dict[int, Attempt] = field(default_factory=dict)  # acknowledged creates and updates, by revision
    deleted: set[tuple[Key, str]] = field(default_factory=set)  # acknowledged deletions, by key and uid
    exists: set[Key] = field(default_factory=set)  # a client was told "already exists"; these are never deleted
    above: dict[Key, int] = field(default_factory=dict)  # a client was told "no longer at this revision"
    highest: int = 0  # revision that anybody has seen in an earlier life
    acknowledged: int = 0

    def begin(self, attempt: Attempt) -> None:
        """A request is on its way."""
        self.pending.setdefault(attempt.key, []).append(attempt)

    def answered(self, attempt: Attempt) -> None:
        """It is not on its way any more."""
        self.pending[attempt.key].remove(attempt)

    def wrote(self, attempt: Attempt, version: Version) -> None:
        """It was acknowledged."""
        assert version.revision not in self.written, f"two writes at revision {version.revision}"
        assert version.revision > self.highest, f"{version.revision} is not above {self.highest} of an earlier life"
        before = self.objects.get(attempt.key)
        assert before is None or version.revision > before.revision
        self.written[version.revision] = attempt
        self.acknowledged += 1
        self.objects[attempt.key] = version

    def gone(self, attempt: Attempt) -> None:
        """A deletion was acknowledged."""
        self.deleted.add((attempt.key, self.objects.pop(attempt.key).uid))
        self.acknowledged += 1

    def check(self, found: Mapping[Key, Version]) -> None:
        """Compare with what a new life of the server has, and take that over where the outcome was unknown."""
        for key in {*self.objects, *self.pending, *found}:
            self._check(key, found.get(key))
        for key in self.exists:
            assert key in found, f"{key} was said to exist already and does not"
        for key, revision in self.above.items():
            assert found[key].revision > revision, f"{key} was said to have changed since {revision} and has not"
        self.unknown |= {(each.type, key) for key, attempts in self.pending.items() for each in attempts}
        self.pending.clear()
        self.objects = dict(found)
        self.highest = max([self.highest, *self.written, *(each.revision for each in found.values())])

    def _check(self, key: Key, now: Version | None) -> None:
        before, attempts = self.objects.get(key), self.pending.get(key, [])
        if now == before:
            return
        if now is None:
            assert any(each.type == "DELETED" for each in attempts), f"{key}: {before} was acknowledged and is gone"
            return
        asked = any(each.type != "DELETED" and each.value == now.value for each in attempts)
        assert asked, f"{key}: {before} was acknowledged, found {now}, on their way {attempts}"
        assert now.revision > (before.revision if before else self.highest)

    def check_history(self, history: Sequence[Seen], resource: str) -> None:
        """A watch of all of a resource since the beginning: nothing is missing, nothing repeated, nothing made up."""
        revisions = [each.revision for each in history]
        assert all(a < b for a, b in itertools.pairwise(revisions)), "events in the order of revisions"
        by_revision = {each.revision: each for each in history}
        for revision, attempt in self.written.items():
            if attempt.key[0] == resource:
                seen = by_revision.get(revision)
                assert seen is not None, f"{attempt} was acknowledged at {revision}; the watch missed it"
                assert (seen.type, seen.key) == (attempt.type, attempt.key)
        ended = [(each.key, each.uid) for each in history if each.type == "DELETED"]
        assert len(ended) == len(set(ended))
        assert {each for each in self.deleted if each[0][0] == resource} <= set(ended), "deletions missed"
        for seen in history:
            known = seen.revision in self.written or (seen.key, seen.uid) in self.deleted
            assert known or (seen.type, seen.key) in self.unknown, f"nobody asked for {seen}"


def selected(history: Iterable[Seen], wanted: Callable[[Seen], bool]) -> list[tuple[str, Key, int]]:
    """What a watch with a selector has to show of a history: objects come (ADDED) and go (DELETED) as they match."""
    inside: set[Key] = set()
    expected = []
    for each in history:
        was, fits = each.key in inside, each.type != "DELETED" and wanted(each)
        if fits:
            inside.add(each.key)
            expected.append(("MODIFIED" if was else "ADDED", each.key, each.revision))
        elif was:
            inside.discard(each.key)
            expected.append(("DELETED", each.key, each.revision))
    return expected


def outline(history: Iterable[Seen]) -> list[tuple[str, Key, int]]:
    """A history as ``selected`` tells it."""
    return [(each.type, each.key, each.revision) for each in history]


def replay(history: Iterable[Seen]) -> dict[Key, int]:
    """The objects there are after a history, with their revisions."""
    state: dict[Key, int] = {}
    for each in history:
        if each.type == "DELETED":
            del state[each.key]
        else:
            assert (each.key in state) == (each.type == "MODIFIED"), each
            state[each.key] = each.revision
    return state
