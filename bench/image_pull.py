"""How long a pull takes: k3py against `podman pull`, same image, same registry, both stores on tmpfs.

    python bench/image_pull.py [--rounds 5] [--files 9000] [--output result.json]

A generated image (about 70 MB compressed, 9,000 files, half text, half binaries, two layers) is put into Debian's
docker-registry on loopback. Each round pulls it with either tool into an empty store, in turn; each in its own
process, so interpreter and program start are in the figures. Needs root, `podman` and `docker-registry`. Prints JSON:
seconds per round, medians, and their ratio.
"""

import argparse
import gzip
import hashlib
import io
import json
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

FOLDER_ON_TMPFS = "/dev/shm"
REPOSITORY = "bench/image"
PULL = """
import asyncio, sys
from pathlib import Path
from k3py.image.service import Images
asyncio.run(Images(Path(sys.argv[1])).pull(sys.argv[2]))
"""
REGISTRY_CONFIG = """
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {folder}/registry}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


def layer(files: int, source: random.Random) -> bytes:
    """A plain layer: a tree of files between 200 bytes and some hundred KB, sizes as in /usr, every second one text."""
    words = [bytes(source.choices(b"abcdefghijklmnopqrstuvwxyz_", k=source.randint(2, 12))) for _ in range(4000)]
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for number in range(files):
            size = min(int(source.lognormvariate(8.2, 1.75)) + 200, 2_000_000)
            if number % 2:
                text = b" ".join(source.choices(words, k=min(size, 60_000) // 7 + 1))
                data = (text * (size // len(text) + 1))[:size]
            else:
                noise = source.randbytes(size // 2)
                data = noise + bytes(size - len(noise))
            info = tarfile.TarInfo(f"usr/lib/d{number % 97}/e{number % 13}/file-{number}")
            info.size, info.mode, info.mtime = len(data), 0o755 if number % 7 == 0 else 0o644, 1_700_000_000
            archive.addfile(info, io.BytesIO(data))
    return output.getvalue()


def push(base: str, files: int, seed: int) -> dict[str, int]:
    """Make the image and put it into the registry; its measures."""
    source = random.Random(seed)
    plain = [layer(files * 3 // 4, source), layer(files - files * 3 // 4, source)]
    packed = [gzip.compress(each, 6, mtime=0) for each in plain]
    with httpx.Client(base_url=base, timeout=120) as client:
        config = json.dumps({
            "architecture": "amd64", "os": "linux", "config": {"Cmd": ["sh"]},
            "rootfs": {"type": "layers", "diff_ids": [digest(each) for each in plain]},
        }).encode()  # fmt: skip
        for blob in (config, *packed):
            started = client.post(f"/v2/{REPOSITORY}/blobs/uploads/")
            location = httpx.URL(base).join(started.headers["location"]).copy_merge_params({"digest": digest(blob)})
            client.put(location, content=blob).raise_for_status()
        kind = "application/vnd.oci.image.manifest.v1+json"
        manifest: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": kind,
            "config": descriptor(config, "application/vnd.oci.image.config.v1+json"),
            "layers": [descriptor(each, "application/vnd.oci.image.layer.v1.tar+gzip") for each in packed],
        }
        url = f"/v2/{REPOSITORY}/manifests/1"
        client.put(url, content=json.dumps(manifest), headers={"Content-Type": kind}).raise_for_status()
    return {"files": files, "bytes": sum(map(len, plain)), "compressed_bytes": sum(map(len, packed))}


def descriptor(data: bytes, media_type: str) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest(data), "size": len(data)}


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@contextmanager
def registry(folder: Path) -> Iterator[str]:
    """A running docker-registry; its base URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = folder / "registry.yml"
    config.write_text(REGISTRY_CONFIG.format(folder=folder, port=port))
    process = subprocess.Popen(
        ["docker-registry", "serve", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        base = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 20
        while True:
            try:
                httpx.get(f"{base}/v2/")
                break
            except httpx.TransportError:
                if time.monotonic() > deadline or process.poll() is not None:
                    raise
                time.sleep(0.05)
        yield base
    finally:
        process.terminate()
        process.wait()


def pull_with_k3py(folder: Path, name: str) -> float:
    """Seconds for one pull into an empty store."""
    store = folder / "k3py"
    try:
        return timed([sys.executable, "-c", PULL, str(store), name])
    finally:
        shutil.rmtree(store)


def pull_with_podman(folder: Path, name: str) -> float:
    """Seconds for one pull into an empty store."""
    store = folder / "podman"
    command = ["podman", f"--root={store}/root", f"--runroot={store}/run", "--storage-driver=overlay"]
    try:
        return timed([*command, "pull", "--quiet", "--tls-verify=false", name])
    finally:
        subprocess.run(["umount", f"{store}/root/overlay"], check=False, capture_output=True)
        shutil.rmtree(store)


def timed(command: list[str]) -> float:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    return round(time.perf_counter() - started, 3)


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description="Time k3py's pull against podman's.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--files", type=int, default=9000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, help="write the JSON here as well")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="k3py-bench-", dir=FOLDER_ON_TMPFS))
    try:
        with registry(folder) as base:
            measures = push(base, arguments.files, arguments.seed)
            name = f"{base.removeprefix('http://')}/{REPOSITORY}:1"
            ours, theirs = [], []
            for _ in range(arguments.rounds):
                ours.append(pull_with_k3py(folder, name))
                theirs.append(pull_with_podman(folder, name))
    finally:
        shutil.rmtree(folder)
    medians = statistics.median(ours), statistics.median(theirs)
    result = {
        "benchmark": "image_pull",
        "image": measures,
        "k3py_seconds": ours,
        "podman_seconds": theirs,
        "k3py_median_seconds": medians[0],
        "podman_median_seconds": medians[1],
        "k3py_to_podman": round(medians[0] / medians[1], 3),
    }
    text = json.dumps(result, indent=2)
    if arguments.output is not None:
        arguments.output.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
