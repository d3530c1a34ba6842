"""What ``apply`` sends: a strategic merge patch from what was applied last, what is wanted, and what is there. Decides.

Fields that somebody else set stay: only what is wanted is changed, and only what was applied last and is no longer
wanted is removed. Source: Kubernetes' page "Declarative Management of Kubernetes Objects Using Configuration Files"
("How apply calculates differences and merges changes"); which lists merge, and by which key, says the table of
definitions.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from k3py.model.definitions import merge_table

LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
Plain = dict[str, Any]


def with_last_applied(wanted: Plain) -> Plain:
    """``wanted`` with the annotation that remembers it, as kubectl writes it."""
    metadata: Plain = {**(wanted.get("metadata") or {})}
    annotations = {key: value for key, value in (metadata.get("annotations") or {}).items() if key != LAST_APPLIED}
    remembered = {**wanted, "metadata": {**metadata, "annotations": annotations}}
    return {**wanted, "metadata": {**metadata, "annotations": {**annotations, LAST_APPLIED: go_json(remembered)}}}


def last_applied(current: Mapping[str, Any]) -> Plain:
    """What the annotation of an object remembers; empty when it has none that can be read."""
    text = ((current.get("metadata") or {}).get("annotations") or {}).get(LAST_APPLIED, "")
    try:
        plain = json.loads(text) if text else {}
    except ValueError:
        return {}
    return plain if isinstance(plain, dict) else {}


def go_json(plain: Any) -> str:
    """Compact JSON with sorted keys, escaped as Go does it, and a line end: kubectl's own form of the annotation."""
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text + "\n"


def three_way_patch(original: Plain, wanted: Plain, current: Plain, definition: str) -> Plain:
    """The patch that makes ``current`` into ``wanted``, given that ``original`` was applied last.

    ``definition`` names the kind in the table of definitions. Empty: nothing is to be done.
    """
    patch = _maps(original, wanted, current, definition)
    for key in ("apiVersion", "kind", "status"):
        patch.pop(key, None)
    return patch


def _maps(original: Plain, wanted: Plain, current: Plain, definition: str) -> Plain:
    patch: Plain = {}
    entries = merge_table().get(definition, {})
    for key, value in wanted.items():
        if value is None:
            if key in current:
                patch[key] = None
        elif key not in current or current[key] is None:
            patch[key] = value
        else:
            patch.update(_field(key, original.get(key), value, current[key], entries.get(key, {})))
    for key in original:
        if key not in wanted and original[key] is not None:
            patch[key] = None
    return patch


def _field(key: str, original: Any, wanted: Any, current: Any, entry: Mapping[str, Any]) -> Plain:
    """The part of a patch for one field that is wanted and there."""
    strategies = entry.get("strategies", ())
    if isinstance(wanted, dict) and isinstance(current, dict) and "replace" not in strategies:
        before = original if isinstance(original, dict) else {}
        inner = _maps(before, wanted, current, entry.get("ref", ""))
        if "retainKeys" in strategies and (inner or set(current) - set(wanted)):
            inner["$retainKeys"] = sorted(wanted)
        return {key: inner} if inner else {}
    if isinstance(wanted, list) and isinstance(current, list) and "merge" in strategies:
        before_list = original if isinstance(original, list) else []
        if all(isinstance(each, dict) for each in (*wanted, *current, *before_list)) and entry.get("key"):
            return _keyed_lists(key, before_list, wanted, current, entry)
        return _primitive_lists(key, before_list, wanted, current)
    return {} if same(wanted, current) else {key: wanted}


def same(left: Any, right: Any) -> bool:
    """Equal as JSON: true is not 1."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def _keyed_lists(
    field: str, original: Sequence[Plain], wanted: Sequence[Plain], current: Sequence[Plain], entry: Mapping[str, Any]
) -> Plain:
    """Lists of objects: each is found by its merge key and patched by itself."""
    key, reference = entry["key"], entry.get("ref", "")
    if any(key not in each for each in (*wanted, *current)):
        return {} if same(list(wanted), list(current)) else {field: list(wanted)}
    there, before = _by_key(current, key), _by_key(original, key)
    changes: list[Plain] = []
    for item in wanted:
        value = item[key]
        if value not in there:
            changes.append(item)
        elif inner := _maps(before.get(value, {}), item, there[value], reference):
            changes.append({**inner, key: value})
    named = _by_key(wanted, key)
    changes += [{"$patch": "delete", key: value} for value in before if value not in named and value in there]
    if not changes and _in_order([each[key] for each in wanted], [each[key] for each in current]):
        return {}
    return {**({field: changes} if changes else {}), f"$setElementOrder/{field}": [{key: each[key]} for each in wanted]}


def _by_key(items: Sequence[Plain], key: str) -> dict[Any, Plain]:
    return {each[key]: each for each in reversed(items) if isinstance(each.get(key), str | int)}


def _primitive_lists(field: str, original: Sequence[Any], wanted: Sequence[Any], current: Sequence[Any]) -> Plain:
    """Lists of texts that are sets, as finalizers are."""
    added = [each for each in wanted if each not in current]
    removed = [each for each in original if each not in wanted and each in current]
    if not added and not removed and _in_order(wanted, current):
        return {}
    patch: Plain = {f"$setElementOrder/{field}": list(wanted)}
    if added:
        patch[field] = added
    if removed:
        patch[f"$deleteFromPrimitiveList/{field}"] = removed
    return patch


def _in_order(wanted: Sequence[Any], current: Sequence[Any]) -> bool:
    """Whether the list there has the wanted elements in the wanted order, others between them or not."""
    named = [each for each in current if each in wanted]
    return named == list(wanted)
