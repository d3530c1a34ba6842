"""Pruning as the design of server-side apply tells it, in three passes over sets: slow, and easy to believe."""

from typing import Any

from k3py.objects.apply.fieldset import MEMBER, SELF, Tree, difference, intersection, is_member, union, with_self
from k3py.objects.apply.schema import ANY, Node, Shape
from k3py.objects.apply.values import element_of


def pruned(merged: Any, last: Tree, owned: Tree, node: Node) -> Any:
    """All that was applied last is taken out, what anybody owns put back, and what was never applied as well."""
    everything, before = named(present(merged, node), node), named(last, node)
    kept = union(named(present(remove(merged, before, node), node), node), named(owned, node))
    left = remove(merged, difference(everything, kept), node)
    gone = difference(everything, named(present(left, node), node))
    return remove(merged, intersection(gone, before), node)


def present(value: Any, node: Node) -> Tree:
    """The set (root) of the fields of an object."""
    return _present(value, node) or {}


def _present(value: Any, node: Node) -> Tree | None:
    if not value or node.atomic:
        return None if value == [] and not node.atomic else MEMBER
    result: Tree = {}
    if node.shape is Shape.LIST:
        for item in value:
            result[element_of(node, item)] = with_self(_present(item, node.element or ANY))
        return result
    for name, each in value.items():
        field = node.fields.get(name)
        tree = _present(each, field[1] if field is not None else node.element or ANY)
        if field is None:
            tree = with_self(tree)
        if tree is not None:
            result[f"f:{name}"] = tree
    return result or None


def named(tree: Tree, node: Node) -> Tree:
    """The set (root) and the structs' fields on the way to its members."""
    result: Tree = {}
    for element, below in tree.items():
        if element == SELF:
            result[element] = MEMBER
            continue
        field = node.fields.get(element[2:])
        inner = named(below, field[1] if field is not None else node.element or ANY)
        result[element] = with_self(inner) if field is not None else inner
    return result


def remove(value: Any, tree: Tree, node: Node) -> Any:
    """The value without the paths in the set (root); None when nothing is left."""
    if not tree or not value:
        return value
    if node.shape is Shape.LIST:
        return _removed_list(value, tree, node)
    result = {}
    for name, each in value.items():
        field, below = node.fields.get(name), tree.get(f"f:{name}")
        if below is None:
            result[name] = each
        elif not is_member(below):
            result[name] = remove(each, below, field[1] if field is not None else node.element or ANY)
    return result or None


def _removed_list(value: list[Any], tree: Tree, node: Node) -> list[Any] | None:
    result = []
    for item in value:
        below = tree.get(element_of(node, item))
        if below is None:
            result.append(item)
        elif not is_member(below):
            result.append(remove(item, below, node.element or ANY))
    return result or None
