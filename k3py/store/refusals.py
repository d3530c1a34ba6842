"""Which writes are refused, and why."""

from k3py.store.errors import AlreadyExistsInStore, Stale, StoreError
from k3py.store.records import Record
from k3py.store.writes import Create, Operation


def refusal_of(operation: Operation, latest: Record | None) -> StoreError | None:
    """Why an operation is refused, given the record as the last pending or committed write left it; None if it is
    not."""
    if isinstance(operation, Create):
        if latest is None:
            return None
        found = f"{_name(operation)} exists at revision {latest.revision}"
        return AlreadyExistsInStore(found, latest.revision)
    if latest is None:
        return Stale(f"{_name(operation)} is gone")
    if latest.revision != operation.expected_revision:
        found = f"{_name(operation)} is at revision {latest.revision}, not {operation.expected_revision}"
        return Stale(found, latest.revision)
    return None


def _name(operation: Operation) -> str:
    return f"{operation.collection} {operation.namespace}/{operation.name}"
