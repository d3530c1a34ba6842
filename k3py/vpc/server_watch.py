"""Follows what the server says of VPCs, this node's blocks, Services and EndpointSlices. Acts.

Everything is kept, so that a restart without the server goes on with it. What was kept and the server's first complete
list no longer has is gone; until that list nothing goes away. Nor does anything change by the word of a server of
another cluster, as one is that has lost its store: nothing is taken from it before it has named this cluster's id.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Any, TypeVar

from k3py.base.clock import Clock
from k3py.base.tasks import Tasks
from k3py.client.mirror import Change, Deleted
from k3py.client.port import Client
from k3py.client.reflector import Reflector
from k3py.model.generated.core_v1 import Service
from k3py.model.generated.discovery_v1 import EndpointSlice
from k3py.model.struct import Wire
from k3py.model.vpc_v1 import VPC, VPCBlock
from k3py.store.log import Put, Puts
from k3py.vpc.block_keeper import BlockKeeper
from k3py.vpc.records import Records
from k3py.vpc.rows import Name, put_service, put_slice
from k3py.vpc.state import State

log = logging.getLogger(__name__)

T = TypeVar("T", bound=Wire)


class ServerWatch:
    """``network_changed``: VPCs are others now. ``services_changed``: Services or EndpointSlices are."""

    def __init__(
        self,
        state: State,
        records: Records,
        blocks: BlockKeeper,
        network_changed: Callable[[], None],
        services_changed: Callable[[], None],
        clock: Clock,
        source: random.Random,
    ) -> None:
        self._state, self._records, self._blocks = state, records, blocks
        self._network_changed, self._services_changed = network_changed, services_changed
        self._clock, self._source = clock, source
        self._ours = asyncio.Event()

    @property
    def in_contact(self) -> bool:
        """The server was heard, and is not known to be away."""
        return self._blocks.in_contact

    def start(self, client: Client, tasks: Tasks) -> None:
        """Follow this server from now on, in tasks of ``tasks``."""
        state = self._state

        async def follow_ours(reflector: Reflector[Any]) -> None:
            await self._ours.wait()
            await reflector.run()

        def vpc_changed(change: Change[VPC]) -> None:
            self._vpc(change)
            if state.met and not self._ours.is_set():
                self._ours.set()
                self._blocks.client = client
                if vpcs.is_synced:
                    vpcs_listed()

        def vpcs_listed() -> None:
            known = {row.name for row in state.vpcs.values() if not row.gone}
            for name in known - {key[1] for key in vpcs.objects} if self._ours.is_set() else ():
                self._keep(state.lose_vpc(name))

        def blocks_listed() -> None:
            for name in self._blocks.known_names() - {key[1] for key in blocks.objects}:
                self._blocks.told_gone(name)

        vpcs = Reflector(
            client, VPC, vpc_changed, self._clock, self._source, on_synced=vpcs_listed, on_contact=self._contact
        )
        mine = f"spec.nodeName={state.config.node_name}"
        blocks = Reflector(
            client, VPCBlock, self._block, self._clock, self._source, field_selector=mine, on_synced=blocks_listed
        )
        services = self._cache(client, Service, state.services, put_service)
        slices = self._cache(client, EndpointSlice, state.slices, put_slice)
        tasks.start(vpcs.run(), "watch of VPCs")
        for name, reflector in (("blocks", blocks), ("Services", services), ("slices", slices)):
            tasks.start(follow_ours(reflector), f"watch of {name}")

    def _contact(self, is_there: bool) -> None:
        self._blocks.in_contact = is_there
        if is_there:
            self._blocks.poke()

    def _vpc(self, change: Change[VPC]) -> None:
        if isinstance(change, Deleted):
            if self._ours.is_set():
                self._keep(self._state.lose_vpc(change.last.metadata.name))
            return
        name, troubles = change.new.metadata.name, self._state.troubles
        before = troubles.get(name)
        puts = self._state.learn_vpc(change.new)
        if troubles.get(name, before) != before:
            log.error("VPC %s as the server has it is not taken up: %s", name, troubles[name])
        self._keep(puts)

    def _keep(self, puts: Puts) -> None:
        if puts:
            self._records.put(puts)
            self._network_changed()
            self._services_changed()
        self._blocks.poke()

    def _block(self, change: Change[VPCBlock]) -> None:
        if isinstance(change, Deleted):
            self._blocks.told_gone(change.last.metadata.name)
        else:
            self._blocks.told(change.new)

    def _cache(
        self, client: Client, kind: type[T], objects: dict[Name, T], put: Callable[[Name, T | None], Put]
    ) -> Reflector[T]:
        """Keeps ``objects`` and their rows as the server has them."""

        def forget(name: Name) -> None:
            if objects.pop(name, None) is not None:
                self._records.put_cached(put(name, None))
                self._services_changed()

        def changed(change: Change[T]) -> None:
            obj: Any = change.last if isinstance(change, Deleted) else change.new
            name = (obj.metadata.namespace, obj.metadata.name)
            if isinstance(change, Deleted):
                forget(name)
                return
            known: Any = objects.get(name)
            same = known is not None and known.metadata.resource_version == obj.metadata.resource_version
            # One object in memory, not two: the reflector's.
            objects[name] = obj
            if not same or known.metadata.uid != obj.metadata.uid:
                self._records.put_cached(put(name, obj))
                self._services_changed()

        def listed() -> None:
            for name in objects.keys() - reflector.objects.keys():
                forget(name)

        reflector = Reflector(client, kind, changed, self._clock, self._source, on_synced=listed)
        return reflector
