"""What really is durable, seen at the log, and what nobody may ever observe against it."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import orjson

from k3py.store.keys import CEILING, CHANGES
from k3py.store.log import Put
from k3py.store.records import Change, ChangeType, Labels, Record
from k3py.store.rows import read_change, read_number
from k3py.store.sealing import Sealer
from tests.sim.world import Violation

Place = tuple[str, str, str]
"""Collection, namespace, name."""

SELECTED = ("color", "red")


@dataclass(frozen=True)
class Fact:
    """One durable change."""

    revision: int
    type: ChangeType
    place: Place
    labels: Labels
    before: Labels | None

    def seen_by(self, selected: bool) -> ChangeType | None:
        """What a watch hears of it; a selecting one hears of leaving and entering."""
        if not selected:
            return self.type
        return transition(self.type, self.labels, self.before)


def transition(kind: ChangeType, labels: Labels, before: Labels | None) -> ChangeType | None:
    """What a change is for somebody who sees only what is selected."""
    was = before is not None and SELECTED in before
    if kind is ChangeType.DELETED:
        return ChangeType.DELETED if was else None
    if SELECTED in labels:
        return ChangeType.MODIFIED if was else ChangeType.ADDED
    return ChangeType.DELETED if was else None


@dataclass
class Line:
    """All durable changes of one collection, in order."""

    revisions: list[int] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)

    def between(self, after: int, upto: int) -> Sequence[Fact]:
        return self.facts[bisect_right(self.revisions, after) : bisect_right(self.revisions, upto)]

    def state_at(self, revision: int) -> dict[Place, int]:
        """Which objects there are at a revision, and their own revisions."""
        state: dict[Place, int] = {}
        for fact in self.facts[: bisect_right(self.revisions, revision)]:
            if fact.type is ChangeType.DELETED:
                del state[fact.place]
            else:
                state[fact.place] = fact.revision
        return state


class Truth:
    """The book of what is durable. ``is_volatile`` says which places are not in it."""

    def __init__(self, sealer: Sealer, is_volatile: Callable[[Place], bool]) -> None:
        self.lines: dict[str, Line] = {}
        self.operations: dict[int, str] = {}
        self.ceiling = 0
        self.given: dict[int, str] = {}
        self._sealer = sealer
        self._is_volatile = is_volatile
        self._labels: dict[Place, Labels] = {}
        self._last = 0

    def line(self, collection: str) -> Line:
        return self.lines.setdefault(collection, Line())

    # --- at the log ---

    def applied(self, rows: Iterable[Put], sequence: int) -> None:
        """A batch has become durable."""
        for key, value in rows:
            if value is None:
                continue
            if key == CEILING:
                self._reserve(read_number(key, value))
            elif key.startswith(CHANGES):
                self._append(read_change(key, value, self._sealer).change, sequence)

    def _reserve(self, ceiling: int) -> None:
        if ceiling <= self.ceiling:
            raise Violation(f"the ceiling of revisions falls from {self.ceiling} to {ceiling}")
        self.ceiling = ceiling

    def _append(self, change: Change, sequence: int) -> None:
        record, revision = change.record, change.revision
        place = (record.collection, record.namespace, record.name)
        if not self._last < revision <= sequence:
            raise Violation(f"revision {revision} is written after {self._last}, in the batch of {sequence}")
        before = self._labels.pop(place, None)
        wrong_birth = (change.type is ChangeType.ADDED) != (before is None)
        if wrong_birth:
            raise Violation(f"{change} of an object that {'is not' if before is None else 'is'} there")
        if change.type is not ChangeType.DELETED:
            self._labels[place] = record.labels
        self._last = revision
        line = self.line(record.collection)
        line.revisions.append(revision)
        line.facts.append(Fact(revision, change.type, place, record.labels, before))
        self.operations[revision] = self.given.get(revision, "?")

    # --- at the store's edge ---

    def give(self, revision: int, operation: str) -> None:
        """The store gives a revision to an operation."""
        if revision in self.given:
            raise Violation(f"revision {revision} is given to {operation}, and was given to {self.given[revision]}")
        self.given[revision] = operation

    def observe(self, record: Record) -> None:
        """Somebody outside sees a record: it must be durable, and no other than what was written there."""
        place = (record.collection, record.namespace, record.name)
        revision = record.revision
        if orjson.loads(record.raw)["metadata"]["resourceVersion"] != str(revision):
            raise Violation(f"{record} says of itself {record.raw[:80]!r}")
        if revision > self.ceiling:
            raise Violation(f"{record} is seen above the durable ceiling {self.ceiling}")
        if self._is_volatile(place):
            return
        line = self.line(record.collection)
        index = bisect_left(line.revisions, revision)
        if index == len(line.revisions) or line.revisions[index] != revision:
            raise Violation(f"{record} is seen and is not durable")
        if line.facts[index].place != place:
            raise Violation(f"{record} is seen, but revision {revision} is {line.facts[index]}")

    def acknowledge(self, record: Record, operation: str) -> None:
        """A writer is told that its operation came to this record."""
        self.observe(record)
        if self.given.get(record.revision) != operation:
            raise Violation(f"{operation} is answered with {record}, which is {self.given.get(record.revision)}")

    def refuse_taken(self, place: Place, revision: int) -> None:
        """A create is refused because of a record at ``revision``: there must durably have been one."""
        if self._is_volatile(place):
            return
        if self.operations.get(revision) is None:
            raise Violation(f"{place} is refused because of revision {revision}, which is not durable")

    def refuse_stale(self, place: Place, expected: int) -> None:
        """A replace at a durable revision is refused: something newer must durably have happened."""
        if self._is_volatile(place):
            return
        line = self.line(place[0])
        for fact in line.facts[bisect_right(line.revisions, expected) :]:
            if fact.place == place:
                return
        raise Violation(f"{place} is refused at its last durable revision {expected}")

    def check_listing(self, collection: str, namespace: str | None, revision: int, records: Sequence[Record]) -> None:
        """A listing is what was durable at its revision, sorted; volatile records aside."""
        places = [(r.collection, r.namespace, r.name) for r in records]
        if places != sorted(places):
            raise Violation(f"the listing of {collection} at {revision} is not sorted")
        seen = {p: r.revision for p, r in zip(places, records, strict=True) if not self._is_volatile(p)}
        state = self.line(collection).state_at(revision)
        expected = {p: at for p, at in state.items() if namespace in (None, p[1])}
        if seen != expected:
            wrong = sorted(set(seen.items()) ^ set(expected.items()))
            raise Violation(f"the listing of {collection} in {namespace} at {revision} is wrong: {wrong[:4]}")
