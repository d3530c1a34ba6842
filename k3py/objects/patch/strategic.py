"""Strategic merge patch: lists merged by their keys, as the table of definitions says, and directives in the patch.

Source: "Update API Objects in Place Using kubectl patch" and the design page "strategic-merge-patch" of Kubernetes.
Directives: ``$patch`` (replace, delete, merge), ``$retainKeys``, ``$setElementOrder/<list>``,
``$deleteFromPrimitiveList/<list>``.
"""

from typing import Any, Final

from k3py.model.definitions import merge_table
from k3py.model.errors import BadRequest
from k3py.objects.patch.errors import PatchFailed, go_text

DIRECTIVE: Final = "$patch"
RETAIN_KEYS: Final = "$retainKeys"
ELEMENT_ORDER: Final = "$setElementOrder"
DELETE_FROM_LIST: Final = "$deleteFromPrimitiveList"

Table = dict[str, Any]


def strategic_merge(original: dict[str, Any], patch: dict[str, Any], definition: str) -> dict[str, Any]:
    """``original`` with the patch applied, by the rules of the definition. Neither argument is changed.

    Raises:
        BadRequest, PatchFailed: a directive does not fit.
    """
    return _merge_map(original, patch, definition)


def _entry(definition: str, field: str) -> Table:
    found: Table = merge_table().get(definition, {}).get(field, {})
    return found


def _merge_map(original: dict[str, Any], patch: dict[str, Any], definition: str) -> dict[str, Any]:
    if DIRECTIVE in patch:
        return _directed(patch)
    result = _retained(original, patch)
    patch = {key: value for key, value in patch.items() if key != RETAIN_KEYS}
    ordered = _ordered_lists(result, patch, definition)
    for key, value in patch.items():
        if key.startswith(f"{ELEMENT_ORDER}/"):
            continue
        if key.startswith(f"{DELETE_FROM_LIST}/"):
            _delete_primitives(result, key.partition("/")[2], value)
        elif key not in ordered:
            _merge_field(result, key, value, definition)
    result.update(ordered)
    return result


def _directed(patch: dict[str, Any]) -> dict[str, Any]:
    """What a ``$patch`` directive makes of a map."""
    directive = patch[DIRECTIVE]
    if directive == "replace":
        return {key: _plain(value) for key, value in patch.items() if key != DIRECTIVE}
    if directive == "delete":
        return {}
    raise _unknown(patch)


def _unknown(patch: dict[str, Any]) -> PatchFailed:
    directive = patch[DIRECTIVE]
    said = directive if isinstance(directive, str) else f"%!s({_go_type(directive)}={go_text(directive)})"
    return PatchFailed(f"unknown patch type: {said} in map: {go_text(patch)}")


