"""Which objects a list, watch or collection delete speaks of, read from the query."""

from collections.abc import Iterable, Mapping
from typing import Final

from k3py.api.parameters import first
from k3py.model.errors import BadRequest
from k3py.model.field_selectors import (
    NAME_FIELD,
    FieldLabels,
    FieldSelector,
    FieldTerm,
    field_selector,
    parse_field_terms,
)
from k3py.model.generated import batch_v1, core_v1
from k3py.model.registry import Kind
from k3py.model.selectors import Selector, parse_labels
from k3py.model.struct import Wire
from k3py.objects.watching import Selected

# What kinds say beyond their ``selectable``: fields under older names, fields without a value, their own refusal.
_ALIASES: Final[Mapping[type[Wire], Mapping[str, str]]] = {core_v1.Pod: {"spec.host": "spec.nodeName"}}
_UNSET: Final[Mapping[type[Wire], frozenset[str]]] = {core_v1.Pod: frozenset(("status.podIPs",))}
_REFUSALS: Final[Mapping[type[Wire], str]] = {batch_v1.Job: 'field label "{}" not supported for Job'}


def field_labels(kind: Kind) -> FieldLabels:
    """Which fields objects of a kind can be selected by."""
    known = FieldLabels(
        kind.selectable, kind.namespaced, _ALIASES.get(kind.type, {}), _UNSET.get(kind.type, frozenset())
    )
    if kind.type not in _REFUSALS:
        return known
    return FieldLabels(known.supported, known.namespaced, known.aliases, known.unset, _REFUSALS[kind.type])


def selected_fields(terms: Iterable[FieldTerm], kind: Kind, name: str = "") -> FieldSelector | None:
    """A kind's field selector, None for everything; ``name`` narrows it to one object.

    Raises:
        BadRequest: a field cannot be selected by, or another name is asked for than ``name``.
    """
    found = field_selector(terms, field_labels(kind))
    if not name:
        return found if found.requirements else None
    if not found.requirements:
        return field_selector([FieldTerm(NAME_FIELD, name)], field_labels(kind))
    if found.exact_name() != name:
        raise BadRequest("fieldSelector metadata.name doesn't match requested name")
    return found


def selectors(
    query: Mapping[str, list[str]], kind: Kind, name: str = ""
) -> tuple[Selector | None, FieldSelector | None]:
    """The selectors of a query, None for one that is not given; ``name`` narrows them to one object.

    Raises:
        BadRequest: a selector cannot be parsed, or names a field that cannot be selected by.
    """
    labels, fields = first(query, "labelSelector"), first(query, "fieldSelector")
    chosen = parse_labels(labels) if labels else None
    return chosen, selected_fields(parse_field_terms(fields), kind, name)


def selection(query: Mapping[str, list[str]], kind: Kind, name: str = "") -> Selected:
    """The same, ready to be asked of records and changes."""
    return Selected(*selectors(query, kind, name))
