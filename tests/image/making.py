"""Images made in memory, and a registry that serves them on loopback and misbehaves when told to."""

import base64
import datetime
import gzip
import hashlib
import io
import ipaddress
import json
import ssl
import tarfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import zstandard
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from k3py.image.manifest import DOCKER_MANIFEST, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, this_platform

HERE = this_platform()


@dataclass(frozen=True)
class Member:
    """One tar member; ``xattrs`` by name."""

    name: str
    kind: bytes = tarfile.REGTYPE
    data: bytes = b""
    mode: int = 0o644
    link: str = ""
    uid: int = 0
    gid: int = 0
    device: tuple[int, int] = (0, 0)
    xattrs: Mapping[str, bytes] = field(default_factory=dict)
    mtime: float = 1_700_000_000


def file(name: str, data: bytes = b"x", mode: int = 0o644, **more: Any) -> Member:
    return Member(name, data=data, mode=mode, **more)


def folder(name: str, mode: int = 0o755, **more: Any) -> Member:
    return Member(name, tarfile.DIRTYPE, mode=mode, **more)


def symlink(name: str, link: str) -> Member:
    return Member(name, tarfile.SYMTYPE, mode=0o777, link=link)


def hard_link(name: str, link: str) -> Member:
    return Member(name, tarfile.LNKTYPE, link=link)


def tar_of(*members: Member) -> bytes:
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for member in members:
            info = tarfile.TarInfo(member.name)
            info.type, info.mode, info.linkname = member.kind, member.mode, member.link
            info.uid, info.gid, info.mtime = member.uid, member.gid, member.mtime
            info.devmajor, info.devminor = member.device
            info.size = len(member.data)
            info.pax_headers = {
                f"SCHILY.xattr.{k}": v.decode("utf-8", "surrogateescape") for k, v in member.xattrs.items()
            }
            archive.addfile(info, io.BytesIO(member.data))
    return output.getvalue()


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass(frozen=True)
class Layer:
    data: bytes
    diff_id: str
    media_type: str


def layer(*members: Member, compression: str = "gzip") -> Layer:
    return packed(tar_of(*members), compression)


def packed(plain: bytes, compression: str = "gzip") -> Layer:
    data = {
        "gzip": lambda: gzip.compress(plain, 1, mtime=0),
        "zstd": lambda: zstandard.compress(plain, 1),
        "": lambda: plain,
    }[compression]()
    suffix = f"+{compression}" if compression else ""
    return Layer(data, digest(plain), f"application/vnd.oci.image.layer.v1.tar{suffix}")


def descriptor(data: bytes, media_type: str) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest(data), "size": len(data)}


@dataclass
class Made:
    """An image: its manifest, and all blobs (and manifests of an index) by digest."""

    manifest: bytes
    media_type: str
    blobs: dict[str, bytes]
    documents: dict[str, tuple[bytes, str]]

    @property
    def digest(self) -> str:
        return digest(self.manifest)


def image(
    *layers: Layer,
    config: Mapping[str, Any] | None = None,
    architecture: str = HERE.architecture,
    media_type: str = OCI_MANIFEST,
    diff_ids: Sequence[str] | None = None,
) -> Made:
    configuration = json.dumps({
        "architecture": architecture,
        "os": "linux",
        "config": dict(config or {}),
        "rootfs": {"type": "layers", "diff_ids": list(diff_ids or [each.diff_id for each in layers])},
    }).encode()  # fmt: skip
    manifest = json.dumps({
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": descriptor(configuration, OCI_CONFIG),
        "layers": [descriptor(each.data, each.media_type) for each in layers],
    }).encode()  # fmt: skip
    blobs = {digest(each.data): each.data for each in layers} | {digest(configuration): configuration}
    return Made(manifest, media_type, blobs, {digest(manifest): (manifest, media_type)})


def docker_image(*layers: Layer) -> Made:
    return image(*layers, media_type=DOCKER_MANIFEST)


def index(images: Mapping[str, Made]) -> Made:
    """A multi-platform image; keys are ``architecture`` or ``architecture/variant``."""
    entries = []
    for platform, made in images.items():
        architecture, _, variant = platform.partition("/")
        described: dict[str, Any] = descriptor(made.manifest, made.media_type)
        described["platform"] = {"os": "linux", "architecture": architecture}
        if variant:
            described["platform"]["variant"] = variant
        entries.append(described)
    data = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()
    blobs = {k: v for made in images.values() for k, v in made.blobs.items()}
    documents = {k: v for made in images.values() for k, v in made.documents.items()}
    return Made(data, OCI_INDEX, blobs, documents | {digest(data): (data, OCI_INDEX)})


def oci_layout(images: Mapping[str, Made], annotation: str = "io.containerd.image.name") -> dict[str, bytes]:
    """The files of an OCI layout that holds these images under these names."""
    entries = []
    files: dict[str, bytes] = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}'}
    for name, made in images.items():
        described = descriptor(made.manifest, made.media_type)
        if name:
            described["annotations"] = {annotation: name}
        entries.append(described)
        for key, data in made.blobs.items():
            files[f"blobs/{key.replace(':', '/')}"] = data
        for key, (data, _) in made.documents.items():
            files[f"blobs/{key.replace(':', '/')}"] = data
    files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": entries}).encode()
    return files


