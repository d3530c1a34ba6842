"""Waits for an object to become something: reads it once, then follows its changes. Acts."""

import time
from collections.abc import Callable, Generator, Iterator
from typing import Any, Final

from k3py.cli.app import Failure
from k3py.cli.resources import path_of
from k3py.cli.session import Session
from k3py.cli.watching import SILENCE_SECONDS, decode_event
from k3py.client.answers import LineSplitter
from k3py.model.errors import Expired
from k3py.model.registry import Kind

FOREVER: Final = float("inf")
Plain = dict[str, Any]


def wait_until(
    session: Session, kind: Kind, namespace: str, name: str, done: Callable[[Plain | None], bool], seconds: float
) -> Plain | None:
    """The object as soon as ``done`` says so of it; None stands for "there is no such object".

    Raises:
        Failure: ``seconds`` are over.
        Problem: the server refuses, or is lost.
    """
    for obj in follow(session, kind, namespace, name, time.monotonic() + seconds):
        if done(obj):
            return obj
    raise Failure(f"timed out waiting for the condition on {kind.plural}/{name}")


def follow(session: Session, kind: Kind, namespace: str, name: str, deadline: float) -> Iterator[Plain | None]:
    """The object as it is, then after each change, until the deadline (seconds of ``time.monotonic``)."""
    path, query = path_of(kind, namespace), {"fieldSelector": f"metadata.name={name}"}
    while True:
        listed = session.request("GET", path, query).plain()
        items = listed["items"]
        # Items of a list do not repeat what kind they are.
        yield {"apiVersion": kind.api_version, "kind": kind.name, **items[0]} if items else None
        try:
            version = str(listed["metadata"]["resourceVersion"])
            while True:
                version = yield from _watch(session, path, {**query, "resourceVersion": version}, deadline)
                if time.monotonic() >= deadline:
                    return
        except Expired:
            continue  # that version is no longer kept: read anew


def _watch(session: Session, path: str, query: dict[str, str], deadline: float) -> Generator[Plain | None, None, str]:
    splitter, version = LineSplitter(), query["resourceVersion"]
    left = min(deadline - time.monotonic(), SILENCE_SECONDS)
    if left <= 0:
        return version
    asked = {**query, "watch": "true", "allowWatchBookmarks": "true"}
    with session.stream(path, asked, silence_seconds=left) as pieces:
        try:
            for piece in pieces:
                for line in splitter.feed(piece):
                    kind, obj = decode_event(line)
                    version = str(obj["metadata"]["resourceVersion"])
                    if kind != "BOOKMARK":
                        yield None if kind == "DELETED" else obj
                if time.monotonic() >= deadline:
                    return version
        except TimeoutError:
            pass
    return version
