"""Between decisions and the store: operations one way, errors in the words of the API the other."""

from collections.abc import Iterator
from contextlib import contextmanager

from k3py.model.errors import STALE, Problem, Timeout, Unavailable, already_exists, conflict
from k3py.model.registry import Kind
from k3py.objects.changes import Decision, Removal, Replacement
from k3py.objects.encoding import encode_bounded, encoded, tombstone
from k3py.store.errors import (
    AlreadyExistsInStore,
    LogFailed,
    NotOpen,
    OutcomeUnknown,
    Overloaded,
    Stale,
    StoreError,
)
from k3py.store.records import Record
from k3py.store.writes import Delete, Replace


def problem_of(kind: Kind | None, name: str, error: StoreError) -> Problem:
    """What the caller is told of a store's error; ``kind`` is None when no object is meant."""
    if kind is not None and isinstance(error, AlreadyExistsInStore):
        return already_exists(kind.plural, kind.group, name)
    if kind is not None and isinstance(error, Stale):
        return conflict(kind.plural, kind.group, name, STALE)
    if isinstance(error, OutcomeUnknown):
        return Timeout("the outcome of the write is unknown: the server lost its store; read the object again")
    if isinstance(error, Overloaded):
        return Unavailable("too many writes are waiting; please try again later")
    if isinstance(error, NotOpen | LogFailed):
        return Unavailable("the server is not able to write now; nothing was changed")
    return Unavailable(f"the store failed: {error}")


@contextmanager
def storing(kind: Kind | None, name: str) -> Iterator[None]:
    """Turns the store's errors into problems.

    Raises:
        AlreadyExists, Conflict, Timeout, Unavailable.
    """
    try:
        yield
    except StoreError as error:
        raise problem_of(kind, name, error) from error


def operation_of(kind: Kind, current: Record, decision: Decision) -> Replace | Delete:
    """A decision as the store takes it."""
    obj = decision.obj
    if isinstance(decision, Replacement):
        return Replace(
            current.collection, current.namespace, current.name, current.revision,
            lambda revision: encoded(kind, obj, revision),
        )  # fmt: skip
    raw = (decision.last if isinstance(decision, Removal) else b"") or encode_bounded(obj)
    return Delete(
        current.collection, current.namespace, current.name, current.revision,
        lambda revision: tombstone(raw, revision),
    )  # fmt: skip
