"""A real registry on the loopback interface that asks for a password."""

import contextlib
import hashlib
import random
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import yaml

from tests.e2e.cluster import free_port, until

USER, PASSWORD = "reader", "open sesame"


@contextlib.contextmanager
def registry(folder: Path, source: random.Random) -> Iterator[str]:
    """Debian's docker-registry while the block runs; its ``host:port``."""
    port = free_port(source)
    folder.mkdir()
    made = subprocess.run(["htpasswd", "-Bbn", USER, PASSWORD], check=True, capture_output=True)
    (folder / "passwords").write_bytes(made.stdout)
    (folder / "config.yaml").write_text(
        yaml.safe_dump(
            {
                "version": 0.1,
                "log": {"level": "error"},
                "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
                "http": {"addr": f"127.0.0.1:{port}"},
                "auth": {"htpasswd": {"realm": "test", "path": str(folder / "passwords")}},
            }
        )
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(["docker-registry", "serve", str(folder / "config.yaml")], stdout=log, stderr=log)
    try:
        until(lambda: _answers(port), "the registry answers")
        yield f"localhost:{port}"
    finally:
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"http://127.0.0.1:{port}/v2/", trust_env=False).status_code == 401
    return False


def push(place: str, repository: str, tag: str, layout: Path) -> str:
    """Push the only image of an OCI-layout tar (Distribution specification, "Push"); its digest."""
    base = f"http://{place}/v2/{repository}"
    with tarfile.open(layout) as archive, httpx.Client(auth=(USER, PASSWORD), trust_env=False) as client:
        blobs = {each.name: archive.extractfile(each) for each in archive if each.name.startswith("blobs/")}
        manifest = b""
        for file in blobs.values():
            assert file is not None
            data = file.read()
            if b'"layers"' in data[:4096]:
                manifest = data
            digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
            begun = client.post(f"{base}/blobs/uploads/")
            put = client.put(httpx.URL(begun.headers["location"]).copy_merge_params({"digest": digest}), content=data)
            assert put.status_code == 201, put.text
        kind = {"Content-Type": "application/vnd.oci.image.manifest.v1+json"}
        put = client.put(f"{base}/manifests/{tag}", content=manifest, headers=kind)
        assert put.status_code == 201, put.text
    return f"sha256:{hashlib.sha256(manifest).hexdigest()}"
