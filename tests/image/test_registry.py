"""Pulls from a registry on loopback that asks for credentials, redirects, breaks off and lies."""

import asyncio
import os
from pathlib import Path

import pytest

from k3py.image.auth import Credential
from k3py.image.errors import (
    AccessDenied,
    CorruptImage,
    ImageNotFound,
    ImageTooLarge,
    InvalidConfiguration,
    RegistryUnavailable,
    UnsupportedImage,
)
from k3py.image.image import Image, Progress
from k3py.image.manifest import DOCUMENT_BYTES_MAX, Platform
from k3py.image.registries import Endpoint, TlsSettings
from k3py.image.registry import (
    ATTEMPTS_MAX,
    PROGRESS_BYTES_MIN,
    REDIRECTS_MAX,
    RegistryClient,
    open_client,
)
from k3py.image.service import Images
from k3py.image.unpack import Limits
from tests.image.making import (
    HERE,
    Made,
    Registry,
    digest,
    docker_image,
    file,
    image,
    index,
    layer,
    registry,
    tls_registry,
)

SMALL = layer(file("a", b"small"))
LARGE = layer(file("b", os.urandom(400_000)))
LARGE_DIGEST = digest(LARGE.data).removeprefix("sha256:")


def images_below(folder: Path, **more: object) -> Images:
    return Images(folder / "store", retry_delay_seconds=0.001, **more)  # type: ignore[arg-type]


def pull(folder: Path, name: str, *credentials: Credential, **more: object) -> Image:
    return asyncio.run(images_below(folder, **more).pull(name, credentials))


def test_an_image_comes_with_its_configuration_and_layers(folder_on_tmpfs: Path) -> None:
    made = image(SMALL, LARGE, config={
        "Entrypoint": ["/e"], "Cmd": ["c"], "Env": ["A=b"], "User": "7:8", "WorkingDir": "/w", "StopSignal": "SIGINT",
        "ExposedPorts": {"80/tcp": {}}, "Volumes": {"/v": {}}, "Labels": {"l": "m"},
    })  # fmt: skip
    with registry() as server:
        name = server.push("t/app", "1", made)
        seen: list[Progress] = []
        images = images_below(folder_on_tmpfs)
        got = asyncio.run(images.pull(name, on_progress=seen.append))
    assert got == images.find(name)
    assert (got.names, got.digest) == ((name,), made.digest)
    assert got.repository_digests == [f"{server.host}/t/app@{made.digest}"]
    assert [(path / each).exists() for path, each in zip(got.layers, "ab", strict=True)] == [True, True]
    assert got.size == 5 + 400_000
    config = got.config
    assert (config.entrypoint, config.cmd, config.env, config.user) == (("/e",), ("c",), ("A=b",), "7:8")
    assert (config.working_dir, config.stop_signal, config.exposed_ports) == ("/w", "SIGINT", ("80/tcp",))
    assert (config.volumes, config.labels) == (("/v",), {"l": "m"})
    total = len(SMALL.data) + len(LARGE.data)
    assert (seen[0], seen[-1]) == (Progress(2, 0, total, 0), Progress(2, 2, total, total))
    assert len(seen) < 10


def test_docker_media_types_tags_digests_and_ids_all_lead_to_the_image(folder_on_tmpfs: Path) -> None:
    with registry() as server:
        name = server.push("t/app", "latest", docker_image(SMALL))
        by_digest = f"{server.host}/t/app@{docker_image(SMALL).digest}"
        got = pull(folder_on_tmpfs, by_digest)
        images = images_below(folder_on_tmpfs)
        assert images.find(name) is None
        again = asyncio.run(images.pull(name))
    assert again.names == (name, by_digest)
    for each in (name, name.removesuffix(":latest"), by_digest, got.id, got.id.removeprefix("sha256:")):
        found = images.find(each)
        assert found is not None
        assert found.id == got.id
    assert images.find(f"{server.host}/t/other@{got.digest}") is None


def test_the_platform_of_this_node_is_chosen(folder_on_tmpfs: Path) -> None:
    other = image(LARGE, architecture="s390x")
    with registry() as server:
        name = server.push("t/app", "1", index({"s390x": other, HERE.architecture: image(SMALL)}))
        got = pull(folder_on_tmpfs, name)
        assert (got.layers[0] / "a").exists()
        assert got.digest == server.tags["t/app", "1"]
        assert images_below(folder_on_tmpfs).find(f"{server.host}/t/app@{image(SMALL).digest}") is not None
        with pytest.raises(UnsupportedImage, match=r"no variant for linux/riscv64, only linux/.*, linux/s390x"):
            pull(folder_on_tmpfs, name, platform=Platform("linux", "riscv64"))
        with pytest.raises(UnsupportedImage, match="it is for linux/s390x"):
            pull(folder_on_tmpfs, server.push("t/app", "2", other))


