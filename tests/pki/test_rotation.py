import asyncio
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.base.backoff import Backoff
from k3py.model.errors import Unavailable
from k3py.pki.ca import LIFETIME_SECONDS
from k3py.pki.contexts import client_context, server_context
from k3py.pki.csr import key_pem, new_key
from k3py.pki.errors import BadCertificate
from k3py.pki.identity import node_identity
from k3py.pki.renewal import CHECK_INTERVAL_SECONDS, Renewal
from k3py.pki.rotation import install, keep_fresh
from tests.pki.helpers import NAMES, StoppedClock, authority


@given(st.floats(0, 2e9), st.floats(1, 1e9), st.floats(0, 3e9))
def test_a_certificate_is_due_at_two_thirds_of_its_life(start: float, life: float, now: float) -> None:
    renewal = Renewal(start, start + life)
    assert renewal.not_before < renewal.due < renewal.not_after or life < 1e-3
    assert renewal.is_due(now) == (renewal.wait_seconds(now) == 0)
    assert renewal.wait_seconds(now) <= CHECK_INTERVAL_SECONDS
    assert not renewal.is_expired(now) or renewal.is_due(now)


def test_failed_renewals_are_repeated_and_the_new_dates_count(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = StoppedClock()
    ca = authority(clock)
    start = clock.time
    slept: list[float] = []
    renewed_at: list[float] = []
    outcomes = iter(["away", "away", "good", "good", "end"])

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.time += seconds

    class Enough(Exception):
        pass

    async def renew() -> bytes:
        outcome = next(outcomes)
        if outcome == "away":
            raise Unavailable("the server is away")
        if outcome == "end":
            raise Enough
        renewed_at.append(clock.time - start)
        return ca.issue_client(new_key().public_key(), node_identity("n1"))

    monkeypatch.setattr(asyncio, "sleep", sleep)
    first = ca.issue_client(new_key().public_key(), node_identity("n1"))
    with pytest.raises(Enough):
        asyncio.run(keep_fresh(first, renew, clock, Backoff(random.Random(1), first_seconds=5, seconds_max=60)))
    assert max(slept) <= CHECK_INTERVAL_SECONDS
    two_thirds = LIFETIME_SECONDS * 2 / 3
    assert len(renewed_at) == 2
    assert two_thirds - 400 < renewed_at[0] < two_thirds + 30
    assert two_thirds - 400 < renewed_at[1] - renewed_at[0] < two_thirds + 30


def test_swapping_a_certificate_leaves_standing_connections_alone() -> None:
    """One TLS server; a connection made before the swap goes on, one made after it sees the new certificate."""

    async def story() -> None:
        ca = authority(StoppedClock(time.time()))
        old_key, new_key_ = new_key(), new_key()
        context = server_context(ca.sign_server(old_key.public_key(), NAMES), key_pem(old_key), ca.certificate_pem)

        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while line := await reader.readline():
                writer.write(line)
            writer.close()

        server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        trust = client_context(ca.certificate_pem)

        async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust)
            return reader, writer, writer.get_extra_info("ssl_object").getpeercert(True)

        async def said(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
            writer.write(b"hi\n")
            return await asyncio.wait_for(reader.readline(), 5)

        reader, writer, before = await connect()
        assert await said(reader, writer) == b"hi\n"
        with pytest.raises(BadCertificate):
            install(context, ca.sign_server(old_key.public_key(), NAMES), key_pem(new_key_))
        install(context, ca.sign_server(new_key_.public_key(), NAMES), key_pem(new_key_))
        assert await said(reader, writer) == b"hi\n"
        reader2, writer2, after = await connect()
        assert await said(reader2, writer2) == b"hi\n"
        assert before != after
        for each in (writer, writer2):
            each.close()
        server.close()
        await server.wait_closed()

    asyncio.run(story())


def test_a_context_refuses_what_it_cannot_read() -> None:
    ca = authority()
    with pytest.raises(BadCertificate):
        client_context(b"no certificate")
    with pytest.raises(BadCertificate):
        client_context(ca.certificate_pem, b"no certificate", b"no key")
