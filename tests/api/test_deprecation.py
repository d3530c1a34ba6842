"""Kinds that are going say so, whatever is asked and however it ends."""

import asyncio
from collections.abc import Awaitable

import pytest

from k3py.api.deprecation import DEPRECATED, saying
from k3py.api.http.messages import Answer, Response
from k3py.model.errors import MethodNotAllowed, not_found
from k3py.model.generated import core_v1

SAID = DEPRECATED[core_v1.Endpoints]
WARNING = ("Warning", f'299 - "{SAID}"')


def _refused() -> Answer:
    raise not_found("endpoints", "", "e")


async def _refused_later() -> Answer:
    raise not_found("endpoints", "", "e")


def _not_asked() -> Answer:
    raise MethodNotAllowed


def _headers(answer: Answer | Awaitable[Answer]) -> tuple[int, list[tuple[str, str]]]:
    found = asyncio.run(_waited(answer)) if isinstance(answer, Awaitable) else answer
    assert isinstance(found, Response)
    return found.status, list(found.headers)


async def _waited(answer: Awaitable[Answer]) -> Answer:
    return await answer


def test_an_answer_says_it_before_its_other_headers() -> None:
    assert _headers(saying(SAID, lambda: Response(200, headers=[("X", "1")]))) == (200, [WARNING, ("X", "1")])


def test_a_refusal_says_it_too() -> None:
    assert _headers(saying(SAID, _refused)) == (404, [WARNING])


def test_also_when_it_comes_later() -> None:
    assert _headers(saying(SAID, _refused_later)) == (404, [WARNING])


def test_but_a_method_that_there_is_not_is_nothing_of_the_kind() -> None:
    with pytest.raises(MethodNotAllowed):
        saying(SAID, _not_asked)