def test_what_is_not_there_is_not_found(folder_on_tmpfs: Path) -> None:
    with registry() as server:
        message = (
            f"cannot pull {server.host}/t/app:1: {server.host} has no such image: MANIFEST_UNKNOWN manifest unknown"
        )
        with pytest.raises(ImageNotFound, match=message.replace(".", r"\.")) as caught:
            pull(folder_on_tmpfs, f"{server.host}/t/app:1")
    assert caught.value.reason == "ErrImagePull"
    with pytest.raises(RegistryUnavailable, match=f"cannot reach {server.host}") as gone:
        pull(folder_on_tmpfs, f"{server.host}/t/app:1")
    assert gone.value.reason == "RegistryUnavailable"


BOB = ("bob", "secret")


def test_basic_credentials_are_tried_in_turn(folder_on_tmpfs: Path) -> None:
    with registry() as server:
        server.user = BOB
        name = server.push("t/app", "1", image(SMALL))
        with pytest.raises(AccessDenied, match=f"{server.host} gives no access to t/app without credentials"):
            pull(folder_on_tmpfs, name)
        with pytest.raises(AccessDenied, match="with these credentials: UNAUTHORIZED who are you"):
            pull(folder_on_tmpfs, name, Credential(server.host, "bob", "wrong"))
        with pytest.raises(AccessDenied, match="without credentials"):
            pull(folder_on_tmpfs, name, Credential("elsewhere.example", *BOB))
        assert {asked.authorization for asked in server.asked} == {"", Credential("", "bob", "wrong").basic}
        pull(folder_on_tmpfs, name, Credential(f"{server.host}/t", "bob", "wrong"), Credential(server.host, *BOB))


def test_a_token_is_fetched_once_and_used_for_all(folder_on_tmpfs: Path) -> None:
    with registry() as server:
        server.user, server.token = BOB, "jwt"
        name = server.push("t/app", "1", image(SMALL, LARGE))
        pull(folder_on_tmpfs, name, Credential(server.host, *BOB))
        [token] = [asked for asked in server.asked if asked.path == "/token"]
        assert token.query == {"service": ["here"], "scope": ["repository:t/app:pull"]}
        assert token.authorization == Credential("", *BOB).basic
        assert all(asked.authorization in ("", "Bearer jwt") for asked in server.asked if asked is not token)
        with pytest.raises(AccessDenied, match=r"its token server 127.0.0.1 answers 401"):
            pull(folder_on_tmpfs, name, Credential(server.host, "bob", "wrong"))


def test_an_anonymous_token_and_an_identity_token_work(folder_on_tmpfs: Path) -> None:
    with registry() as server:
        server.token = "jwt"
        name = server.push("t/app", "1", image(SMALL))
        pull(folder_on_tmpfs, name)
        server.user = BOB
        pull(folder_on_tmpfs, name, Credential(server.host, identity_token="fresh"))
        assert "grant_type=refresh_token" in server.bodies[0]
        pull(folder_on_tmpfs, name, Credential(server.host, registry_token="jwt"))


