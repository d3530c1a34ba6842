"""The same against a real registry: Debian's docker-registry with a password file, on loopback."""

import asyncio
import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from k3py.image.auth import parse_docker_config_json
from k3py.image.errors import AccessDenied, ImageNotFound
from k3py.image.service import Images
from tests.image.making import HERE, Made, file, image, index, layer

pytestmark = pytest.mark.skipif(
    shutil.which("docker-registry") is None or shutil.which("htpasswd") is None,
    reason="needs the packages docker-registry and apache2-utils",
)

CONFIG = """
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {folder}/data}}}}
http: {{addr: "127.0.0.1:{port}"}}
auth: {{htpasswd: {{realm: here, path: {folder}/htpasswd}}}}
"""
BOB = ("bob", "se:cret")


@pytest.fixture
def host(folder_on_tmpfs: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    passwords = subprocess.run(["htpasswd", "-nbB", *BOB], check=True, capture_output=True)
    (folder_on_tmpfs / "htpasswd").write_bytes(passwords.stdout)
    config = folder_on_tmpfs / "registry.yml"
    config.write_text(CONFIG.format(folder=folder_on_tmpfs, port=port))
    process = subprocess.Popen(
        ["docker-registry", "serve", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        # The registry says nothing when it is ready; a connection that is retried by the transport does.
        with httpx.Client(transport=httpx.HTTPTransport(retries=7)) as client:
            assert client.get(f"http://127.0.0.1:{port}/v2/").status_code == 401
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def push(host: str, repository: str, tag: str, made: Made) -> str:
    base = f"http://{host}/v2/{repository}"
    with httpx.Client(auth=BOB) as client:
        for digest, data in made.blobs.items():
            started = client.post(f"{base}/blobs/uploads/")
            where = httpx.URL(base).join(started.headers["location"]).copy_merge_params({"digest": digest})
            client.put(where, content=data).raise_for_status()
        for digest, (data, kind) in made.documents.items():
            target = tag if digest == made.digest else digest
            headers = {"Content-Type": kind}
            client.put(f"{base}/manifests/{target}", content=data, headers=headers).raise_for_status()
    return f"{host}/{repository}:{tag}"


def test_a_pull_secret_opens_a_real_registry(folder_on_tmpfs: Path, host: str) -> None:
    zstd, plain = layer(file("z"), compression="zstd"), layer(file("p"), compression="")
    made = index({HERE.architecture: image(layer(file("g")), zstd, plain), "s390x": image(zstd, architecture="s390x")})
    name = push(host, "team/app", "1", made)
    secret = {"auths": {f"{host}/team": {"username": BOB[0], "password": BOB[1]}}}
    credentials = parse_docker_config_json(json.dumps(secret).encode())

    async def story() -> None:
        images = Images(folder_on_tmpfs / "store")
        got = await images.pull(name, credentials)
        assert [next(path.iterdir()).name for path in got.layers] == ["g", "z", "p"]
        assert got.digest == made.digest
        with pytest.raises(AccessDenied, match="without credentials"):
            await images.pull(name)
        with pytest.raises(AccessDenied, match="without credentials"):
            await images.pull(f"{host}/other/app", credentials)
        with pytest.raises(ImageNotFound, match="MANIFEST_UNKNOWN"):
            await images.pull(f"{host}/team/app:2", credentials)

    asyncio.run(story())
