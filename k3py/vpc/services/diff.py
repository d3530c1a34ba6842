"""What to write into the socket programs' maps, in an order in which every connection finds a whole service. Decides.

Backends stand in *sets*. A set is written whole under an id that was never used, then the entries that lead there are
switched, one write each, then the old set goes. Frontends with the same backends share a set, so a service costs its
endpoints once, whatever number of addresses it has.
"""

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from k3py.vpc.services.entries import Frontend, Target
from k3py.vpc.wanted import Backend

SET_ID_MAX: Final = 2**32 - 1
# The set of a frontend without backends; it has no entries.
NO_SET: Final = 0


@dataclass(frozen=True, slots=True)
class BackendSet:
    """What a set holds. ``affine``: it also has an entry for each backend by its address."""

    backends: tuple[Backend, ...]
    affine: bool


@dataclass(frozen=True, slots=True)
class Pointer:
    """What a frontend's entry says."""

    set: int
    count: int
    native: bool
    affinity_seconds: int


@dataclass(frozen=True)
class WriteSet:
    """Write the backends under an id that nothing refers to yet."""

    id: int
    content: BackendSet


@dataclass(frozen=True)
class Point:
    """Make or switch a frontend's entry."""

    frontend: Frontend
    pointer: Pointer


@dataclass(frozen=True)
class Forget:
    """Take a frontend's entry away."""

    frontend: Frontend


@dataclass(frozen=True)
class DropSet:
    """Delete the entries of a set that nothing refers to any more."""

    id: int


Step = WriteSet | Point | Forget | DropSet


@dataclass
class Present:
    """What the maps say. A set that is not whole (a writer died) is there with content None."""

    pointers: dict[Frontend, Pointer] = field(default_factory=dict)
    sets: dict[int, BackendSet | None] = field(default_factory=dict)

    def done(self, step: Step) -> None:
        """Take note of a step that was carried out."""
        match step:
            case WriteSet(number, content):
                self.sets[number] = content
            case Point(frontend, pointer):
                self.pointers[frontend] = pointer
            case Forget(frontend):
                self.pointers.pop(frontend, None)
            case DropSet(number):
                self.sets.pop(number, None)

    def backends(self, frontends: Iterable[Frontend]) -> dict[Frontend, tuple[Backend, ...]]:
        """Where those of the frontends lead that there are."""
        found = {}
        for frontend in frontends:
            pointer = self.pointers.get(frontend)
            if pointer is not None:
                content = self.sets.get(pointer.set)
                found[frontend] = content.backends if content is not None else ()
        return found


def steps(wanted: Mapping[Frontend, Target], present: Present, newest: int) -> list[Step]:
    """From what the maps say to what they should.

    Args:
        newest: the set id that was used last. An id comes back only after all others, so a program that has looked an
            entry up cannot find another set under the old id.
    """
    planned: list[Step] = [Forget(each) for each in present.pointers if each not in wanted]
    pointers = {frontend: pointer for frontend, pointer in present.pointers.items() if frontend in wanted}
    uses = Counter(each.set for each in pointers.values())
    needed = _by_content({each: target for each, target in wanted.items() if not _says(present, each, target)})
    whole = _whole(present, needed)
    keep = frozenset(whole.values())
    planned += [DropSet(each) for each in present.sets if not uses[each] and each not in keep]
    fresh = _fresh_ids(newest, present.sets)
    # Sets grow late, so that what goes makes room first.
    for content in sorted(needed, key=lambda each: len(each.backends)):
        number = NO_SET
        if content.backends:
            number = whole[content] if content in whole else next(fresh)
            if content not in whole:
                planned.append(WriteSet(number, content))
        for frontend in needed[content]:
            target, old = wanted[frontend], pointers.get(frontend)
            planned.append(
                Point(frontend, Pointer(number, len(content.backends), target.native, target.affinity_seconds))
            )
            if old is not None and old.set != number:
                uses[old.set] -= 1
                if not uses[old.set] and old.set in present.sets and old.set not in keep:
                    planned.append(DropSet(old.set))
    return planned


@dataclass(frozen=True)
class Room:
    """How many entries there are, or may be: of frontends, and of backends in sets."""

    frontends: int
    backends: int


def peak(planned: Sequence[Step], present: Present) -> Room:
    """The most entries that there are at once while the steps are carried out.

    A set that is not whole counts nothing: it is among the first to go.
    """
    sizes = {number: len(content.backends) for number, content in present.sets.items() if content is not None}
    frontends = set(present.pointers)
    backends = backends_most = sum(sizes.values())
    frontends_most = len(frontends)
    for step in planned:
        match step:
            case WriteSet(number, content):
                sizes[number] = len(content.backends)
                backends += sizes[number]
                backends_most = max(backends_most, backends)
            case DropSet(number):
                backends -= sizes.pop(number, 0)
            case Point(frontend, _):
                frontends.add(frontend)
                frontends_most = max(frontends_most, len(frontends))
            case Forget(frontend):
                frontends.discard(frontend)
    return Room(frontends_most, backends_most)


def _says(present: Present, frontend: Frontend, target: Target) -> bool:
    """Whether the maps lead a frontend there already."""
    pointer = present.pointers.get(frontend)
    if pointer is None or (pointer.native, pointer.affinity_seconds) != (target.native, target.affinity_seconds):
        return False
    if not target.backends:
        return (pointer.set, pointer.count) == (NO_SET, 0)
    content = present.sets.get(pointer.set)
    wanted = BackendSet(target.backends, bool(target.affinity_seconds))
    return content is not None and pointer.count == len(content.backends) and content == wanted


def _whole(present: Present, needed: Iterable[BackendSet]) -> dict[BackendSet, int]:
    """Which of the needed sets are there. Only those that begin alike are compared: there may be many."""
    begins = {each.backends[0] for each in needed if each.backends}
    alike = {each: number for number, each in present.sets.items() if each is not None and each.backends[0] in begins}
    return {each: alike[each] for each in needed if each in alike}


def _by_content(wanted: Mapping[Frontend, Target]) -> dict[BackendSet, list[Frontend]]:
    """Which frontends lead to the same set."""
    found: dict[BackendSet, list[Frontend]] = {}
    for frontend, target in wanted.items():
        content = BackendSet(target.backends, bool(target.affinity_seconds and target.backends))
        found.setdefault(content, []).append(frontend)
    return found


def _fresh_ids(newest: int, used: Container[int]) -> Iterator[int]:
    number = newest
    while True:
        number = number % SET_ID_MAX + 1
        if number not in used:
            yield number
