"""Which objects a list, watch or collection delete speaks of, read from the query."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from k3py.model.registry import Kind
from k3py.model.selectors import FieldSelector, Selector, parse_fields, parse_labels
from k3py.store.records import Header, Labels, Record


@dataclass(frozen=True)
class Selection:
    """A label selector and a field selector; None selects everything."""

    labels: Selector | None = None
    fields: FieldSelector | None = None

    @property
    def is_everything(self) -> bool:
        return self.labels is None and self.fields is None

    def admits(self, record: Record, seen: Header | Record) -> bool:
        """Whether the record, with the labels and fields of ``seen`` (its own, or those it had before), is selected."""
        return self._admits(record.namespace, record.name, seen.labels, seen.fields)

    def _admits(self, namespace: str, name: str, labels: Labels, fields: Sequence[str]) -> bool:
        if self.labels is not None and not self.labels.matches(labels):
            return False
        return self.fields is None or self.fields.matches(name, namespace, tuple(fields))


def selection(query: Mapping[str, list[str]], kind: Kind, name: str = "") -> Selection:
    """The selection that a query asks for; ``name`` narrows it to one object.

    Raises:
        BadRequest: a selector cannot be parsed, or names a field that cannot be selected by.
    """
    labels = query.get("labelSelector", [""])[-1]
    fields = query.get("fieldSelector", [""])[-1]
    if name:
        fields = f"{fields},metadata.name={name}" if fields else f"metadata.name={name}"
    return Selection(
        parse_labels(labels) if labels else None,
        parse_fields(fields, kind.selectable) if fields else None,
    )
