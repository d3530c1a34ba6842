"""Deletes many objects in few batches of the store."""

from collections.abc import Sequence
from typing import Final

from k3py.base.clock import Clock
from k3py.model.errors import Problem
from k3py.model.generated import meta_v1
from k3py.model.registry import Kind
from k3py.model.user import User
from k3py.objects import deletion
from k3py.objects.admission import Admission
from k3py.objects.storing import operation_of, problem_of, storing
from k3py.store.errors import StoreError
from k3py.store.records import Record
from k3py.store.store import Store
from k3py.store.writes import Operation

# Decided in one go, so written in one batch: some ten milliseconds in which nobody else is answered.
AT_ONCE: Final = 200


async def delete_records(
    store: Store,
    admission: Admission,
    kind: Kind,
    records: Sequence[Record],
    options: meta_v1.DeleteOptions,
    user: User,
    clock: Clock,
) -> None:
    """Delete what is left of ``records``, each as ``Objects.delete`` does; what has vanished is passed over.

    The first refusal ends it: what came before is deleted, what comes after is not.

    Raises:
        Conflict (preconditions), Forbidden, Invalid, Timeout, Unavailable.
    """
    deletion.check_options(options)
    for start in range(0, len(records), AT_ONCE):
        refusal: Problem | None = None
        operations: list[Operation] = []
        for record in records[start : start + AT_ONCE]:
            current = store.latest(record.collection, record.namespace, record.name)
            if current is None:
                continue
            try:
                decision = deletion.decide(kind, current, options, admission, user, clock.now())
            except Problem as problem:
                refusal = problem
                break
            if not (decision.unchanged or options.dry_run):
                operations.append(operation_of(kind, current, decision))
        for operation, outcome in zip(operations, await store.write_many(operations), strict=True):
            if isinstance(outcome, StoreError):
                raise problem_of(kind, operation.name, outcome)
        if refusal is not None:
            with storing(None, ""):
                await store.settled()
            raise refusal
    with storing(None, ""):
        await store.settled()
