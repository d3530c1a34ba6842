"""The fields of an object: which an applier lays claim to, and whether they fit the schema.

Values are plain JSON ones. Source: Kubernetes' "Server-Side Apply", sections "Field management" and "Merge strategy".
"""

import json
from typing import Any, Final

from k3py.objects.apply import elements
from k3py.objects.apply.elements import of_keys, of_value
from k3py.objects.apply.fieldset import MEMBER, SELF, Tree, with_self
from k3py.objects.apply.schema import ANY, Node, Shape
from k3py.objects.go_values import go_syntax, go_text, type_name


class Unfit(ValueError):
    """A value that the schema does not allow; the message lists everything that is wrong, with paths."""


_KEYLESS: Final = "associative list with keys has an element that omits key field {} (and doesn't have default value)"
_UNDECLARED: Final = "field not declared in schema"


def element_of(node: Node, item: Any) -> str:
    """The path element of an entry of a granular list.

    Raises:
        Unfit: the entry cannot be told from others.
    """
    if not node.keys:
        if item is None or isinstance(item, (dict, list)):
            raise Unfit(f"associative list without keys has an element that's {_said_of_item(item)}")
        return of_value(item)
    if not isinstance(item, dict):
        kind = "a null element" if item is None else "non-map elements"
        raise Unfit(f"associative list with keys may not have {kind}")
    try:
        return of_keys(node.keys, *[item[key] for key in node.keys])
    except (KeyError, TypeError):
        return _keyed(node, item)


def _keyed(node: Node, item: dict[str, Any]) -> str:
    """As ``element_of``, for entries that leave keys out or have odd values there."""
    values = []
    for key in node.keys:
        if key not in item and key not in node.defaults:
            raise Unfit(_KEYLESS.format(_quoted(key)))
        value = item.get(key, node.defaults.get(key))
        if isinstance(value, (dict, list)):
            raise Unfit(f"associative list with keys has an element whose key {_quoted(key)} is no scalar")
        values.append(value)
    return of_keys(node.keys, *values)


def _said_of_item(item: Any) -> str:
    if item is None:
        return "an explicit null"
    return "a map type" if isinstance(item, dict) else "a list type"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def field_set(value: Any, node: Node) -> Tree:
    """The fields that an applied object names: the set of its leaves, of list entries and of keys of free maps.

    Raises:
        Unfit: the object does not fit the schema, or has two entries with the same keys in a list.
    """
    try:
        return _claimed(value, node) or {}
    except Unfit:
        raise Unfit(_joined(faults(value, node))) from None


def _claimed(value: Any, node: Node) -> Tree | None:
    """The set below a value; None is nothing, the empty one the value's own path alone."""
    if value is None:
        return MEMBER
    shape = node.shape
    if node.atomic:
        if not _fits(value, node):
            raise Unfit
        return MEMBER
    if shape is Shape.MAP or (shape is Shape.ANY and isinstance(value, dict)):
        return _claimed_map(value, node)
    return _claimed_list(value, node) if shape is Shape.LIST else MEMBER


def _claimed_map(value: Any, node: Node) -> Tree | None:
    if not isinstance(value, dict):
        raise Unfit
    if not value:
        return MEMBER
    result: Tree = {}
    fields, free = node.fields, node.element
    for name, each in value.items():
        field = fields.get(name)
        if field is not None:
            tree = _claimed(each, field[1])
            if tree is not None:
                result[field[0]] = tree
        elif free is not None:
            result[f"f:{name}"] = with_self(_claimed(each, free))
        else:
            raise Unfit
    return result or None


def _claimed_list(value: Any, node: Node) -> Tree | None:
    if not isinstance(value, list):
        raise Unfit
    result: Tree = {}
    inner = node.element or ANY
    for item in value:
        element = element_of(node, item)
        if element in result:
            raise Unfit
        result[element] = with_self(_claimed(item, inner))
    return result or None


