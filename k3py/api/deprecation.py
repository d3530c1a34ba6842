"""Kinds that are going: every answer about them says so, also a refusal.

Source: Kubernetes' deprecation policy ("Deprecated API usage warnings").
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from k3py.api.http.messages import Answer, Response, StreamResponse, problem_response
from k3py.api.warning_headers import warning_headers
from k3py.model.errors import MethodNotAllowed, Problem
from k3py.model.generated import core_v1
from k3py.model.struct import Wire

DEPRECATED: Final[Mapping[type[Wire], str]] = {
    core_v1.Endpoints: "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
}


def saying(said: str, answer: Callable[[], Answer | Awaitable[Answer]]) -> Answer | Awaitable[Answer]:
    """What ``answer`` answers, with the warning ``said`` before its other headers.

    Raises:
        MethodNotAllowed: ``answer`` says that there is no such thing to ask.
    """
    try:
        found = answer()
    except MethodNotAllowed:
        raise
    except Problem as problem:
        found = problem_response(problem)
    if isinstance(found, Awaitable):
        return _later(said, found)
    return _with(said, found)


async def _later(said: str, answer: Awaitable[Answer]) -> Answer:
    try:
        return _with(said, await answer)
    except Problem as problem:
        return _with(said, problem_response(problem))


def _with(said: str, answer: Answer) -> Answer:
    if isinstance(answer, Response | StreamResponse):
        answer.headers = [*warning_headers([said]), *answer.headers]
    return answer
