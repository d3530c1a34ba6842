"""A bar for people; nothing where nobody looks. Acts."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from k3py.image.image import Progress


@contextmanager
def pull_progress(name: str) -> Iterator[Callable[[Progress], None] | None]:
    """What to call with the progress of a pull; None when standard error is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=None)

        def show(progress: Progress) -> None:
            bar.update(
                task,
                description=f"{name} ({progress.layers_done}/{progress.layers} layers)",
                total=progress.bytes or None,
                completed=progress.bytes_done,
            )

        yield show
