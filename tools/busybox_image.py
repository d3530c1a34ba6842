"""Make a small OCI image from a static busybox, without any image builder.

    python tools/busybox_image.py busybox.tar [--name docker.io/library/busybox:latest] [--busybox /bin/busybox]

The output is an OCI-layout tar that ``k3py image import`` takes. The binary is that of Debian's package busybox-static,
and must be one for this machine, since it is asked for its applets. Same input, same bytes.
"""

import argparse
import gzip
import hashlib
import io
import json
import platform
import subprocess
import tarfile
from pathlib import Path
from typing import Any

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "riscv64": "riscv64"}
FOLDERS = {
    "bin": 0o755, "dev": 0o755, "etc": 0o755, "home": 0o755, "proc": 0o555, "root": 0o700, "sys": 0o555,
    "tmp": 0o1777, "usr": 0o755, "usr/bin": 0o755, "usr/sbin": 0o755, "sbin": 0o755, "var": 0o755, "var/www": 0o755,
}  # fmt: skip
FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
    "var/www/index.html": "It works\n",
}


def layer(busybox: bytes, applets: list[str]) -> bytes:
    """The plain tar of the root file system: the binary, a link per applet, and the least a system needs."""
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, mode in FOLDERS.items():
            add(archive, name, tarfile.DIRTYPE, mode)
        add(archive, "bin/busybox", tarfile.REGTYPE, 0o755, busybox)
        for applet in sorted(set(applets) - {"busybox"}):
            add(archive, f"bin/{applet}", tarfile.SYMTYPE, 0o777, link="busybox")
        for name, text in FILES.items():
            add(archive, name, tarfile.REGTYPE, 0o644, text.encode())
    return output.getvalue()


def add(archive: tarfile.TarFile, name: str, kind: bytes, mode: int, data: bytes = b"", link: str = "") -> None:
    """Add one member, owned by root, of the year 1970."""
    member = tarfile.TarInfo(name)
    member.type, member.mode, member.size, member.linkname = kind, mode, len(data), link
    archive.addfile(member, io.BytesIO(data))


def layout(root: bytes, name: str, architecture: str) -> bytes:
    """The OCI-layout tar of an image with this one layer."""
    blobs: dict[str, bytes] = {}

    def blob(data: bytes, media_type: str) -> dict[str, Any]:
        digest = hashlib.sha256(data).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = data
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}

    config = {
        "architecture": architecture,
        "os": "linux",
        "config": {"Cmd": ["sh"], "Env": ["PATH=/bin:/sbin:/usr/bin:/usr/sbin"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(root).hexdigest()}"]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": blob(encode(config), "application/vnd.oci.image.config.v1+json"),
        "layers": [blob(gzip.compress(root, mtime=0), "application/vnd.oci.image.layer.v1.tar+gzip")],
    }
    entry = blob(encode(manifest), "application/vnd.oci.image.manifest.v1+json")
    entry["annotations"] = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name}
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [entry]}
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        add(archive, "oci-layout", tarfile.REGTYPE, 0o644, encode({"imageLayoutVersion": "1.0.0"}))
        add(archive, "index.json", tarfile.REGTYPE, 0o644, encode(index))
        for path, data in blobs.items():
            add(archive, path, tarfile.REGTYPE, 0o644, data)
    return output.getvalue()


def encode(document: dict[str, Any]) -> bytes:
    """JSON, always the same bytes."""
    return json.dumps(document, sort_keys=True).encode()


def main() -> None:
    """Read the command line and write the file."""
    parser = argparse.ArgumentParser(description="Make a small OCI image from a static busybox.")
    parser.add_argument("output", type=Path, help="the tar file to write")
    parser.add_argument("--name", default="docker.io/library/busybox:latest", help="the image's full name")
    parser.add_argument("--busybox", type=Path, default=Path("/bin/busybox"), help="a static busybox")
    arguments = parser.parse_args()
    if not arguments.busybox.exists():
        parser.error(f"cannot find {arguments.busybox}: install the package busybox-static, or use --busybox")
    listed = subprocess.run([arguments.busybox, "--list"], check=True, capture_output=True, text=True)
    root = layer(arguments.busybox.read_bytes(), listed.stdout.split())
    architecture = ARCHITECTURES.get(platform.machine(), platform.machine())
    arguments.output.write_bytes(layout(root, arguments.name, architecture))
    print(f"{arguments.output}: {arguments.name}")


if __name__ == "__main__":
    main()
