"""An applied object laid over the stored one, and fields taken out of an object."""

from collections import Counter, deque
from typing import Any

from k3py.objects.apply.fieldset import MEMBER, SELF, Tree, is_member
from k3py.objects.apply.schema import ANY, Node, Shape
from k3py.objects.apply.values import Unfit, element_of


def merge(live: Any, applied: Any, node: Node) -> Any:
    """The stored value with everything that the applied one names. Neither is changed; both may share parts with it.

    Atomic values are replaced, maps merged by key and granular lists by their keys; nothing is removed.
    """
    if node.atomic or not live:
        return applied
    if node.shape is Shape.LIST:
        if not isinstance(live, list) or not _is_list(applied):
            return applied
        return merge_lists(live, applied, node) if applied else live
    if not isinstance(live, dict) or not (applied is None or isinstance(applied, dict)):
        return applied
    if not applied:
        return live
    result = dict(live)
    fields, free = node.fields, node.element or ANY
    for name, value in applied.items():
        if name in live:
            field = fields.get(name)
            result[name] = merge(live[name], value, field[1] if field is not None else free)
        else:
            result[name] = value
    return result


def _is_list(value: Any) -> bool:
    return value is None or isinstance(value, list)


def merge_lists(live: list[Any], applied: list[Any], node: Node) -> list[Any]:
    """Two granular lists by their entries' keys.

    Applied entries stand in their own order; live ones that are not applied keep their place before the entry that
    followed them, and new ones stand before the next entry that both have.
    """
    inner = node.element or ANY
    live_elements = [_element_or_none(node, item) for item in live]
    wanted = [element_of(node, item) for item in applied]
    if live_elements == wanted:
        return [merge(old, new, inner) for old, new in zip(live, applied, strict=True)]
    counts = Counter(live_elements)
    stored = {element: item for element, item in zip(live_elements, live, strict=True) if counts[element] == 1}
    result = []
    for from_live, index in _merged_order(live_elements, wanted):
        if from_live:
            result.append(live[index])
        elif wanted[index] in stored:
            result.append(merge(stored[wanted[index]], applied[index], inner))
        else:
            result.append(applied[index])
    return result


def _merged_order(live: list[str | None], wanted: list[str]) -> list[tuple[bool, int]]:
    """Which entries follow each other: (from the live list?, index in its list)."""
    applied, stored = set(wanted), set(live)
    shared = deque(element for element in wanted if element in stored)
    done: set[str] = set()
    result: list[tuple[bool, int]] = []
    left, right = 0, 0
    while left < len(live) or right < len(wanted):
        if left < len(live):
            element = live[left]
            if element not in applied:
                result.append((True, left))
                left += 1
                continue
            next_shared = shared[0] if shared else None
            if right == len(wanted) or (next_shared is not None and element not in (next_shared, wanted[right])):
                # An applied entry at another place: its turn comes, or has come, in the applied order.
                left += 1
                continue
            if element == wanted[right] or element in done:
                left += 1
        if right < len(wanted):
            if shared and shared[0] == wanted[right]:
                shared.popleft()
            done.add(wanted[right])
            result.append((False, right))
            right += 1
    return result


def _element_or_none(node: Node, item: Any) -> str | None:
    try:
        return element_of(node, item)
    except Unfit:
        return None


def prune(value: Any, last: Tree, owned: Tree, node: Node) -> Any:
    """The value without the paths in ``last`` (set, root) that are not in ``owned``; None when nothing is left.

    A struct counts as applied and as owned along with any of its fields, and goes with what only defaults put into it;
    an entry of a list or a key of a map counts by itself. The value is not changed.
    """
    if node.atomic or not value:
        return value
    if isinstance(value, dict) and node.shape is not Shape.LIST:
        return _pruned_map(value, last, owned, node)
    if isinstance(value, list) and node.shape is Shape.LIST:
        return _pruned_list(value, last, owned, node)
    return value


def _pruned_map(value: dict[str, Any], last: Tree, owned: Tree, node: Node) -> dict[str, Any] | None:
    fields, free = node.fields, node.element or ANY
    result = dict(value)
    for element, before in last.items():
        name = element[2:]
        if element == SELF or name not in value:
            continue
        field = fields.get(name)
        now = owned.get(element)
        if now is None or (field is None and not is_member(now)):
            if field is not None or is_member(before):
                del result[name]
                continue
            now = now or MEMBER
        if before:
            result[name] = prune(value[name], before, now, field[1] if field is not None else free)
    return result or None


def _pruned_list(value: list[Any], last: Tree, owned: Tree, node: Node) -> list[Any] | None:
    inner = node.element or ANY
    result = []
    for item in value:
        element = _element_or_none(node, item)
        before = last.get(element) if element is not None else None
        if before is None:
            result.append(item)
            continue
        now = owned.get(element or "")
        if is_member(before) and (now is None or not is_member(now)):
            continue
        result.append(prune(item, before, now or MEMBER, inner))
    return result or None