class _Clock:
    """A clock that a test moves."""

    seconds = 0.0

    def now(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        return self.seconds


def test_a_token_is_renewed_before_it_ends() -> None:
    async def story(server: Registry) -> None:
        clock = _Clock()
        endpoint = Endpoint(f"http://{server.host}/v2", "t/app")
        async with open_client(TlsSettings()) as http:
            client = RegistryClient(endpoint, None, http, clock)
            # The server's tokens live 300 seconds, of which the last 10 are not used.
            for clock.seconds in (0.0, 290.0, 291.0):
                await client.document("1")

    with registry() as server:
        server.token = "jwt"
        server.push("t/app", "1", image(SMALL))
        asyncio.run(story(server))
        asked = [each.path.rpartition("/")[2] for each in server.asked]
    assert asked == ["1", "token", "1", "1", "1", "token", "1"]


def test_a_proxy_is_not_asked_for_what_is_on_this_machine(
    folder_on_tmpfs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    with registry() as server:
        pull(folder_on_tmpfs, server.push("t/app", "1", image(SMALL)))


def test_a_token_server_without_tls_is_for_plain_registries_only(folder_on_tmpfs: Path) -> None:
    with tls_registry(folder_on_tmpfs) as (server, settings):
        server.user, server.token, server.realm = BOB, "jwt", "http://127.0.0.1:9/token"
        name = server.push("t/app", "1", image(SMALL))
        with pytest.raises(AccessDenied, match=r"its token server '127.0.0.1' is not on https"):
            pull(folder_on_tmpfs, name, Credential(server.host, *BOB), registries_file=settings)


def test_credentials_do_not_follow_a_redirect_to_another_host(folder_on_tmpfs: Path) -> None:
    with registry() as server, registry() as storage:
        server.user = BOB
        name = server.push("t/app", "1", image(SMALL))
        storage.blobs = server.blobs
        server.redirect_blobs_to = f"http://{storage.host}"
        pull(folder_on_tmpfs, name, Credential(server.host, *BOB))
        assert len(storage.asked) == 2
        assert {asked.authorization for asked in storage.asked} == {""}
        storage.user = BOB
        with pytest.raises(AccessDenied):
            pull(folder_on_tmpfs / "x", name, Credential(server.host, *BOB), Credential(storage.host, *BOB))
        assert {asked.authorization for asked in storage.asked} == {""}


def test_an_endless_redirect_ends(folder_on_tmpfs: Path) -> None:
    with registry() as server:
        name = server.push("t/app", "1", image(SMALL))
        server.redirect_blobs_to = f"http://{server.host}"
        with pytest.raises(RegistryUnavailable, match=f"redirects more than {REDIRECTS_MAX} times"):
            pull(folder_on_tmpfs, name)


@pytest.mark.parametrize("honours_ranges", [True, False])
def test_a_broken_download_goes_on_where_it_stopped(folder_on_tmpfs: Path, honours_ranges: bool) -> None:
    with registry() as server:
        name = server.push("t/app", "1", image(LARGE))
        server.honours_ranges = honours_ranges
        server.breaks[f"sha256:{LARGE_DIGEST}"] = [100_000, 100_000 if honours_ranges else 250_000, 0]
        got = pull(folder_on_tmpfs, name)
        ranges = [asked.range for asked in server.asked if asked.path.endswith(LARGE_DIGEST)]
    second = 200_000 if honours_ranges else 250_000
    assert ranges == ["", "bytes=100000-", f"bytes={second}-", f"bytes={second}-"]
    assert (got.layers[0] / "b").stat().st_size == 400_000


def test_a_registry_that_keeps_breaking_off_is_given_up(folder_on_tmpfs: Path) -> None:
    with registry() as server:
        name = server.push("t/app", "1", image(LARGE))
        server.breaks[f"sha256:{LARGE_DIGEST}"] = [PROGRESS_BYTES_MIN - 1, 1, 1, 1, 1, 1, 1]
        with pytest.raises(RegistryUnavailable, match="cannot pull"):
            pull(folder_on_tmpfs, name)
        assert len([a for a in server.asked if a.path.endswith(LARGE_DIGEST)]) == ATTEMPTS_MAX


def test_a_registry_out_of_order_is_asked_again_but_not_for_ever(folder_on_tmpfs: Path) -> None:
    with registry() as server:
        name = server.push("t/app", "1", image(SMALL))
        server.refuses = [503, 429, 500]
        pull(folder_on_tmpfs, name)
        server.refuses = [503] * 10
        with pytest.raises(RegistryUnavailable, match=f"{server.host} answers 503: OUT of order"):
            pull(folder_on_tmpfs, name)
        assert len(server.refuses) == 10 - ATTEMPTS_MAX
        server.refuses = [418] * 2
        with pytest.raises(RegistryUnavailable, match="answers 418"):
            pull(folder_on_tmpfs, name)
        assert server.refuses == [418]


def lie(server: Registry, made: Made, replacement: bytes) -> str:
    """Push an image, but serve other bytes for its layer."""
    name = server.push("t/app", "1", made)
    server.blobs[f"sha256:{LARGE_DIGEST}"] = replacement
    return name


def test_wrong_bytes_are_refused_and_leave_nothing(folder_on_tmpfs: Path) -> None:
    other = layer(file("b", os.urandom(400_000))).data
    with registry() as server:
        for replacement, said in (
            (LARGE.data + b"\0", "is larger than its"),
            (other[: len(LARGE.data)].ljust(len(LARGE.data), b"\0"), "has other bytes|damaged|early|behind"),
        ):
            with pytest.raises(CorruptImage, match=said):
                pull(folder_on_tmpfs, lie(server, image(LARGE), replacement))
        server.blobs[f"sha256:{LARGE_DIGEST}"] = LARGE.data[:-1]
        with pytest.raises(RegistryUnavailable, match="closed early"):
            pull(folder_on_tmpfs, f"{server.host}/t/app:1")
    store = folder_on_tmpfs / "store"
    assert [list((store / each).iterdir()) for each in ("layers", "work", "blobs")] == [[], [], []]


def test_a_wrong_diff_id_is_refused(folder_on_tmpfs: Path) -> None:
    with registry() as server:
        name = server.push("t/app", "1", image(SMALL, diff_ids=["sha256:" + "0" * 64]))
        with pytest.raises(CorruptImage, match=f"a layer has the diff id {SMALL.diff_id}, its image says sha256:000"):
            pull(folder_on_tmpfs, name)


def test_a_manifest_of_another_digest_is_refused(folder_on_tmpfs: Path) -> None:
    with registry() as server:
        server.push("t/app", "1", image(SMALL))
        server.documents[image(LARGE).digest] = server.documents[image(SMALL).digest]
        with pytest.raises(CorruptImage, match="with a manifest of digest"):
            pull(folder_on_tmpfs, f"{server.host}/t/app@{image(LARGE).digest}")


def test_an_image_beyond_a_bound_is_refused_before_it_is_loaded(folder_on_tmpfs: Path) -> None:
    with registry() as server:
        name = server.push("t/app", "1", image(LARGE))
        with pytest.raises(ImageTooLarge, match=r"its layers have .* bytes, more than 1000"):
            pull(folder_on_tmpfs, name, limits=Limits(image_bytes_max=1000))
        assert LARGE_DIGEST not in server.blob_requests()
        server.documents[server.tags["t/app", "1"]] = (b" " * (DOCUMENT_BYTES_MAX + 1), "")
        with pytest.raises(ImageTooLarge, match=f"more than {DOCUMENT_BYTES_MAX} bytes"):
            pull(folder_on_tmpfs, name)


def test_mirrors_are_asked_first_and_the_registry_when_they_fail(folder_on_tmpfs: Path) -> None:
    settings = folder_on_tmpfs / "registries.yaml"
    with registry() as server, registry() as mirror:
        name = server.push("t/app", "1", image(SMALL))
        mirror.push("copies/app", "1", image(LARGE))
        mirror.user = BOB
        text = f"""
mirrors:
  {server.host}:
    endpoint: ["http://127.0.0.1:1", "http://{mirror.host}"]
    rewrite: {{"^t/": "copies/"}}
configs: {{"{mirror.host}": {{auth: {{username: bob, password: secret}}}}}}
"""
        settings.write_text(text)
        images = images_below(folder_on_tmpfs, registries_file=settings)
        got = asyncio.run(images.pull(name, [Credential(server.host, "own", "secret")]))
        assert (got.layers[0] / "b").exists()
        assert got.names == (name,)
        assert {tuple(asked.query["ns"]) for asked in mirror.asked} == {(server.host,)}
        assert {asked.authorization for asked in mirror.asked} == {"", Credential("", *BOB).basic}
        settings.write_text(text.replace("secret", "wrong"))
        assert (
            asyncio.run(images_below(folder_on_tmpfs, registries_file=settings).pull(name)).layers[0] / "a"
        ).exists()
        server.documents.clear()
        with pytest.raises(
            ImageNotFound, match=r"no such image.*; before that: .* gives no access .* cannot reach 127.0.0.1:1"
        ):
            asyncio.run(images_below(folder_on_tmpfs, registries_file=settings).pull(name))


def test_tls_needs_a_known_certificate(folder_on_tmpfs: Path) -> None:
    with tls_registry(folder_on_tmpfs) as (server, settings):
        name = server.push("t/app", "1", image(SMALL))
        pull(folder_on_tmpfs, name, registries_file=settings)
        settings.write_text(f"configs: {{'{server.host}': {{tls: {{insecure_skip_verify: true}}}}}}")
        pull(folder_on_tmpfs, name, registries_file=settings)
        settings.write_text(f"mirrors: {{'{server.host}': {{endpoint: ['https://{server.host}']}}}}")
        with pytest.raises(RegistryUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
            pull(folder_on_tmpfs, name, registries_file=settings)
        settings.write_text(f"configs: {{'{server.host}': {{tls: {{ca_file: /nowhere.pem}}}}}}")
        with pytest.raises(InvalidConfiguration, match="cannot use the TLS files"):
            pull(folder_on_tmpfs, name, registries_file=settings)
        with registry() as plain:
            plain.blobs, server.redirect_blobs_to = server.blobs, f"http://{plain.host}"
            settings.write_text(f"configs: {{'{server.host}': {{tls: {{insecure_skip_verify: true}}}}}}")
            with pytest.raises(RegistryUnavailable, match="from https down to http: refused"):
                pull(folder_on_tmpfs, name, registries_file=settings)
