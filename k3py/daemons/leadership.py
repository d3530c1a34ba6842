"""Who leads: the Lease ``kube-system/controller-leader``, which the server renews.

It decides nothing: whoever opened the store last is its writer. But renewing is a write, and a write is what tells a
server that another one has taken its place. Without it a server that nobody writes to would go on answering reads from
a past that is no longer the cluster's, and nodes would go on telling it that they live.
"""

import asyncio
import logging
from typing import Final

from k3py.base.clock import Clock, rfc3339_micro
from k3py.model.errors import NotFound, Problem
from k3py.model.generated import coordination_v1, meta_v1
from k3py.model.kinds import KINDS
from k3py.model.user import CONTROLLER_MANAGER
from k3py.objects.options import WriteOptions
from k3py.objects.service import Objects

log = logging.getLogger(__name__)

NAMESPACE: Final = "kube-system"
NAME: Final = "controller-leader"
# So long a server may not know that it is over. In a bucket every renewal is paid for: 10 s come to about 1.30 dollars
# a month on S3 ($0.005 for 1,000 puts).
RENEW_SECONDS: Final = 10.0
# A lease that was not renewed three times is nobody's.
DURATION_SECONDS: Final = 30


def renewed(known: coordination_v1.Lease | None, holder: str, now: float) -> coordination_v1.Lease:
    """The lease as ``holder`` renews it at ``now`` (seconds since 1970), or takes it over from another."""
    moment = rfc3339_micro(now)
    before = known.spec if known is not None else None
    spec = coordination_v1.LeaseSpec(
        holder_identity=holder,
        lease_duration_seconds=DURATION_SECONDS,
        acquire_time=moment,
        renew_time=moment,
        lease_transitions=0,
    )
    if before is not None and before.holder_identity == holder:
        spec.acquire_time, spec.lease_transitions = before.acquire_time, before.lease_transitions
    elif before is not None:
        spec.lease_transitions = (before.lease_transitions or 0) + 1
    version = known.metadata.resource_version if known is not None else ""
    meta = meta_v1.ObjectMeta(name=NAME, namespace=NAMESPACE, resource_version=version)
    return coordination_v1.Lease(metadata=meta, spec=spec)


async def lead(objects: Objects, clock: Clock, holder: str) -> None:
    """Renew the lease for ever. What the store cannot take is tried again; the store ends the process when it is
    somebody else's."""
    kind = KINDS.of(coordination_v1.Lease)
    while True:
        try:
            known = objects.read(coordination_v1.Lease, NAMESPACE, NAME)
        except NotFound:
            known = None
        try:
            lease = renewed(known, holder, clock.now())
            await objects.update(kind, NAMESPACE, NAME, lease, WriteOptions(), CONTROLLER_MANAGER)
        except Problem as problem:
            log.warning("cannot renew the leader's lease: %s", problem)
        await asyncio.sleep(RENEW_SECONDS)
