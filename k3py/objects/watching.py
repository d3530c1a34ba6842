"""Selectors over records and changes: what leaves a selection is DELETED, what enters it ADDED.

Who watches a selection is told of what left it as it last was in there, at the revision of the change, as
kube-apiserver does: a client that keeps objects by label finds it where it put it.
"""

from collections.abc import Sequence

from k3py.model.selectors import FieldSelector, Selector
from k3py.objects.encoding import tombstone
from k3py.store.records import Change, Changes, ChangeType, Header, Record
from k3py.store.watches import Deliver


class Selected:
    """Label and field selectors together; None selects everything."""

    def __init__(self, labels: Selector | None, fields: FieldSelector | None) -> None:
        self._labels = labels if labels is not None and not labels.everything else None
        self._fields = fields if fields is not None and fields.requirements else None

    @property
    def everything(self) -> bool:
        """Whether there is nothing to ask."""
        return self._labels is None and self._fields is None

    def has(self, record: Record) -> bool:
        """Whether the record is selected."""
        if self._fields is not None and not self._fields.matches(record.name, record.namespace, record.fields):
            return False
        return self._labels is None or self._labels.matches(record.labels)

    def had(self, record: Record, previous: Record | Header) -> bool:
        """Whether the record was selected when it had this header."""
        if self._fields is not None and not self._fields.matches(record.name, record.namespace, previous.fields):
            return False
        return self._labels is None or self._labels.matches(previous.labels)

    def seen(self, change: Change) -> Change | None:
        """The change as a watcher with these selectors sees it; None when it does not."""
        record, previous = change.record, change.previous
        same = previous is not None and previous.labels is record.labels and previous.fields == record.fields
        before = previous is not None and (self.has(record) if same else self.had(record, previous))
        if change.type is ChangeType.DELETED:
            return change if before or (previous is None and self.has(record)) else None
        after = before if same else self.has(record)
        if before and after:
            return change if change.type is ChangeType.MODIFIED else Change(ChangeType.MODIFIED, record, previous)
        if after:
            return change if change.type is ChangeType.ADDED else Change(ChangeType.ADDED, record, previous)
        return _left(record, previous) if before else None

    def filtered(self, deliver: Deliver) -> Deliver:
        """A listener that hears only what is selected."""

        def selected(changes: Sequence[Change]) -> None:
            seen = Changes(each for change in changes if (each := self.seen(change)) is not None)
            if seen:
                deliver(seen)

        return selected


def _left(record: Record, previous: Record | Header | None) -> Change:
    """The change by which an object leaves a selection. Its last bytes in there are unknown only when the change was
    made before the server was started and they had been trimmed: then the new ones are told."""
    if not isinstance(previous, Record):
        return Change(ChangeType.DELETED, record, previous)
    last = Record(
        record.collection, record.namespace, record.name, record.revision, record.uid,
        tombstone(previous.raw, record.revision), previous.labels, previous.fields,
    )  # fmt: skip
    return Change(ChangeType.DELETED, last, previous)
