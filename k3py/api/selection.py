"""Which objects a list, watch or collection delete speaks of, read from the query."""

from collections.abc import Mapping

from k3py.model.registry import Kind
from k3py.model.selectors import FieldSelector, Selector, parse_fields, parse_labels
from k3py.objects.watching import Selected


def selectors(
    query: Mapping[str, list[str]], kind: Kind, name: str = ""
) -> tuple[Selector | None, FieldSelector | None]:
    """The selectors of a query, None for one that is not given; ``name`` narrows them to one object.

    Raises:
        BadRequest: a selector cannot be parsed, or names a field that cannot be selected by.
    """
    labels = query.get("labelSelector", [""])[-1]
    fields = query.get("fieldSelector", [""])[-1]
    if name:
        fields = f"{fields},metadata.name={name}" if fields else f"metadata.name={name}"
    return (
        parse_labels(labels) if labels else None,
        parse_fields(fields, kind.selectable) if fields else None,
    )


def selection(query: Mapping[str, list[str]], kind: Kind, name: str = "") -> Selected:
    """The same, ready to be asked of records and changes."""
    return Selected(*selectors(query, kind, name))
