"""Reads a kubeconfig (Kubernetes' ``Config`` of ``v1``): which server, and as whom."""

import base64
import binascii
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
import yaml

from k3py.pki.contexts import client_context, load_chain
from k3py.pki.errors import BadCertificate

# One cluster with its certificates has 5 KB.
KUBECONFIG_BYTES_MAX: Final = 1024 * 1024


class KubeconfigError(Exception):
    """The kubeconfig cannot be used; the message says which part of which file and why."""


class _Base(msgspec.Struct, rename="kebab"):
    pass


class _Cluster(_Base):
    server: str = ""
    certificate_authority: str = ""
    certificate_authority_data: str = ""
    insecure_skip_tls_verify: bool = False
    tls_server_name: str = ""


class _User(_Base):
    client_certificate: str = ""
    client_certificate_data: str = ""
    client_key: str = ""
    client_key_data: str = ""
    token: str = ""
    token_file: str = msgspec.field(default="", name="tokenFile")
    username: str = ""
    exec: Any = None
    auth_provider: Any = None


class _Context(_Base):
    cluster: str = ""
    user: str = ""
    namespace: str = ""


class _NamedCluster(_Base):
    name: str
    cluster: _Cluster


class _NamedUser(_Base):
    name: str
    user: _User


class _NamedContext(_Base):
    name: str
    context: _Context


class _Config(_Base):
    clusters: list[_NamedCluster] | None = None
    users: list[_NamedUser] | None = None
    contexts: list[_NamedContext] | None = None
    current_context: str = ""


@dataclass(frozen=True)
class Access:
    """How to reach a cluster. Secrets do not show in ``repr``."""

    server: str
    ca_pem: bytes = b""
    certificate_pem: bytes = b""
    key_pem: bytes = field(default=b"", repr=False)
    token: str = field(default="", repr=False)
    namespace: str = "default"
    insecure: bool = False
    context_name: str = ""

    def tls(self) -> ssl.SSLContext:
        """TLS settings for this access; other servers than ours may speak TLS 1.2 only.

        Raises:
            KubeconfigError: a certificate or key cannot be used.
        """
        try:
            if self.ca_pem and not self.insecure:
                return client_context(self.ca_pem, self.certificate_pem, self.key_pem, ssl.TLSVersion.TLSv1_2)
            context = ssl.create_default_context()
            if self.insecure:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            if self.certificate_pem:
                load_chain(context, self.certificate_pem, self.key_pem)
        except BadCertificate as error:
            raise KubeconfigError(f"cannot use the credentials for {self.server}: {error}") from error
        return context


def load_kubeconfig(path: Path, context: str = "") -> Access:
    """The access that ``context`` (default: the file's current one) of the file at ``path`` describes.

    Raises:
        KubeconfigError: the file or one it names cannot be read, or something in it is missing or not supported.
    """
    data = _read(path, KUBECONFIG_BYTES_MAX)
    try:
        plain = yaml.safe_load(data)
        config = msgspec.convert(plain if plain is not None else {}, _Config)
    except (yaml.YAMLError, msgspec.ValidationError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise KubeconfigError(f"cannot read {path}: it is no kubeconfig: {error}") from error
    name = context or config.current_context
    if not name:
        raise KubeconfigError(f"cannot use {path}: it has no current-context; name one with --context")
    entry = _named(config.contexts, "context", name, path).context
    cluster = _named(config.clusters, "cluster", entry.cluster, path).cluster
    user = _named(config.users, "user", entry.user, path).user if entry.user else _User()
    return _access(name, entry, cluster, user, path)


def _access(name: str, entry: _Context, cluster: _Cluster, user: _User, path: Path) -> Access:
    if not cluster.server.startswith("https://"):
        raise KubeconfigError(f"cannot use cluster {entry.cluster!r} of {path}: its server must be https://...")
    if cluster.tls_server_name:
        raise KubeconfigError(f"cannot use cluster {entry.cluster!r} of {path}: tls-server-name is not supported")
    if user.exec is not None or user.auth_provider is not None or user.username:
        raise KubeconfigError(
            f"cannot use user {entry.user!r} of {path}: only client certificates and tokens are supported"
        )
    certificate = _material(user.client_certificate_data, user.client_certificate, path)
    key = _material(user.client_key_data, user.client_key, path)
    if bool(certificate) != bool(key):
        raise KubeconfigError(f"cannot use user {entry.user!r} of {path}: certificate and key belong together")
    token = user.token
    if user.token_file and not token:
        token = _read(path.parent / user.token_file, KUBECONFIG_BYTES_MAX).decode("latin-1").strip()
    return Access(
        server=cluster.server,
        ca_pem=_material(cluster.certificate_authority_data, cluster.certificate_authority, path),
        certificate_pem=certificate,
        key_pem=key,
        token=token,
        namespace=entry.namespace or "default",
        insecure=cluster.insecure_skip_tls_verify,
        context_name=name,
    )


_Entry = TypeVar("_Entry", _NamedCluster, _NamedUser, _NamedContext)


def _named(entries: list[_Entry] | None, what: str, name: str, path: Path) -> _Entry:
    for entry in entries or ():
        if entry.name == name:
            return entry
    known = ", ".join(sorted(entry.name for entry in entries or ())) or "none"
    raise KubeconfigError(f"cannot find {what} {name!r} in {path}; it has: {known}")


def _material(data: str, file: str, path: Path) -> bytes:
    """PEM from base64 inside the kubeconfig or, without that, from a file named relative to it."""
    if data:
        try:
            return base64.b64decode("".join(data.split()), validate=True)
        except (binascii.Error, ValueError) as error:
            raise KubeconfigError(f"cannot read {path}: certificate data is no base64: {error}") from error
    return _read(path.parent / file, KUBECONFIG_BYTES_MAX) if file else b""


def _read(path: Path, size_max: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(size_max + 1)
    except OSError as error:
        raise KubeconfigError(f"cannot read {path}: {error.strerror}") from error
    if len(data) > size_max:
        raise KubeconfigError(f"cannot read {path}: it has more than {size_max} bytes")
    return data
