"""What a write changed: the paths that are new or have another value, and those that are gone."""

from typing import Any, Final, NamedTuple

from k3py.objects.apply.fieldset import MEMBER, Tree
from k3py.objects.apply.schema import ANY, Node, Shape
from k3py.objects.apply.values import Unfit, element_of, entire

_ABSENT: Final = object()


class Comparison(NamedTuple):
    """Two sets: paths whose value was added or modified, and paths that were removed."""

    changed: Tree
    removed: Tree


def compare(old: Any, new: Any, node: Node) -> Comparison:
    """What makes ``new`` of ``old``, two objects of the same type."""
    changed: Tree = {}
    removed: Tree = {}
    if _descend(old, new, node, changed, removed):
        return Comparison(changed, removed)
    return Comparison({}, {})


def _descend(old: Any, new: Any, node: Node, changed: Tree, removed: Tree) -> bool:
    """Fill in what changed below two values that are there; False: they have no paths below, only their own."""
    shape = node.shape
    if node.atomic or not (old or new):
        return False
    if shape is Shape.LIST:
        if not (_is(old, list) and _is(new, list)):
            return False
        _compare_lists(old or [], new or [], node, changed, removed)
        return True
    if not (_is(old, dict) and _is(new, dict)):
        return False
    _compare_maps(old or {}, new or {}, node, changed, removed)
    return True


def _is(value: Any, kind: type) -> bool:
    return value is None or isinstance(value, kind)


def _compare_maps(old: dict[str, Any], new: dict[str, Any], node: Node, changed: Tree, removed: Tree) -> None:
    fields, free = node.fields, node.element or ANY
    for name, value in new.items():
        before = old.get(name, _ABSENT)
        if before is value or before == value:
            continue
        field = fields.get(name)
        element, inner = field if field is not None else (f"f:{name}", free)
        if before is _ABSENT:
            changed[element] = entire(value, inner)
        else:
            _compare_present(before, value, inner, element, changed, removed)
    if not old.keys() <= new.keys():
        for name, value in old.items():
            if name not in new:
                field = fields.get(name)
                element, inner = field if field is not None else (f"f:{name}", free)
                removed[element] = entire(value, inner)


def _compare_present(old: Any, new: Any, node: Node, element: str, changed: Tree, removed: Tree) -> None:
    """Two differing values at the same place."""
    changed_below: Tree = {}
    removed_below: Tree = {}
    if not _descend(old, new, node, changed_below, removed_below):
        changed[element] = MEMBER
        return
    if changed_below:
        changed[element] = changed_below
    if removed_below:
        removed[element] = removed_below


def _compare_lists(old: list[Any], new: list[Any], node: Node, changed: Tree, removed: Tree) -> None:
    before, after = _by_element(old, node), _by_element(new, node)
    inner = node.element or ANY
    for element, items in after.items():
        others = before.get(element, [])
        if items == others:
            continue
        if len(items) == 1 == len(others):
            _compare_present(others[0], items[0], inner, element, changed, removed)
        elif len(items) == 1:
            changed[element] = entire(items[0], inner)
            if others:
                removed[element] = MEMBER
        else:
            changed[element] = MEMBER
            if len(others) == 1:
                removed[element] = entire(others[0], inner)
    for element, items in before.items():
        if element not in after:
            removed[element] = entire(items[0], inner) if len(items) == 1 else MEMBER


def _by_element(items: list[Any], node: Node) -> dict[str, list[Any]]:
    """Entries by their path element; entries of a stored list may share one."""
    result: dict[str, list[Any]] = {}
    for item in items:
        try:
            result.setdefault(element_of(node, item), []).append(item)
        except Unfit:
            continue
    return result
