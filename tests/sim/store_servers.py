"""Servers that come and go: at any time somebody starts one, though another may live, and they die at any step."""

import asyncio

from k3py.store.collections import Collection
from k3py.store.errors import CannotOpen, LogFailed
from k3py.store.limits import Limits
from k3py.store.sealing import Sealer
from k3py.store.store import Store
from tests.sim.log import SharedLog, SimLog
from tests.sim.truth import Place
from tests.sim.world import Process, World

TAIL_ENTRIES = 12
VOLATILE_NAMESPACE = "heartbeats"
TTL_SECONDS = 6.0
PODS, SECRETS, EVENTS, LEASES = "pods", "secrets", "events", "leases"
COLLECTIONS = (
    Collection(PODS, ring_entries=16, tail_entries=TAIL_ENTRIES),
    Collection(SECRETS, ring_entries=40, tail_entries=TAIL_ENTRIES, sealed=True),
    Collection(EVENTS, ring_entries=40, tail_entries=TAIL_ENTRIES, ttl_seconds=TTL_SECONDS),
    Collection(LEASES, ring_entries=40, tail_entries=TAIL_ENTRIES, volatile=lambda ns: ns == VOLATILE_NAMESPACE),
)
LIMITS = Limits(
    revision_chunk=200,
    waiting_writes=40,
    batch_writes=4,
    batch_seconds_max=3.0,
    snapshots=4,
    expiry_batch=3,
)


def is_volatile(place: Place) -> bool:
    return place[0] == LEASES and place[1] == VOLATILE_NAMESPACE


class Server(Process):
    """A process with a store."""

    store: Store

    @property
    def is_ready(self) -> bool:
        return self.is_alive and self.ready

    ready = False


class Servers:
    """All of them. ``chaos``: whether new ones overtake living ones, and some stop in good order."""

    def __init__(self, shared: SharedLog, sealer: Sealer, store_type: type[Store], log_type: type[SimLog]) -> None:
        self.world: World = shared.world
        self.chaos = True
        self.count = 0
        self._shared = shared
        self._sealer = sealer
        self._store_type = store_type
        self._log_type = log_type

    async def supervise(self) -> None:
        """Somebody always starts a server; in chaos also while another one lives."""
        while True:
            living = self.world.alive()
            if not living or (self.chaos and self.world.chance(0.1)):
                self._start()
            if not self.chaos:
                for old in living[:-1]:  # overtaken ones that nobody has noticed
                    self.world.kill(old)
            await asyncio.sleep(self.world.random.uniform(0.2, 3.0))

    def _start(self) -> None:
        self.count += 1
        server = Server(self.count, "server")
        self.world.start(server, self._serve(server))

    async def _serve(self, server: Server) -> None:
        store = self._store_type(
            self._log_type(self._shared),
            COLLECTIONS,
            self.world.clock,
            self._sealer,
            limits=LIMITS,
            on_fatal=lambda why: self.world.kill(server),
        )
        try:
            await store.open()
        except (CannotOpen, LogFailed):
            self.world.kill(server)
            return
        server.store, server.ready = store, True
        while self.chaos:
            await asyncio.sleep(self.world.random.uniform(1, 20))
            if self.chaos and self.world.chance(0.2):
                await store.close()
                self.world.kill(server)

    def some(self) -> Server | None:
        ready = [p for p in self.world.alive() if isinstance(p, Server) and p.is_ready]
        if not ready:
            return None
        return self.world.random.choice(ready) if self.world.chance(0.2) else ready[-1]
