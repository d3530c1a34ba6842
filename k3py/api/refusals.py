"""What is refused, said in the form that the client reads: a ``Status`` in YAML, too."""

from collections.abc import Awaitable, Callable

from k3py.api.http.messages import Answer, Request, Response, problem_response
from k3py.api.lists import respond
from k3py.api.negotiation import wanted
from k3py.model.errors import NotAcceptable, Problem

Answering = Answer | Awaitable[Answer]


def refusing_in_its_form(request: Request, answer: Callable[[], Answering]) -> Answering:
    """What ``answer`` answers; a problem that it raises becomes an answer in the form that the request asks for."""
    try:
        found = answer()
    except Problem as problem:
        return _refusal(request, problem)
    return _later(request, found) if isinstance(found, Awaitable) else found


async def _later(request: Request, answer: Awaitable[Answer]) -> Answer:
    try:
        return await answer
    except Problem as problem:
        return _refusal(request, problem)


def _refusal(request: Request, problem: Problem) -> Response:
    plain = problem_response(problem)
    try:
        form = wanted(request)
    except NotAcceptable:
        return plain  # there is no form that the client takes
    return respond(plain.status, plain.body, form, plain.headers)
