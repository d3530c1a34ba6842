"""Sets of field paths, in the form of ``fieldsV1``.

A tree is a dict from path element to the tree below it. Below the root a tree is a *member* (its own path is in the
set) when it is empty or has the key ``.``; elements are canonical (``elements.canonical``) and ``{".": {}}`` is
written ``{}``, so equal sets are equal trees. Trees are never changed once made: they share their parts.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from k3py.objects.apply.elements import BadFields, canonical, is_field, order

Tree = dict[str, Any]
# Elements (``ANYTHING``: whichever) to what may follow; None is an end.
Pattern = Mapping[str, Any]

SELF: Final = "."
ANYTHING: Final = "*"
_NOTHING: Final[Pattern] = {}
MEMBER: Final[Tree] = {}
# No kind nests as deeply; deeper sets would exhaust the stack.
DEPTH_MAX: Final = 200


def is_member(tree: Tree) -> bool:
    """Whether the tree's own path is in the set; of trees below the root."""
    return not tree or SELF in tree


def with_self(tree: Tree | None) -> Tree:
    """The tree (None: nothing) and its own path."""
    if not tree or SELF in tree:
        return tree or MEMBER
    return {SELF: MEMBER, **tree}


def _united(left: Tree, right: Tree) -> Tree:
    if left is right or not (left or right):
        return left
    if not left or not right:
        return with_self(left or right)
    result = dict(left)
    for element, below in right.items():
        present = left.get(element)
        result[element] = below if present is None else _united(present, below)
    return result


def _without(left: Tree, right: Tree) -> Tree | None:
    if left is right:
        return None
    result = {}
    for element, below in left.items():
        if element == SELF:
            continue
        other = right.get(element)
        rest = below if other is None else _without(below, other)
        if rest is not None:
            result[element] = rest
    if is_member(left) and not is_member(right):
        return with_self(result)
    return result or None


def _common(left: Tree, right: Tree) -> Tree | None:
    if left is right:
        return left
    result = {}
    for element, below in left.items():
        other = right.get(element)
        if other is not None and element != SELF:
            both = _common(below, other)
            if both is not None:
                result[element] = both
    if is_member(left) and is_member(right):
        return with_self(result)
    return result or None


def union(left: Tree, right: Tree) -> Tree:
    """What is in one of two sets (roots)."""
    return _united(left, right) if left and right else left or right


def difference(left: Tree, right: Tree) -> Tree:
    """What is in the first set (root) and not in the second."""
    if not left or not right:
        return left
    result = {}
    for element, below in left.items():
        other = right.get(element)
        rest = below if other is None else _without(below, other)
        if rest is not None:
            result[element] = rest
    return result


def intersection(left: Tree, right: Tree) -> Tree:
    """What is in both sets (roots)."""
    result = {}
    for element, below in left.items():
        other = right.get(element)
        both = None if other is None else _common(below, other)
        if both is not None:
            result[element] = both
    return result


def excluding(left: Tree, right: Tree) -> Tree:
    """The first set (root) without the members of the second and everything below them."""
    if not left or not right:
        return left
    result = {}
    for element, below in left.items():
        other = right.get(element)
        if other is None:
            result[element] = below
        elif not is_member(other):
            rest = excluding(below, other)
            if rest or not below:
                result[element] = MEMBER if rest.keys() == {SELF} else rest
    return result


def including(left: Tree, pattern: Pattern) -> Tree:
    """What of the set (root) lies on the way to the pattern's ends, or below them."""
    result = {}
    for element, below in left.items():
        rest = pattern.get(element, pattern.get(ANYTHING, _NOTHING))
        if element == SELF or rest is _NOTHING:
            continue
        if rest is None:
            result[element] = below
        elif is_member(below):
            result[element] = with_self(including(below, rest))
        elif kept := including(below, rest):
            result[element] = kept
    return result


def covers(left: Tree, right: Tree) -> bool:
    """Whether everything in the second set (root) is in the first."""
    for element, below in right.items():
        other = left.get(element)
        if other is None or not _covers(other, below):
            return False
    return True


def _covers(left: Tree, right: Tree) -> bool:
    if left is right:
        return True
    if is_member(right) and not is_member(left):
        return False
    for element, below in right.items():
        if element != SELF:
            other = left.get(element)
            if other is None or not _covers(other, below):
                return False
    return True


