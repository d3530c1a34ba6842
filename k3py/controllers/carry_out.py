"""Carries out actions: the one place where controllers touch the API objects.

Deletions and creations that stand beside each other go out together, creations in batches that double (1, 2, 4 ...)
so that a quota that refuses everything is asked once, not a thousand times; everything else in order. The first
failure ends the list: what follows was decided on the belief that it works.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final, Protocol

from k3py.controllers.actions import NORMAL, WARNING, Action, Create, Delete, Patch, Report, Tell, Update, Wake, target
from k3py.model.errors import Conflict, NotFound, Problem
from k3py.model.generated import core_v1
from k3py.model.struct import Wire

# As client-go's slowStartBatch begins; the store joins what is in flight together into one batch.
SLOW_START_FIRST: Final = 1
TOGETHER_MAX: Final = 256
NAMESPACE_TERMINATING: Final = "NamespaceTerminating"

TellEvent = Callable[[core_v1.ObjectReference, str, str, str], None]


@dataclass(frozen=True, slots=True)
class Done:
    """What a write came to: name of the object and the revision at which it can be seen."""

    name: str
    revision: int


class Writer(Protocol):
    """Writes of objects; all raise ``Problem``."""

    async def create(self, made: Any) -> Done: ...

    async def update(self, made: Any, subresource: str) -> Done: ...

    async def patch(self, action: Patch) -> Done: ...

    async def delete(self, action: Delete) -> Done: ...


@dataclass
class Outcome:
    """How a list of actions went: revisions to wait for per kind, the wake-up asked for, the first problem."""

    revisions: dict[type[Wire], int] = field(default_factory=dict)
    wake_seconds: float | None = None
    problem: Problem | None = None
    writes: int = 0

    @property
    def stale(self) -> bool:
        """Somebody wrote first: what was read is old, nothing is wrong."""
        return isinstance(self.problem, Conflict)


async def carry_out(actions: Sequence[Action], writer: Writer, tell: TellEvent) -> Outcome:
    """Do all of them, or up to the first that fails."""
    outcome = Outcome()
    for together, group in groupby(actions, key=_together):
        batch = list(group)
        if together is None:
            for action in batch:
                await _settle(outcome, [action], writer, tell)
                if outcome.problem is not None:
                    return outcome
            continue
        size, start = (SLOW_START_FIRST if together is Create else TOGETHER_MAX), 0
        while start < len(batch):
            await _settle(outcome, batch[start : start + size], writer, tell)
            if outcome.problem is not None:
                return outcome
            start, size = start + size, min(size * 2, TOGETHER_MAX)
    return outcome


def _together(action: Action) -> type[Create] | type[Delete] | None:
    if isinstance(action, Create):
        return Create
    return Delete if isinstance(action, Delete) else None


async def _settle(outcome: Outcome, batch: Sequence[Action], writer: Writer, tell: TellEvent) -> None:
    if len(batch) == 1:
        results: Sequence[Done | BaseException | None] = [await _caught(batch[0], outcome, writer, tell)]
    else:
        results = await asyncio.gather(*(_caught(action, outcome, writer, tell) for action in batch))
    for action, result in zip(batch, results, strict=True):
        if isinstance(result, Done):
            outcome.writes += 1
            kind = _kind(action)
            outcome.revisions[kind] = max(outcome.revisions.get(kind, 0), result.revision)
        elif isinstance(result, Problem) and (outcome.problem is None or outcome.stale):
            outcome.problem = result


async def _caught(action: Action, outcome: Outcome, writer: Writer, tell: TellEvent) -> Done | Problem | None:
    try:
        return await _one(action, outcome, writer, tell)
    except NotFound as problem:
        # What was to be deleted is gone: fine. What was to be changed is gone: the cache will hear of it.
        return None if isinstance(action, Delete) else problem
    except Problem as problem:
        if not isinstance(action, Tell | Wake | Patch) and not isinstance(problem, Conflict):
            _told(action.report, _name(action), problem, tell)
        return problem


async def _one(action: Action, outcome: Outcome, writer: Writer, tell: TellEvent) -> Done | None:
    match action:
        case Wake(seconds):
            known = outcome.wake_seconds
            outcome.wake_seconds = seconds if known is None else min(known, seconds)
            return None
        case Tell(about, kind, reason, message):
            tell(about, kind, reason, message)
            return None
        case Patch():
            return await writer.patch(action)
        case Create(made):
            done = await writer.create(made)
        case Update(made, subresource=part):
            done = await writer.update(made, part)
        case Delete():
            done = await writer.delete(action)
    _told(action.report, done.name, None, tell)
    return done


def _told(report: Report | None, name: str, problem: Problem | None, tell: TellEvent) -> None:
    if report is None:
        return
    if problem is None:
        if report.reason:
            tell(report.about, NORMAL, report.reason, report.message.format(name=name, error=""))
    elif report.failure_reason and not namespace_terminating(problem):
        message = report.failure_message.format(name=name, error=problem.message)
        tell(report.about, WARNING, report.failure_reason, message)


def namespace_terminating(problem: Problem) -> bool:
    """The refusal of a create because the namespace is going away: trying again is of no use."""
    causes = problem.details.causes if problem.details is not None else ()
    return any(cause.reason == NAMESPACE_TERMINATING for cause in causes)


def _kind(action: Action) -> type[Wire]:
    if isinstance(action, Patch | Delete):
        return action.target.kind
    assert isinstance(action, Create | Update)
    kind: type[Wire] = type(action.object)
    return kind


def _name(action: Action) -> str:
    if isinstance(action, Patch | Delete):
        return action.target.name
    assert isinstance(action, Create | Update)
    return target(action.object).name