def _fits(value: Any, node: Node) -> bool:
    """Whether an atomic value, or one inside of one, has the schema's form."""
    if value is None:
        return True
    shape = node.shape
    if shape is Shape.SCALAR:
        return _fits_scalar(value, node.scalar)
    if shape is Shape.MAP:
        if not isinstance(value, dict):
            return False
        fields, free = node.fields, node.element
        for name, each in value.items():
            field = fields.get(name)
            inner = field[1] if field is not None else free
            if inner is None or not _fits(each, inner):
                return False
        return True
    if shape is Shape.LIST:
        inner = node.element or ANY
        return isinstance(value, list) and all(_fits(item, inner) for item in value)
    return True


def _fits_scalar(value: Any, scalar: str) -> bool:
    if scalar == "string":
        return isinstance(value, str)
    if scalar == "boolean":
        return isinstance(value, bool)
    if scalar:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return True


def entire(value: Any, node: Node) -> Tree:
    """Every path in a value that is new, its own included: what an update that brings it owns."""
    if not value or node.atomic:
        return MEMBER
    shape = node.shape
    result: Tree = {SELF: MEMBER}
    if shape is Shape.LIST and isinstance(value, list):
        inner = node.element or ANY
        for item in value:
            element = _element_or_none(node, item)
            if element is not None:
                # Entries with the same keys are owned as one.
                result[element] = MEMBER if element in result else entire(item, inner)
        return result
    if not isinstance(value, dict) or shape is Shape.LIST:
        return MEMBER
    fields, free = node.fields, node.element or ANY
    for name, each in value.items():
        field = fields.get(name)
        if field is not None:
            result[field[0]] = entire(each, field[1])
        else:
            result[f"f:{name}"] = entire(each, free)
    return result


def _element_or_none(node: Node, item: Any) -> str | None:
    try:
        return element_of(node, item)
    except Unfit:
        return None


def faults(value: Any, node: Node, path: str = "") -> list[str]:
    """Everything in an applied object that the schema does not allow, each with its path."""
    if value is None:
        return []
    if node.shape is Shape.SCALAR:
        return [] if _fits_scalar(value, node.scalar) else [_at(path, _no_scalar(value, node.scalar))]
    if node.shape is Shape.MAP:
        return _map_faults(value, node, path)
    return _list_faults(value, node, path) if node.shape is Shape.LIST else []


def _map_faults(value: Any, node: Node, path: str) -> list[str]:
    if not isinstance(value, dict):
        return [_at(path, f"expected map, got {_go(value)}")]
    found = []
    for name, each in value.items():
        place = f"{path}.{name}"
        field = node.fields.get(name)
        if field is not None:
            found += faults(each, field[1], place)
        elif node.element is not None:
            found += faults(each, node.element, place)
        else:
            found.append(_at(place, _UNDECLARED))
    return found


def _list_faults(value: Any, node: Node, path: str) -> list[str]:
    if not isinstance(value, list):
        return [_at(path, f"expected list, got {_go(value)}")]
    found: list[str] = []
    seen: set[str] = set()
    for index, item in enumerate(value):
        place = f"{path}[{index}]"
        if not node.atomic:
            try:
                element = element_of(node, item)
            except Unfit as error:
                found.append(_at(path, f"element {index}: {error}"))
                continue
            place = f"{path}{elements.text(element)}"
            if element in seen:
                found.append(_at(path, f"duplicate entries for key {elements.text(element)}"))
            seen.add(element)
        found += faults(item, node.element or ANY, place)
    return found


def _no_scalar(value: Any, scalar: str) -> str:
    """Kubernetes prints the value in another way for each type."""
    if scalar == "string":
        return f"expected string, got &value.valueUnstructured{{Value:{go_syntax(value)}}}"
    if scalar == "boolean":
        return f"expected boolean, got {_go(value)}"
    return f"expected numeric (int or float), got {type_name(value)}"


def _go(value: Any) -> str:
    return f"&{{{go_text(value)}}}"


def _at(path: str, said: str) -> str:
    return f"{path}: {said}" if path else said


def _joined(found: list[str]) -> str:
    return found[0] if len(found) == 1 else "\n".join(["errors:", *(f"  {each}" for each in found)])
