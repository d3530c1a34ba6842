"""Carries evictions out: notes them in the pod's budget, then deletes the pod."""

import msgspec

from k3py.model import codec
from k3py.model.errors import Conflict, Problem, Timeout
from k3py.model.generated import core_v1, meta_v1, policy_v1
from k3py.model.kinds import KINDS
from k3py.model.user import MASTERS, User
from k3py.objects import eviction
from k3py.objects.options import Deleted, WriteOptions
from k3py.objects.service import Objects

# The server itself writes the budget: whoever evicts need not be allowed to.
_SERVER = User("system:apiserver", (MASTERS,))
_MANAGER = "kube-apiserver"
# As often as Kubernetes tries again when somebody else writes the budget.
ATTEMPTS = 20


class Evictions:
    """Evicts pods."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def evict(
        self, namespace: str, name: str, asked: policy_v1.Eviction, options: WriteOptions, user: User
    ) -> Deleted:
        """Delete a pod if its disruption budget allows that.

        Raises:
            TooManyRequests: the budget does not allow it now.
            BadRequest, Conflict (preconditions), Forbidden, Invalid, NotFound, Timeout, Unavailable, Unexplained.
        """
        eviction.check_name(asked, name)
        wanted = eviction.delete_options(asked, options.dry_run)
        dry_run = bool(wanted.dry_run)
        await self._take_from_budget(namespace, name, dry_run)
        if not dry_run:
            await self._mark(namespace, name, wanted, user)
        return await self._objects.delete(KINDS.of(core_v1.Pod), namespace, name, wanted, user)

    async def _mark(self, namespace: str, name: str, wanted: meta_v1.DeleteOptions, user: User) -> None:
        """Tell the pod why it ends, once nothing speaks against its deletion."""
        objects, kind = self._objects, KINDS.of(core_v1.Pod)
        rehearsal = msgspec.structs.replace(wanted, dry_run=["All"])
        await objects.delete(kind, namespace, name, rehearsal, user)
        pod = codec.decode(core_v1.Pod, (await objects.current(kind, namespace, name)).raw)
        eviction.mark(pod, objects.clock.now())
        written = await objects.update(
            kind, namespace, name, pod, WriteOptions(field_manager=_MANAGER), _SERVER, "status"
        )
        expected = wanted.preconditions
        if expected is not None and expected.resource_version is not None and written.record is not None:
            expected.resource_version = str(written.record.revision)

    async def _take_from_budget(self, namespace: str, name: str, dry_run: bool) -> None:
        objects = self._objects
        budgets = KINDS.of(policy_v1.PodDisruptionBudget)
        for _ in range(ATTEMPTS):
            current = await objects.current(KINDS.of(core_v1.Pod), namespace, name)
            pod = codec.decode(core_v1.Pod, current.raw)
            known = objects.store.list_latest(budgets.plural, namespace)
            decoded = [codec.decode(policy_v1.PodDisruptionBudget, record.raw) for record in known]
            try:
                changed = eviction.decide(pod, decoded, objects.clock.now())
            except Problem:
                await objects.settled()
                raise
            if changed is None or dry_run:
                return
            try:
                await objects.update(
                    budgets, namespace, changed.metadata.name, changed, WriteOptions(field_manager=_MANAGER), _SERVER,
                    "status",
                )  # fmt: skip
            except Conflict:
                continue
            return
        raise Timeout("couldn't update PodDisruptionBudget due to conflicts")
