"""The cluster's secrets: made once, the same for every server with the token, closed to others."""

import asyncio
import itertools
import stat
from pathlib import Path

import pytest
from cryptography import x509

from k3py.base.clock import SystemClock
from k3py.base.paths import Paths
from k3py.daemons.certificates import ServerCertificate, ensure_admin_kubeconfig, reachable
from k3py.daemons.cluster import CA_BLOB, TOKEN_KEYS_BLOB, Cluster, open_cluster
from k3py.pki.tokens import JoinToken
from k3py.store.blobs import Blobs, MemoryBlobs
from k3py.store.errors import CannotOpen


def _open(blobs: Blobs, root: Path, token: str = "") -> Cluster:
    serials = itertools.count(1)
    return asyncio.run(open_cluster(blobs, Paths.below(root), token, SystemClock(), lambda: next(serials)))


def test_a_restart_finds_the_same_cluster(tmp_path: Path) -> None:
    blobs = MemoryBlobs()
    first, second = _open(blobs, tmp_path), _open(blobs, tmp_path)
    assert first.authority.certificate_pem == second.authority.certificate_pem
    assert first.agent_secret == second.agent_secret != first.server_secret
    paths = Paths.below(tmp_path)
    for path in (paths.server_token, paths.agent_token, paths.server_token.with_name("secret")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    token = JoinToken.parse(paths.agent_token.read_text())
    assert (token.ca_hash, token.secret) == (first.authority.hash, first.agent_secret)


def test_a_second_server_joins_with_the_server_token(tmp_path: Path) -> None:
    blobs = MemoryBlobs()
    first = _open(blobs, tmp_path / "a")
    whole = Paths.below(tmp_path / "a").server_token.read_text().strip()
    second = _open(blobs, tmp_path / "b", whole)
    assert second.authority.certificate_pem == first.authority.certificate_pem
    with pytest.raises(CannotOpen, match="another server token"):
        _open(blobs, tmp_path / "c", "another-secret")


def test_a_wrong_token_does_not_take_the_place_of_the_right_one(tmp_path: Path) -> None:
    blobs = MemoryBlobs()
    first = _open(blobs, tmp_path)
    with pytest.raises(CannotOpen, match="another server token"):
        _open(blobs, tmp_path, "another-secret")
    assert _open(blobs, tmp_path).server_secret == first.server_secret


def test_the_ca_key_is_never_in_the_clear_and_damage_is_noticed(tmp_path: Path) -> None:
    async def story() -> None:
        blobs = MemoryBlobs()
        serials = itertools.count(1)

        async def opened() -> Cluster:
            paths = Paths.below(tmp_path)
            return await open_cluster(blobs, paths, "", SystemClock(), lambda: next(serials))

        await opened()
        kept = await blobs.get(CA_BLOB)
        assert kept is not None
        assert b"PRIVATE KEY" not in kept[0]
        for damaged in (kept[0][:-20] + b'"}', b"{}", kept[0].replace(b"MII", b"MIJ", 1)):
            now = await blobs.get(CA_BLOB)
            assert now is not None
            await blobs.replace(CA_BLOB, damaged, now[1])
            with pytest.raises(CannotOpen, match=CA_BLOB):
                await opened()

    asyncio.run(story())


def test_the_keys_of_tokens_are_made_once_and_sealed(tmp_path: Path) -> None:
    async def story() -> None:
        blobs, serials = MemoryBlobs(), itertools.count(1)

        async def opened() -> Cluster:
            return await open_cluster(blobs, Paths.below(tmp_path), "", SystemClock(), lambda: next(serials))

        first, second = await opened(), await opened()
        assert second.token_keys.verify(first.token_keys.sign(b"who")) == b"who"
        kept = await blobs.get(TOKEN_KEYS_BLOB)
        assert kept is not None
        assert b"PRIVATE KEY" not in kept[0]
        for damaged in (kept[0][:-20] + b'"}', b"{}", b""):
            now = await blobs.get(TOKEN_KEYS_BLOB)
            assert now is not None
            await blobs.replace(TOKEN_KEYS_BLOB, damaged, now[1])
            with pytest.raises(CannotOpen, match=TOKEN_KEYS_BLOB):
                await opened()

    asyncio.run(story())


def test_the_admin_kubeconfig_is_written_when_it_has_to_be(tmp_path: Path) -> None:
    clock = SystemClock()
    cluster, other = _open(MemoryBlobs(), tmp_path / "a"), _open(MemoryBlobs(), tmp_path / "b")
    path = tmp_path / "admin.kubeconfig"
    assert ensure_admin_kubeconfig(path, "https://127.0.0.1:1", cluster.authority, clock)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not ensure_admin_kubeconfig(path, "https://127.0.0.1:1", cluster.authority, clock)
    assert ensure_admin_kubeconfig(path, "https://127.0.0.1:2", cluster.authority, clock)
    assert ensure_admin_kubeconfig(path, "https://127.0.0.1:2", other.authority, clock)
    path.write_text("broken: [")
    assert ensure_admin_kubeconfig(path, "https://127.0.0.1:2", other.authority, clock)


def test_the_servers_certificate_is_renewed_in_place(tmp_path: Path) -> None:
    cluster = _open(MemoryBlobs(), tmp_path)
    certificate = ServerCertificate(cluster.authority, "127.0.0.1", ["api.example"], "10.99.0.1")
    shown = x509.load_pem_x509_certificate(certificate.pem).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    named = {str(each.value) for each in shown.value}
    service = {"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"}
    assert named >= service | {"10.99.0.1", "api.example"}
    before, context = certificate.pem, certificate.context
    assert asyncio.run(certificate.renew()) != before
    assert certificate.context is context


@pytest.mark.parametrize(
    ("bound", "host"),
    [("0.0.0.0", "127.0.0.1"), ("", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]"), ("10.0.0.1", "10.0.0.1"),
     ("api.example", "api.example")],
)  # fmt: skip
def test_how_this_host_reaches_its_own_server(bound: str, host: str) -> None:
    assert reachable(bound) == host
