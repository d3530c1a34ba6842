"""What the crash tests share: a writing process under observation, and the look at what it left."""

import asyncio
import signal
import subprocess
import sys
import threading
from pathlib import Path

from k3py.base.clock import SystemClock
from k3py.store.opening import open_place
from k3py.store.place import Folder
from k3py.store.store import Store
from tests.store.helpers import PODS

DEADLINE_SECONDS = 60.0


class Writer:
    """A process of ``tests.store.writer``. ``acknowledged``: the last revision by name, as it was told so far."""

    def __init__(self, folder: Path, number: int, writers: int, *options: str) -> None:
        self.acknowledged: dict[str, int] = {}
        self._enough = threading.Condition()
        command = [sys.executable, "-m", "tests.store.writer", str(folder), str(number), str(writers), *options]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            name, _, revision = line.partition(" ")
            with self._enough:
                if revision and line.endswith("\n"):
                    self.acknowledged[name] = int(revision)
                self._enough.notify_all()

    def wait_for(self, count: int) -> None:
        """Until so many names are acknowledged."""
        with self._enough:
            assert self._enough.wait_for(
                lambda: len(self.acknowledged) >= count or self._process.poll() is not None, DEADLINE_SECONDS
            )
        assert self._process.poll() is None, "the writer has ended"

    def snapshot(self) -> dict[str, int]:
        """What is acknowledged now."""
        with self._enough:
            return dict(self.acknowledged)

    def pause(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """``kill -9``; afterwards all that it said has been read."""
        self._process.kill()
        self._process.wait()
        self._reader.join(DEADLINE_SECONDS)
        if self._process.stdout is not None:
            self._process.stdout.close()


def look(folder: Path) -> tuple[dict[str, int], int]:
    """The revision of each record in the store, and the store's own."""

    async def story() -> tuple[dict[str, int], int]:
        found = await open_place(Folder(folder), {}, SystemClock())
        store = Store(found.log, [PODS], SystemClock())
        await store.open()
        try:
            records = store.list("pods", None)
            assert all(b'"resourceVersion":"%d"' % r.revision in r.raw for r in records)
            return {r.name: r.revision for r in records}, store.revision
        finally:
            await store.close()

    return asyncio.run(story())


def check_nothing_lost(acknowledged: dict[str, int], found: dict[str, int]) -> None:
    """Every acknowledged write is there, at its revision or a later one."""
    lost = {name: revision for name, revision in acknowledged.items() if found.get(name, 0) < revision}
    assert not lost, f"{len(lost)} of {len(acknowledged)} acknowledged writes are lost, e.g. {sorted(lost)[:3]}"
