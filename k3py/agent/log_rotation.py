"""Keeps container logs bounded: a large one is renamed and a new one begun; old ones go.

Readers follow the rename (``k3py.runtime.logs``); kubelet's defaults: 10 MiB a file, five files a container.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from k3py.base.clock import Clock
from k3py.runtime.port import Runtime, RuntimeProblem

log = logging.getLogger(__name__)

LOG_BYTES_MAX: Final = 10 * 1024 * 1024
LOG_FILES_MAX: Final = 5
CHECK_SECONDS: Final = 10.0


class LogRotation:
    """``running`` names the log and id of every running container."""

    def __init__(self, runtime: Runtime, clock: Clock, running: Callable[[], Iterable[tuple[Path, str]]]) -> None:
        self._runtime, self._clock, self._running = runtime, clock, running

    async def run(self) -> None:
        """Look every now and then, for ever."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            for path, container_id in list(self._running()):
                try:
                    await self.rotate_if_large(path, container_id)
                except (RuntimeProblem, OSError) as problem:
                    log.warning("cannot rotate %s: %s", path, problem)

    async def rotate_if_large(self, path: Path, container_id: str) -> bool:
        """Begin a new log when this one is too large; whether that was done. An interrupted rotation is completed."""
        try:
            if path.stat().st_size <= LOG_BYTES_MAX:
                return False
        except FileNotFoundError:
            # Renamed by an agent that was killed before it told the runtime.
            await self._runtime.reopen_log(container_id)
            return False
        old = path.with_name(f"{path.name}.{int(self._clock.now() * 1000):013d}")
        path.rename(old)
        await self._runtime.reopen_log(container_id)
        kept = sorted(path.parent.glob(f"{path.name}.*"))
        for each in kept[: max(0, len(kept) - (LOG_FILES_MAX - 1))]:
            each.unlink(missing_ok=True)
        return True
