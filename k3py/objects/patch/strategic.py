"""Strategic merge patch: lists merged by their keys, as the table of definitions says, and directives in the patch.

Source: "Update API Objects in Place Using kubectl patch" and the design page "strategic-merge-patch" of Kubernetes.
Directives: ``$patch`` (replace, delete, merge), ``$retainKeys``, ``$setElementOrder/<list>``,
``$deleteFromPrimitiveList/<list>``. Lists are the business of ``strategic_lists``.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from k3py.model.definitions import merge_table
from k3py.model.errors import BadRequest
from k3py.model.protobuf import go_fields
from k3py.objects.go_values import go_text, type_name
from k3py.objects.patch.errors import PatchFailed
from k3py.objects.patch.strategic_lists import (
    DIRECTIVE,
    delete_scalars,
    in_order,
    kind_of_elements,
    merge_list,
    ordered_by,
    unknown_directive,
)

RETAIN_KEYS: Final = "$retainKeys"
ELEMENT_ORDER: Final = "$setElementOrder"
DELETE_FROM_LIST: Final = "$deleteFromPrimitiveList"

_WRONG_ORDER: Final = "invalid patch format of setElementOrder list"
_WRONG_DELETION: Final = "invalid patch format of primitive list"
_WRONG_RETAINING: Final = "invalid patch format of retainKeys"

Object = dict[str, Any]
Entry = Mapping[str, Any]
MergeElement = Callable[[Object, Object], Object]


def strategic_merge(original: Object, patch: Object, definition: str) -> Object:
    """``original`` with the patch applied, by the rules of the definition. Neither argument is changed.

    Raises:
        BadRequest, PatchFailed: a directive does not fit.
    """
    return _merge_map(original, patch, definition)


def _entry(definition: str, field: str) -> Entry:
    """What is known of how a field merges."""
    found: Entry = merge_table().get(definition, {}).get(field, {})
    return found


def _strategy(entry: Entry) -> str:
    """``merge``, ``replace`` or nothing; ``retainKeys`` beside it says something to clients only."""
    return next((each for each in entry.get("strategies", ()) if each != "retainKeys"), "")


def _merge_map(original: Object, patch: Object, definition: str) -> Object:
    if DIRECTIVE in patch:
        return _directed(patch)
    result = _retained(original, patch)
    rest = {key: value for key, value in patch.items() if key != RETAIN_KEYS}
    _merge_ordered_lists(result, rest, definition)
    for key, value in rest.items():
        if key.startswith(DELETE_FROM_LIST):
            _delete_from_list(result, _field_of(key, DELETE_FROM_LIST, _WRONG_DELETION), value, definition)
        else:
            _merge_field(result, key, value, definition)
    return result


def _directed(patch: Object) -> Object:
    """What a ``$patch`` directive makes of a map."""
    directive = patch[DIRECTIVE]
    if directive == "replace":
        return {key: value for key, value in patch.items() if key != DIRECTIVE}
    if directive == "delete":
        return {}
    raise unknown_directive(patch)


def _retained(original: Object, patch: Object) -> Object:
    """A copy of the original with only the keys that ``$retainKeys`` names, when it is there."""
    if RETAIN_KEYS not in patch:
        return dict(original)
    retain = patch[RETAIN_KEYS]
    if not isinstance(retain, list):
        raise BadRequest(_WRONG_RETAINING)
    for key, value in patch.items():
        is_directive = key == RETAIN_KEYS or key.startswith((DELETE_FROM_LIST, ELEMENT_ORDER))
        if value is not None and not is_directive and key not in retain:
            raise BadRequest(_WRONG_RETAINING)
    return {key: value for key, value in original.items() if key in retain}


def _field_of(key: str, prefix: str, wrong: str) -> str:
    """The list that a parallel list speaks of."""
    directive, slash, field = key.partition("/")
    if directive != prefix or not slash:
        raise BadRequest(wrong)
    return field


def _merge_field(result: Object, key: str, value: Any, definition: str) -> None:
    if value is None:
        result.pop(key, None)
        return
    present = result.get(key)
    entry = _entry(definition, key)
    if isinstance(present, dict) and isinstance(value, dict):
        replaced = _strategy(entry) == "replace"
        result[key] = value if replaced else _merge_map(present, value, entry.get("ref", ""))
    elif isinstance(present, list) and isinstance(value, list):
        result[key] = _merge_lists(present, value, entry)
    else:
        _take(result, key, value)


def _take(result: Object, key: str, value: Any) -> None:
    """A patch's value where there is nothing to merge it with."""
    taken, kept = _without_directives(_without_nulls(value))
    if kept:
        result[key] = taken
    else:
        result.pop(key, None)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_without_nulls(each) for each in value]
    return value


