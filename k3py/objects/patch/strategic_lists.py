"""Lists in strategic merge patches: elements found by their merge key, ``$patch`` elements, and the resulting order.

Elements of one list are all maps, or all scalars of one type. Two values are the same only when their types are: true
is not 1, and 1 is not 1.0.
"""

from collections.abc import Callable
from typing import Any, Final

from k3py.objects.go_values import go_text, type_name
from k3py.objects.patch.errors import PatchFailed, rejected

DIRECTIVE: Final = "$patch"

Object = dict[str, Any]
MergeElement = Callable[[Object, Object], Object]


def unknown_directive(patch: Object) -> PatchFailed:
    """A ``$patch`` that is none of Kubernetes' own."""
    directive = patch[DIRECTIVE]
    said = directive if isinstance(directive, str) else f"%!s({type_name(directive)}={go_text(directive)})"
    return PatchFailed(f"unknown patch type: {said} in map: {go_text(patch)}")


def kind_of_elements(*lists: list[Any]) -> type:
    """The type that all elements of the lists have.

    Raises:
        Invalid: they are lists themselves.
        PatchFailed: there are several types, or no elements.
    """
    found = {type(each): None for elements in lists for each in elements}
    if not found:
        raise PatchFailed("no elements in any of the given slices")
    if next(iter(found)) is list:
        raise rejected()
    if len(found) > 1 or type(None) in found:
        raise PatchFailed(f"list element types are not identical: {go_text(list(lists))}")
    return next(iter(found))


def merge_list(original: list[Any], patch: list[Any], key: str, merge: MergeElement) -> list[Any]:
    """The list with the patch's elements merged in, by ``key`` when they are maps; ``merge`` merges two of them.

    Raises:
        Invalid, PatchFailed: the elements do not fit.
    """
    if not original and not patch:
        return original
    if kind_of_elements(original, patch) is not dict:
        unique = {_identity(each, ""): each for each in (*original, *patch)}
        return in_order(list(unique.values()), original, patch, key)
    if not key:
        raise PatchFailed("cannot merge lists without merge key for type struct")
    kept, changes, replaced = _special_elements(original, patch, key)
    if replaced:
        return changes
    merged = list(kept)
    places = {_identity(each, key): index for index, each in reversed(list(enumerate(merged))) if key in each}
    for change in changes:
        place = places.setdefault(_identity(change, key), len(merged))
        if place == len(merged):
            merged.append(change)
        else:
            merged[place] = merge(merged[place], change)
    return in_order(merged, kept, changes, key)


def _special_elements(original: list[Any], patch: list[Any], key: str) -> tuple[list[Any], list[Any], bool]:
    """What the ``$patch`` elements leave of the original, the other elements, and whether these replace it."""
    gone, rest, replaced = set(), [], False
    for change in patch:
        directive = change.get(DIRECTIVE)
        if DIRECTIVE not in change:
            rest.append(change)
        elif directive == "delete":
            gone.add(_identity(change, key))
        elif directive == "replace":
            replaced = True
        elif directive == "merge":
            raise PatchFailed("merging lists cannot yet be specified in the patch")
        else:
            raise unknown_directive(change)
    kept = [each for each in original if key not in each or _identity(each, key) not in gone] if gone else original
    return kept, rest, replaced


def _key_of(element: Any, key: str) -> Any:
    if not isinstance(element, dict):
        raise PatchFailed(f"expected a {type_name({})}, but received a {type_name(element)}")
    if key not in element:
        raise PatchFailed(f"map: {go_text(element)} does not contain declared merge key: {key}")
    return element[key]


def same(left: Any, right: Any) -> bool:
    """Whether two scalars are the same, type and all."""
    return type(left) is type(right) and bool(left == right)


def delete_scalars(present: list[Any], values: list[Any]) -> list[Any]:
    """The list without the given values."""
    unwanted = {_identity(each, "") for each in values}
    return [each for each in present if _identity(each, "") not in unwanted]


def ordered_by(changes: list[Any], order: list[Any], key: str) -> None:
    """Check that a patch's elements come in the order that it gives; the order may name more.

    Raises:
        PatchFailed: they do not.
    """
    if not changes or not order:
        return
    position = 0
    for change in changes:
        if isinstance(change, dict) and DIRECTIVE in change:
            continue
        if key:
            _key_of(change, key)
        while position < len(order) and not _equal(change, order[position], key):
            position += 1
        if position == len(order):
            raise PatchFailed(
                f"The order in patch list:\n{go_text(changes)}\n"
                f" doesn't match $setElementOrder list:\n{go_text(order)}\n"
            )
        position += 1


def _equal(change: Any, ordered: Any, key: str) -> bool:
    return same(_key_of(change, key), _key_of(ordered, key)) if key else same(change, ordered)


def _identity(element: Any, key: str) -> Any:
    """What stands for an element where it is looked for."""
    value = _key_of(element, key) if key else element
    return (type(value), go_text(value) if isinstance(value, dict | list) else value)


def in_order(merged: list[Any], server: list[Any], order: list[Any], key: str) -> list[Any]:
    """Elements named by ``order`` in that order, the others where the server has them relative to these.

    What the server does not have yet comes before what the order does not name.

    Raises:
        PatchFailed: an element lacks its merge key.
    """
    wanted = {_identity(each, key): index for index, each in reversed(list(enumerate(order)))}
    at_server = {_identity(each, key): index for index, each in reversed(list(enumerate(server)))}
    named = sorted((each for each in merged if _identity(each, key) in wanted),
                   key=lambda each: wanted[_identity(each, key)])  # fmt: skip
    others = [each for each in merged if _identity(each, key) not in wanted]
    result: list[Any] = []
    position = 0
    for element in named:
        place = at_server.get(_identity(element, key))
        while position < len(others) and place is not None:
            before = at_server.get(_identity(others[position], key))
            if before is None or before > place:
                break
            result.append(others[position])
            position += 1
        result.append(element)
    return result + others[position:]
