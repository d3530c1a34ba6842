"""The way in over a real TLS connection on loopback."""

import asyncio
import random
import ssl
import stat
import time
from pathlib import Path

import msgspec
import pytest

from k3py.base.clock import SystemClock
from k3py.model.errors import Forbidden, Problem, Unavailable
from k3py.pki.bootstrap import ANSWER_BYTES_MAX, fetch_ca, join
from k3py.pki.ca import CertificateAuthority
from k3py.pki.credentials import NodeCredentials
from k3py.pki.errors import Untrusted
from k3py.pki.identity import identity_of, node_identity
from k3py.pki.join import CA_PATH, JOIN_PATH, RENEW_PATH, JoinRequest, admit_node, decode_join, renew_node
from k3py.pki.tokens import JoinToken, Role, role_of
from tests.pki.helpers import Asked, StoppedClock, authority, https, server_tls

SECRET = "a-very-secret-secret"


class Answers:
    """What a k3py server answers, without a store behind it."""

    def __init__(self, ca: CertificateAuthority) -> None:
        self.ca = ca
        self.known: dict[str, str] = {}

    def __call__(self, asked: Asked) -> tuple[int, bytes]:
        try:
            return self._answer(asked)
        except Problem as problem:
            return problem.code, msgspec.json.encode(problem.status())

    def _answer(self, asked: Asked) -> tuple[int, bytes]:
        if asked.path == CA_PATH:
            return 200, self.ca.certificate_pem
        request = decode_join(asked.body)
        if asked.path == RENEW_PATH:
            assert asked.certificate is not None
            return 200, msgspec.json.encode(renew_node(request, identity_of(asked.certificate), self.ca))
        assert asked.path == JOIN_PATH
        bearer = asked.headers["authorization"].removeprefix("Bearer ")
        role = role_of(bearer, 0, server_secret="", agent_secret=SECRET)
        admission = admit_node(request, role, self.known.get(request.node_name), self.ca)
        self.known[admission.node_name] = admission.node_secret_sha256
        return 200, msgspec.json.encode(admission.answer)


def now_authority() -> CertificateAuthority:
    return authority(StoppedClock(time.time()))


def credentials(folder: Path, name: str = "n1") -> NodeCredentials:
    return NodeCredentials(folder, name, SystemClock(), random.Random(1))


def test_a_node_joins_keeps_its_files_private_and_does_not_ask_twice(tmp_path: Path) -> None:
    async def story() -> None:
        ca = now_authority()
        async with https(server_tls(ca), Answers(ca)) as server:
            token = JoinToken(ca.hash, SECRET)
            first = await credentials(tmp_path).obtain(server.url, token)
            assert [a.path for a in server.asked] == [CA_PATH, JOIN_PATH]
            assert "authorization" not in server.asked[0].headers
            assert b"PRIVATE" not in server.asked[1].body
            again = await credentials(tmp_path).obtain(server.url, token)
            assert again.context()
            assert again.ca_pem == first.ca_pem
            assert len(server.asked) == 2

    asyncio.run(story())
    for file in tmp_path.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_renewal_shows_the_old_certificate_and_installs_the_new_one(tmp_path: Path) -> None:
    async def story() -> None:
        ca = now_authority()
        async with https(server_tls(ca), Answers(ca)) as server:
            node = credentials(tmp_path)
            old = await node.obtain(server.url, JoinToken(ca.hash, SECRET))
            context = old.context()
            new = await node.renew(server.url, context)
            assert new.key_pem != old.key_pem
            await node.renew(server.url, context)
            shown = [a.certificate for a in server.asked[2:]]
            assert shown[0] != shown[1]
            assert {identity_of(c) for c in shown if c} == {node_identity("n1")}

    asyncio.run(story())


def test_a_node_that_slept_through_its_certificates_life_joins_again(tmp_path: Path) -> None:
    async def story() -> None:
        ca = now_authority()
        async with https(server_tls(ca), Answers(ca)) as server:
            token = JoinToken(ca.hash, SECRET)
            old = await credentials(tmp_path).obtain(server.url, token)
            later = NodeCredentials(tmp_path, "n1", StoppedClock(time.time() + 25 * 3600), random.Random(1))
            renewed = await later.renew(server.url, old.context(), token)
            assert renewed.key_pem != old.key_pem
            assert [a.path for a in server.asked[2:]] == [CA_PATH, JOIN_PATH]

    asyncio.run(story())