@dataclass
class Asked:
    """One request that the registry saw."""

    path: str
    authorization: str
    range: str
    query: dict[str, list[str]]


class Registry(ThreadingHTTPServer):
    """Serves what was pushed. The fields say how it misbehaves; ``asked`` is what it saw, in order.

    The blob ``held`` is not answered before the ``gate`` is opened; ``waiting`` says that somebody asked for it.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.tags: dict[tuple[str, str], str] = {}
        self.documents: dict[str, tuple[bytes, str]] = {}
        self.blobs: dict[str, bytes] = {}
        self.asked: list[Asked] = []
        self.user: tuple[str, str] | None = None
        self.token: str = ""
        self.realm = ""
        self.redirect_blobs_to = ""
        self.breaks: dict[str, list[int]] = {}
        self.honours_ranges = True
        self.refuses: list[int] = []
        self.held = ""
        self.gate = threading.Event()
        self.waiting = threading.Event()
        self.bodies: list[str] = []

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def push(self, repository: str, tag: str, made: Made) -> str:
        """The name under which the image can be pulled."""
        self.tags[repository, tag] = made.digest
        self.documents |= made.documents
        self.blobs |= made.blobs
        return f"{self.host}/{repository}:{tag}"

    def blob_requests(self) -> list[str]:
        return [asked.path.rpartition("/")[2] for asked in self.asked if "/blobs/" in asked.path]


@contextmanager
def registry() -> Iterator[Registry]:
    server = Registry()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.gate.set()
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def tls_registry(folder: Path) -> Iterator[tuple[Registry, Path]]:
    """A registry with a certificate of its own making, and a registries.yaml that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = folder / "registry.pem"
    pem.write_bytes(_self_signed(key) + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with registry() as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        settings = folder / "registries.yaml"
        settings.write_text(f"configs: {{'{server.host}': {{tls: {{ca_file: {pem}}}}}}}")
        yield server, settings


def _self_signed(key: ec.EllipticCurvePrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "registry")])
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    return (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - day, now + day)
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.PEM)
    )


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Registry

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", 0))
        self.server.bodies.append(self.rfile.read(length).decode())
        self.answer_token(self.server.bodies[-1])

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        header = self.headers.get
        asked = Asked(url.path, header("authorization", ""), header("range", ""), parse_qs(url.query))
        self.server.asked.append(asked)
        if self.server.refuses:
            self.reply(self.server.refuses.pop(0), b'{"errors":[{"code":"OUT","message":"of order"}]}')
        elif url.path == "/token":
            self.answer_token(url.query)
        elif not self.admitted():
            self.challenge()
        elif "/manifests/" in url.path:
            self.answer_manifest(url.path)
        elif "/blobs/" in url.path:
            self.answer_blob(url.path)
        else:
            self.reply(404, b"")

    def expected(self) -> str:
        user, password = self.server.user or ("", "")
        return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    def admitted(self) -> bool:
        if self.server.token:
            return self.headers.get("authorization") == f"Bearer {self.server.token}"
        return self.server.user is None or self.headers.get("authorization") == self.expected()

    def challenge(self) -> None:
        if self.server.token:
            realm = self.server.realm or f"http://{self.server.host}/token"
            way = f'Bearer realm="{realm}",service="here",scope="repository:t/app:pull"'
        else:
            way = 'Basic realm="here"'
        self.reply(401, b'{"errors":[{"code":"UNAUTHORIZED","message":"who are you"}]}', {"WWW-Authenticate": way})

    def answer_token(self, query: str) -> None:
        refreshes = "refresh_token=fresh" in query
        if self.server.user is not None and not refreshes and self.headers.get("authorization") != self.expected():
            self.reply(401, b"{}")
        else:
            self.reply(200, json.dumps({"token": self.server.token, "expires_in": 300}).encode())

    def answer_manifest(self, path: str) -> None:
        repository, _, target = path.removeprefix("/v2/").partition("/manifests/")
        found = self.server.documents.get(self.server.tags.get((repository, target), target))
        if found is None:
            self.reply(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}')
        else:
            self.reply(200, found[0], {"Content-Type": found[1]})

    def answer_blob(self, path: str) -> None:
        wanted = path.rpartition("/")[2]
        if self.server.redirect_blobs_to:
            self.reply(307, b"", {"Location": f"{self.server.redirect_blobs_to}{self.path}"})
            return
        data = self.server.blobs.get(wanted)
        if data is None:
            self.reply(404, b"")
            return
        if wanted == self.server.held:
            self.server.waiting.set()
            self.server.gate.wait(30)
        start = int(self.headers.get("range", "bytes=0-")[6:-1]) if self.server.honours_ranges else 0
        more = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if start else {}
        cut = self.server.breaks.get(wanted)
        self.reply(206 if start else 200, data[start:], more, cut.pop(0) if cut else None)

    def reply(self, status: int, body: bytes, headers: Mapping[str, str] | None = None, cut: int | None = None) -> None:
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body if cut is None else body[:cut])
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        if cut is not None:
            self.close_connection = True
