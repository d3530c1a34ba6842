"""Keeps the name table as the server has it, and a copy on disk for when no server answers. Acts."""

import asyncio
import logging
import random
from pathlib import Path
from typing import Final

from k3py.agent.dns import entries, snapshot
from k3py.agent.dns.snapshot import BadSnapshot
from k3py.agent.dns.table import Table
from k3py.base.clock import Clock
from k3py.base.paths import write_private
from k3py.client.mirror import Change, Deleted, Modified
from k3py.client.port import Client
from k3py.client.reflector import Reflector
from k3py.model import vpc_v1
from k3py.model.generated import core_v1, discovery_v1

log = logging.getLogger(__name__)

# A rollout changes slices many times a second; a copy that is some seconds old serves as well.
SAVE_AFTER_SECONDS: Final = 5.0


class DnsFeed:
    """Feeds one table. ``path``: the file of the copy.

    While the server is away the table stays as it is, for ever: only the server's word takes a name out.
    """

    def __init__(self, table: Table, client: Client, clock: Clock, source: random.Random, path: Path) -> None:
        self._table = table
        self._path = path
        self._changed = asyncio.Event()
        self._saved_generation = -1
        self._said = ""
        self._services = Reflector(
            client, core_v1.Service, self._on_service, clock, source, on_synced=self._services_synced
        )
        self._slices = Reflector(
            client, discovery_v1.EndpointSlice, self._on_slice, clock, source, on_synced=self._slices_synced
        )
        self._vpcs = Reflector(client, vpc_v1.VPC, self._on_vpc, clock, source, on_synced=self._vpcs_synced)

    def load(self) -> bool:
        """Fill the table from the copy on disk; whether there was one that can be used."""
        try:
            with self._path.open("rb") as file:
                data = file.read(snapshot.SIZE_MAX + 1)
        except FileNotFoundError:
            return False
        except OSError as problem:
            log.warning("cannot read the name table of before: %s", problem)
            return False
        try:
            snapshot.restore(self._table, snapshot.decode(data))
        except BadSnapshot as problem:
            log.warning("cannot use the name table of before in %s: %s", self._path, problem)
            return False
        self._saved_generation = self._table.generation
        return True

    async def run(self) -> None:
        """Follow the server and keep the copy, for ever; cancel it to stop."""
        async with asyncio.TaskGroup() as group:
            for each in (self._services.run(), self._slices.run(), self._vpcs.run(), self._save()):
                group.create_task(each)

    def _on_service(self, change: Change[core_v1.Service]) -> None:
        if isinstance(change, Deleted):
            self._table.remove_service((change.last.metadata.namespace, change.last.metadata.name))
        else:
            self._table.put_service(entries.service_entry(change.new))
        self._changed.set()

    def _on_slice(self, change: Change[discovery_v1.EndpointSlice]) -> None:
        new = None if isinstance(change, Deleted) else entries.slice_entry(change.new)
        if isinstance(change, (Deleted, Modified)):
            last = entries.slice_entry(change.last if isinstance(change, Deleted) else change.old)
            if last is not None and (new is None or last.key != new.key):
                self._table.remove_slice(last.key, last.name)
        if new is not None:
            self._table.put_slice(new)
        self._changed.set()

    def _on_vpc(self, change: Change[vpc_v1.VPC]) -> None:
        new = None if isinstance(change, Deleted) else entries.vpc_entry(change.new)
        if new is not None:
            self._table.put_vpc(new)
        else:
            self._table.remove_vpc((change.last if isinstance(change, Deleted) else change.new).metadata.name)
        self._changed.set()

    def _services_synced(self) -> None:
        for key in [each for each in self._table.services if each not in self._services.objects]:
            self._table.remove_service(key)
        self._synced()

    def _slices_synced(self) -> None:
        known = {
            (made.namespace, made.service, made.name)
            for each in self._slices.objects.values()
            if (made := entries.slice_entry(each)) is not None
        }
        for made in list(self._table.all_slices()):
            if (made.namespace, made.service, made.name) not in known:
                self._table.remove_slice(made.key, made.name)
        self._synced()

    def _vpcs_synced(self) -> None:
        known = {name for _, name in self._vpcs.objects}
        for name in [each for each in self._table.vpcs if each not in known]:
            self._table.remove_vpc(name)
        self._synced()

    def _synced(self) -> None:
        if self._services.is_synced and self._slices.is_synced and self._vpcs.is_synced:
            self._table.complete()
        self._changed.set()

    async def _save(self) -> None:
        while True:
            await self._changed.wait()
            await asyncio.sleep(SAVE_AFTER_SECONDS)
            self._changed.clear()
            if self._table.is_complete and self._table.generation != self._saved_generation:
                self._write()

    def _write(self) -> None:
        generation, data = self._table.generation, snapshot.encode(self._table)
        if len(data) > snapshot.SIZE_MAX:
            log.warning(
                "the name table is not kept on disk: it has %d bytes, more than %d", len(data), snapshot.SIZE_MAX
            )
            self._saved_generation = generation
            return
        try:
            write_private(self._path, data)
        except OSError as problem:
            if str(problem) != self._said:  # a full disk is not filled further by saying so every few seconds
                log.warning("cannot keep the name table on disk, trying again: %s", problem)
                self._said = str(problem)
            self._changed.set()
            return
        self._saved_generation, self._said = generation, ""