def leaves(tree: Tree) -> Tree:
    """The members of a set (root) that have nothing below them."""
    result = {}
    for element, below in tree.items():
        if element != SELF:
            rest = leaves(below) if below else MEMBER
            if rest or not below:
                result[element] = rest
    return result


def paths(tree: Tree) -> Iterator[tuple[str, ...]]:
    """The members of a set (root), in Kubernetes' order: a path before those below it."""
    for element in _ordered(tree):
        below = tree[element]
        if is_member(below):
            yield (element,)
        for rest in paths(below):
            yield (element, *rest)


def _ordered(tree: Tree) -> list[str]:
    elements = sorted(tree)
    if SELF in tree:
        elements.remove(SELF)
    # Fields come first in both orders; of other elements the text says little.
    if elements and not is_field(elements[-1]):
        elements.sort(key=order)
    return elements


def encoded(tree: Tree) -> Tree:
    """The set (root) as ``fieldsV1``, its keys in Kubernetes' order."""
    result: Tree = {SELF: MEMBER} if SELF in tree else {}
    for element in _ordered(tree):
        below = tree[element]
        result[element] = encoded(below) if below else MEMBER
    return result


def parse(value: Any) -> Tree:
    """The set that a ``fieldsV1`` stands for.

    Raises:
        BadFields: it is none, or nested too deeply.
    """
    tree = _parsed(value, 0)
    return {element: below for element, below in tree.items() if element != SELF} if SELF in tree else tree


def _parsed(value: Any, depth: int) -> Tree:
    if not isinstance(value, dict):
        raise BadFields("a field set is an object of objects")
    if depth > DEPTH_MAX:
        raise BadFields("a field set is nested too deeply")
    if not value:
        return MEMBER
    result: Tree = {}
    for element, below in value.items():
        if element == SELF:
            if below != {}:
                raise BadFields('nothing can be below "."')
            result[SELF] = MEMBER
            continue
        name = canonical(element)
        tree = _parsed(below, depth + 1)
        present = result.get(name)
        result[name] = tree if present is None else _united(present, tree)
    return MEMBER if len(result) == 1 and SELF in result and depth else result


class FieldSet:
    """A set of field paths; a path is a sequence of canonical elements."""

    __slots__ = ("tree",)

    def __init__(self, tree: Tree | None = None) -> None:
        """``tree`` must be in the form described above."""
        self.tree: Tree = tree or {}

    @classmethod
    def parse(cls, value: Any) -> "FieldSet":
        """The set of a ``fieldsV1`` object.

        Raises:
            BadFields: it is none.
        """
        return cls(parse(value))

    @classmethod
    def of(cls, *members: Sequence[str]) -> "FieldSet":
        """The set of these paths; their elements need not be canonical, the empty path is no member.

        Raises:
            BadFields: an element is none.
        """
        result = cls()
        for path in members:
            tree: Tree = MEMBER
            for element in reversed(path):
                tree = {canonical(element): tree}
            result |= cls(tree)
        return result

    def encode(self) -> Mapping[str, Any]:
        """As ``fieldsV1``, in Kubernetes' order."""
        return encoded(self.tree)

    def __or__(self, other: "FieldSet") -> "FieldSet":
        return FieldSet(union(self.tree, other.tree))

    def __sub__(self, other: "FieldSet") -> "FieldSet":
        return FieldSet(difference(self.tree, other.tree))

    def __and__(self, other: "FieldSet") -> "FieldSet":
        return FieldSet(intersection(self.tree, other.tree))

    def __ge__(self, other: "FieldSet") -> bool:
        return covers(self.tree, other.tree)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FieldSet) and self.tree == other.tree

    def __hash__(self) -> int:
        return hash(frozenset(self))

    def __bool__(self) -> bool:
        return bool(self.tree)

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        return paths(self.tree)

    def __contains__(self, path: Sequence[str]) -> bool:
        tree: Tree | None = self.tree
        for element in path:
            tree = tree.get(element) if tree is not None else None
        return bool(path) and tree is not None and is_member(tree)

    def __repr__(self) -> str:
        return f"FieldSet({self.encode()!r})"