def _without_directives(value: Any) -> tuple[Any, bool]:
    """The value without the maps that carry ``$patch``, and whether anything is left."""
    if isinstance(value, dict):
        if DIRECTIVE in value:
            return None, False
        pairs = {key: _without_directives(each) for key, each in value.items()}
        return {key: each for key, (each, kept) in pairs.items() if kept}, True
    if isinstance(value, list):
        return [each for each, kept in map(_without_directives, value) if kept], True
    return value, True


def _merge_lists(present: list[Any], value: list[Any], entry: Entry) -> list[Any]:
    if _strategy(entry) != "merge":
        return value
    return merge_list(present, value, entry.get("key", ""), _merger(entry))


def _merger(entry: Entry) -> MergeElement:
    definition = entry.get("ref", "")
    return lambda element, change: _merge_map(element, change, definition)


def _delete_from_list(result: Object, field: str, values: Any, definition: str) -> None:
    present = result.get(field)
    if values is None:
        result.pop(field, None)
    elif isinstance(present, list) and isinstance(values, list):
        entry = _entry(definition, field)
        if _strategy(entry) != "merge":
            result[field] = values
        elif (present or values) and kind_of_elements(present, values) is not dict:
            result[field] = delete_scalars(present, values)
        else:
            result[field] = merge_list(present, values, entry.get("key", ""), _merger(entry))


def _merge_ordered_lists(result: Object, patch: Object, definition: str) -> None:
    """Merge the lists for which the patch gives an order, and take them out of the patch."""
    for key in [each for each in patch if each.startswith(ELEMENT_ORDER)]:
        order = patch.pop(key)
        if not isinstance(order, list):
            raise _no_list(order)
        field = _field_of(key, ELEMENT_ORDER, _WRONG_ORDER)
        for holder in (result, patch):
            if field in holder and not isinstance(holder[field], list):
                raise _no_list(holder[field])
        present, changes = result.get(field), patch.get(field)
        _check_known(definition, field)
        entry = _entry(definition, field)
        merge_key = entry.get("key", "")
        ordered_by(changes or [], order, merge_key)
        if present is None and changes is None:
            continue
        if changes is None:
            merged = present or []
        elif present is None:
            merged = _without_directives(changes)[0]
        else:
            merged = _merge_lists(present, changes, entry)
        kind_of_elements(present or [], changes or [])
        result[field] = in_order(merged, present or [], order, merge_key)
        patch.pop(field, None)


def _no_list(value: Any) -> PatchFailed:
    return PatchFailed(f"expected a []interface {{}}, but received a {type_name(value)}")


def _check_known(definition: str, field: str) -> None:
    """An order speaks of a field that there is."""
    known = go_fields(definition)
    if known and field not in known:
        name = definition.rpartition(".")[2]
        raise PatchFailed(f"unable to find api field in struct {name} for the json field {go_quoted(field)}")


def go_quoted(text: str) -> str:
    """The text as Go's ``%q`` prints it, for plain texts."""
    return '"' + go_text(text).replace("\\", "\\\\").replace('"', '\\"') + '"'