def _go_type(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    return "int64" if isinstance(value, int) else "float64"


def _retained(original: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """A copy of the original with only the keys that ``$retainKeys`` names, when it is there."""
    if RETAIN_KEYS not in patch:
        return dict(original)
    retain = patch[RETAIN_KEYS]
    given = {key for key, value in patch.items() if key != RETAIN_KEYS and value is not None}
    if not isinstance(retain, list) or any(key not in retain for key in given if not key.startswith("$")):
        raise BadRequest("invalid patch format of retainKeys")
    return {key: value for key, value in original.items() if key in retain}


def _merge_field(result: dict[str, Any], key: str, value: Any, definition: str) -> None:
    if value is None:
        result.pop(key, None)
        return
    entry = _entry(definition, key)
    present = result.get(key)
    strategies = entry.get("strategies", ())
    if isinstance(present, dict) and isinstance(value, dict):
        if "replace" in strategies:
            result[key] = _plain(value)
        else:
            result[key] = _merge_map(present, value, entry.get("ref", ""))
    elif isinstance(present, list) and isinstance(value, list) and "merge" in strategies:
        result[key] = _merge_list(present, value, entry)
    elif isinstance(value, dict) and DIRECTIVE in value:
        result[key] = _directed(value)
    elif isinstance(value, list) and "merge" in strategies and present is None:
        result[key] = _merge_list([], value, entry)
    else:
        result[key] = _plain(value)


def _plain(value: Any) -> Any:
    """A patch's value where there is nothing to merge with: without directives and nulls."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items() if each is not None and not _is_directive(key)}
    if isinstance(value, list):
        return [_plain(each) for each in value if not (isinstance(each, dict) and DIRECTIVE in each)]
    return value


def _is_directive(key: str) -> bool:
    return key in (DIRECTIVE, RETAIN_KEYS) or key.startswith((f"{ELEMENT_ORDER}/", f"{DELETE_FROM_LIST}/"))


def _merge_list(original: list[Any], patch: list[Any], entry: Table) -> list[Any]:
    if not any(isinstance(each, dict) for each in (*original, *patch)):
        unique = {_identity(each, ""): each for each in (*original, *patch)}
        return _in_order(list(unique.values()), original, patch, "")
    key, reference = entry.get("key", ""), entry.get("ref", "")
    if not key:
        raise PatchFailed(f"cannot merge a list without a merge key: {go_text(patch)}")
    kept, rest, replace = _special_elements(original, patch, key)
    if replace:
        return [_plain(each) for each in rest]
    merged = list(kept)
    for item in rest:
        value = _key_of(item, key)
        place = _place(merged, key, value)
        if place is None:
            merged.append(_plain(item))
        else:
            merged[place] = _merge_map(merged[place], item, reference)
    return _in_order(merged, original, rest, key)


def _special_elements(original: list[Any], patch: list[Any], key: str) -> tuple[list[Any], list[Any], bool]:
    """What the ``$patch`` elements leave of the original, the other elements, and whether these replace it."""
    kept, rest, replace = list(original), [], False
    for item in patch:
        if not isinstance(item, dict) or DIRECTIVE not in item:
            rest.append(item)
            continue
        directive = item[DIRECTIVE]
        if directive == "delete":
            value = _key_of(item, key)
            kept = [each for each in kept if not (isinstance(each, dict) and each.get(key) == value)]
        elif directive == "replace":
            replace = True
        elif directive == "merge":
            raise PatchFailed("merging lists cannot yet be specified in the patch")
        else:
            raise _unknown(item)
    return kept, rest, replace


def _key_of(item: Any, key: str) -> Any:
    if not isinstance(item, dict) or key not in item:
        raise PatchFailed(f"map: {go_text(item)} does not contain declared merge key: {key}")
    return item[key]


def _place(items: list[Any], key: str, value: Any) -> int | None:
    for index, each in enumerate(items):
        if isinstance(each, dict) and each.get(key) == value:
            return index
    return None


def _delete_primitives(result: dict[str, Any], field: str, values: Any) -> None:
    if not isinstance(values, list):
        raise PatchFailed(f"invalid patch format: {DELETE_FROM_LIST} needs a list")
    present = result.get(field)
    if isinstance(present, list):
        result[field] = [each for each in present if each not in values]


def _ordered_lists(original: dict[str, Any], patch: dict[str, Any], definition: str) -> dict[str, list[Any]]:
    """The lists for which the patch gives an order, merged and in that order."""
    ordered: dict[str, list[Any]] = {}
    for directive, order in patch.items():
        if not directive.startswith(f"{ELEMENT_ORDER}/"):
            continue
        field = directive.partition("/")[2]
        if not isinstance(order, list):
            raise PatchFailed(f"invalid patch format: {ELEMENT_ORDER} needs a list")
        present, given = original.get(field), patch.get(field)
        if present is None and given is None:
            continue
        entry = _entry(definition, field)
        key = entry.get("key", "")
        before = present if isinstance(present, list) else []
        removed = patch.get(f"{DELETE_FROM_LIST}/{field}")
        if isinstance(removed, list):
            before = [each for each in before if each not in removed]
        changes = given if isinstance(given, list) else []
        _check_order(changes, order, key)
        merged = _merge_list(before, changes, entry) if changes else list(before)
        ordered[field] = _in_order(merged, before, order, key)
    return ordered


def _identity(item: Any, key: str) -> Any:
    value = item.get(key) if key and isinstance(item, dict) else item
    return go_text(value) if isinstance(value, dict | list) else value


def _check_order(changes: list[Any], order: list[Any], key: str) -> None:
    """The elements of a patch come in the order that it gives; it may name more."""
    wanted = [_identity(each, key) for each in order]
    position = 0
    for item in changes:
        if isinstance(item, dict) and DIRECTIVE in item:
            continue
        if key and isinstance(item, dict):
            _key_of(item, key)
        try:
            position = wanted.index(_identity(item, key), position) + 1
        except ValueError:
            raise PatchFailed(
                f"The order in patch list:\n{go_text(changes)}\n"
                f" doesn't match {ELEMENT_ORDER} list:\n{go_text(order)}\n"
            ) from None


def _in_order(merged: list[Any], server: list[Any], order: list[Any], key: str) -> list[Any]:
    """Elements named by ``order`` in that order, the others where the server has them relative to these.

    What the server does not have yet comes before what the order does not name.
    """
    wanted = {_identity(each, key): index for index, each in reversed(list(enumerate(order)))}
    at_server = {_identity(each, key): index for index, each in reversed(list(enumerate(server)))}
    named = sorted((each for each in merged if _identity(each, key) in wanted),
                   key=lambda each: wanted[_identity(each, key)])  # fmt: skip
    others = [each for each in merged if _identity(each, key) not in wanted]
    result: list[Any] = []
    for item in named:
        place = at_server.get(_identity(item, key))
        while others and place is not None:
            before = at_server.get(_identity(others[0], key))
            if before is None or before > place:
                break
            result.append(others.pop(0))
        result.append(item)
    return result + others
