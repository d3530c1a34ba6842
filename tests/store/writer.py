"""A process that writes to a store in a folder until it is killed, and says what was acknowledged.

``python -m tests.store.writer FOLDER ROUND WRITERS [unsafe]``: one line per acknowledged write, ``NAME REVISION``,
after a line ``ready``. ``unsafe`` leaves out what makes the folder power-safe.
"""

import asyncio
import os
import sys
from pathlib import Path

from k3py.base.clock import SystemClock
from k3py.store import opening
from k3py.store.place import Folder
from k3py.store.store import Store
from tests.store.helpers import PODS, pod

BODY = "x" * 1_000


async def write(folder: Path, number: int, writers: int) -> None:
    found = await opening.open_place(Folder(folder), {}, SystemClock())
    store = Store(found.log, [PODS], SystemClock())
    await store.open()
    say("ready\n")

    async def writer(index: int) -> None:
        step = 0
        while True:
            name = f"round{number}-{index}-{step}"
            record = await store.create("pods", "default", name, pod(name, data=BODY))
            say(f"{name} {record.revision}\n")
            record = await store.replace("pods", "default", name, record.revision, pod(name, data=BODY, again=1))
            say(f"{name} {record.revision}\n")
            step += 1

    await asyncio.gather(*map(writer, range(writers)))


def say(line: str) -> None:
    """A line of this length goes through a pipe whole."""
    os.write(1, line.encode())


def main() -> None:
    if "unsafe" in sys.argv:
        opening.make_power_safe = lambda folder: folder.mkdir(exist_ok=True)  # type: ignore[assignment]
    asyncio.run(write(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))


if __name__ == "__main__":
    main()
