"""Asks the VPC daemon of this node. Acts."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

from k3py.base.paths import Paths
from k3py.cli.app import CONFLICT, FAILED, NOT_FOUND, UNAVAILABLE, USAGE, Failure
from k3py.client.vpc import VpcClient, VpcRefused, VpcUnavailable
from k3py.model import vpc_socket

T = TypeVar("T")
_EXIT_CODES: Final = {
    vpc_socket.BAD_REQUEST: USAGE,
    vpc_socket.NOT_FOUND: NOT_FOUND,
    vpc_socket.VPC_NOT_FOUND: NOT_FOUND,
    vpc_socket.NOT_READY: UNAVAILABLE,
    vpc_socket.CONFLICT: CONFLICT,
}


def socket_path() -> Path:
    """Where this node's VPC daemon listens."""
    return Paths.from_environment().run / "vpc.sock"


def ask(question: Callable[[VpcClient], Awaitable[T]]) -> T:
    """The answer of this node's VPC daemon to one or several requests.

    Raises:
        Failure: it cannot be reached, or refuses.
    """
    with failures():
        return asyncio.run(_ask(question))


async def _ask(question: Callable[[VpcClient], Awaitable[T]]) -> T:
    async with VpcClient(socket_path()) as client:
        return await question(client)


@contextmanager
def failures() -> Iterator[None]:
    """What the client raises as ``Failure``, with the exit code."""
    try:
        yield
    except VpcUnavailable as error:
        raise Failure(f"{error}; 'k3py vpc doctor' says more", UNAVAILABLE) from None
    except VpcRefused as refusal:
        raise Failure(str(refusal), _EXIT_CODES.get(refusal.reason, FAILED)) from None