def test_a_server_with_another_ca_is_told_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        ca, expected = now_authority(), now_authority()
        async with https(server_tls(ca), Answers(ca)) as server:
            with pytest.raises(Untrusted, match="Nothing secret was sent"):
                await credentials(tmp_path).obtain(server.url, JoinToken(expected.hash, SECRET))
            assert [(a.path, a.body) for a in server.asked] == [(CA_PATH, b"")]
            assert SECRET not in str([a.headers for a in server.asked])

    asyncio.run(story())


def test_showing_the_right_ca_is_not_enough_without_its_key(tmp_path: Path) -> None:
    """Somebody in between knows the public CA certificate but has a server certificate of his own making."""

    async def story() -> None:
        real, own = now_authority(), now_authority()
        async with https(server_tls(own), Answers(real)) as server:
            with pytest.raises(Unavailable, match="certificate verify failed"):
                await credentials(tmp_path).obtain(server.url, JoinToken(real.hash, SECRET))
            assert [a.path for a in server.asked] == [CA_PATH]

    asyncio.run(story())


def test_a_certificate_for_other_names_is_not_enough(tmp_path: Path) -> None:
    async def story() -> None:
        ca = now_authority()
        async with https(server_tls(ca, ("elsewhere.example",)), Answers(ca)) as server:
            with pytest.raises(Unavailable):
                await credentials(tmp_path).obtain(server.url, JoinToken(ca.hash, SECRET))
            assert [a.path for a in server.asked] == [CA_PATH]

    asyncio.run(story())


def test_refusals_arrive_in_the_servers_words(tmp_path: Path) -> None:
    async def story() -> None:
        ca = now_authority()
        async with https(server_tls(ca), Answers(ca)) as server:
            token = JoinToken(ca.hash, SECRET)
            await credentials(tmp_path / "one").obtain(server.url, token)
            with pytest.raises(Forbidden, match="another machine has joined"):
                await NodeCredentials(tmp_path / "two", "n1", SystemClock(), random.Random(2)).obtain(server.url, token)

    asyncio.run(story())


@pytest.mark.parametrize(
    ("code", "body", "error"),
    [
        (200, b"nonsense", Untrusted),
        (200, b"", Untrusted),
        (200, b"x" * (ANSWER_BYTES_MAX + 1), Unavailable),
        (500, b"", Unavailable),
        (302, b"", Unavailable),
    ],
)
def test_strange_answers_end_it_before_anything_is_sent(code: int, body: bytes, error: type[Exception]) -> None:
    async def story() -> None:
        ca = now_authority()
        async with https(server_tls(ca), lambda _: (code, body)) as server:
            with pytest.raises(error):
                await fetch_ca(server.url, JoinToken(ca.hash, SECRET))

    asyncio.run(story())


def test_plain_http_and_a_dead_port() -> None:
    token = JoinToken("ab" * 32, SECRET)
    with pytest.raises(Untrusted, match="only https"):
        asyncio.run(fetch_ca("http://127.0.0.1:1", token))
    with pytest.raises(Unavailable, match="cannot reach"):
        asyncio.run(join("https://127.0.0.1:1", token, JoinRequest("n1", "", "")))


def test_kept_credentials_that_do_not_fit_are_not_used(tmp_path: Path) -> None:
    async def story() -> None:
        ca = now_authority()
        async with https(server_tls(ca), Answers(ca)) as server:
            await credentials(tmp_path).obtain(server.url, JoinToken(ca.hash, SECRET))

    asyncio.run(story())
    assert credentials(tmp_path).load() is not None
    assert credentials(tmp_path, "n2").load() is None
    late = NodeCredentials(tmp_path, "n1", StoppedClock(time.time() + 25 * 3600), random.Random(1))
    assert late.load() is None
    (tmp_path / "node.pem").write_bytes(b"half a fi")
    assert credentials(tmp_path).load() is None


def test_the_server_asks_for_certificates_but_does_not_insist() -> None:
    context = server_tls(now_authority())
    assert context.verify_mode is ssl.CERT_OPTIONAL
    assert Role.AGENT.value == "agent"
