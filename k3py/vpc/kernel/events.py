"""Hands on what the programs tell of dropped packets, as it comes. Acts."""

import asyncio
import logging

from k3py.vpc.bpf.maps import Map
from k3py.vpc.bpf.ring import RingBuffer
from k3py.vpc.ports import OnDrop

_log = logging.getLogger(__name__)


class Events:
    """Reads the events ring from the running loop until it is closed. The ring's size bounds what can wait in it."""

    def __init__(self, ring: Map, on_drop: OnDrop) -> None:
        self._descriptor, self._on_drop = ring.descriptor, on_drop
        self._buffer = RingBuffer(ring)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._descriptor, self._read)

    def close(self) -> None:
        """Read no more."""
        self._loop.remove_reader(self._descriptor)
        self._buffer.close()

    def _read(self) -> None:
        for record in self._buffer.events():
            try:
                self._on_drop(record)
            except Exception:
                _log.exception("a dropped packet could not be told of")
