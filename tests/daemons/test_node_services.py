"""What a node serves to its pods does not end unnoticed."""

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

from k3py.agent.dns.node import NodeDns
from k3py.base.clock import SystemClock
from k3py.daemons.node_services import NodeServices, server_of


class NoNetwork:
    """A node whose VPC daemon never came."""

    async def known(self) -> None:
        await asyncio.Event().wait()


def test_names_that_end_are_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(self: NodeDns) -> None:
        raise RuntimeError("nobody foresaw this")

    monkeypatch.setattr(NodeDns, "run", broken)

    async def story() -> None:
        network: Any = NoNetwork()
        told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        client: Any = None
        services = NodeServices(
            network, client, "https://server:6443", tmp_path, SystemClock(), random.Random(1), told.set_result
        )
        services.start()
        assert "nobody foresaw this" in await asyncio.wait_for(told, 10)
        await services.stop()

    asyncio.run(story())


def test_where_a_server_is() -> None:
    assert server_of("https://[2001:db8::1]:6443") == ("2001:db8::1", 6443)
    assert server_of("https://server.example") == ("server.example", 443)
