"""Shows dropped packets as the VPC daemon tells of them. Acts."""

import asyncio
import contextlib
import sys
import time
from collections.abc import Collection
from typing import Final

import msgspec
import typer

from k3py.cli.tables import Layout
from k3py.cli.vpc_daemon import failures, socket_path
from k3py.cli.vpc_text import DROP_HEADINGS, drop_row, shown_drops
from k3py.client.vpc import VpcClient, VpcUnavailable
from k3py.model.vpc_socket import DropEvent, Traced

# How long one question waits for an answer; shorter than anybody takes for silence.
POLL_SECONDS: Final = 20.0
# Between attempts to reach a daemon that is being restarted.
AGAIN_SECONDS: Final = 1.0


def follow_drops(uids: Collection[str], after: int, seconds: float | None, *, chatter: bool, as_json: bool) -> None:
    """Print drops of these pods (none: of all) numbered above ``after``, for so many seconds or until interrupted.

    ``chatter``: as ``vpc_text.shown_drops``.

    A daemon that was there and goes away is waited for.

    Raises:
        Failure: the daemon cannot be reached, or refuses.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    printer = _Printer(frozenset(uids), chatter=chatter, as_json=as_json)
    with failures():
        asyncio.run(_follow(printer, after, deadline))


async def _follow(printer: "_Printer", last: int, deadline: float | None) -> None:
    while (left := _left(deadline)) > 0:
        try:
            traced = await _trace(last, left, printer.only)
        except VpcUnavailable as error:
            print(f"{error}; waiting for it", file=sys.stderr, flush=True)
            await _back(deadline)
            last = 0  # a new daemon counts from the beginning
        else:
            printer.print(traced)
            last = max([last, *(each.number for each in traced.events)])


async def _trace(after: int, seconds: float, uid: str) -> Traced:
    """One question over a connection of its own: one that is used again would hide that the daemon is another."""
    async with VpcClient(socket_path()) as client:
        return await client.trace(after, seconds, uid)


async def _back(deadline: float | None) -> None:
    """Wait until the daemon answers again, or the time is over."""
    while (left := _left(deadline)) > 0:
        await asyncio.sleep(min(AGAIN_SECONDS, left))
        with contextlib.suppress(VpcUnavailable):
            async with VpcClient(socket_path()) as client:
                await client.ping()
                return


def _left(deadline: float | None) -> float:
    return POLL_SECONDS if deadline is None else min(POLL_SECONDS, deadline - time.monotonic())


class _Printer:
    """Prints events of some pods, under one heading."""

    def __init__(self, uids: frozenset[str], *, chatter: bool, as_json: bool) -> None:
        self._uids = uids
        self._chatter = chatter
        self._as_json = as_json
        self._layout = Layout()
        self._headed = False

    @property
    def only(self) -> str:
        """The pod that the daemon is asked for; empty for all of them."""
        return next(iter(self._uids)) if len(self._uids) == 1 else ""

    def print(self, traced: Traced) -> None:
        """Print what came; what the daemon no longer had is told, too."""
        if traced.lost:
            print(f"{traced.lost} drops were not kept", file=sys.stderr, flush=True)
        for event in shown_drops(traced.events, self._uids, chatter=self._chatter):
            self._event(event)

    def _event(self, event: DropEvent) -> None:
        if self._as_json:
            typer.echo(msgspec.json.encode(event).decode())
            return
        rows = [drop_row(event)] if self._headed else [DROP_HEADINGS, drop_row(event)]
        self._headed = True
        typer.echo(self._layout.format(rows), nl=False)
