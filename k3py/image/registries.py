"""``registries.yaml``: mirrors, rewrites, credentials and TLS of registries, in the form that K3s reads.

::

    mirrors:
      docker.io:                                   # or "*" for every registry
        endpoint: ["https://mirror.example.com"]   # tried in order, before the registry itself
        rewrite: {"^library/(.*)": "hub/$1"}       # of the repository, at mirrors only
    configs:
      mirror.example.com:                          # host, with its port if it has one
        auth: {username: u, password: p}           # or auth (base64 of u:p), or identity_token
        tls: {ca_file: /ca.pem, cert_file: /c.pem, key_file: /k.pem, insecure_skip_verify: false}

Plain HTTP is used only where an endpoint says ``http://``, and for registries on a loopback address. ``parse`` and
``Registries.endpoints`` decide; ``RegistriesFile`` reads the file again when it has changed.
"""

import ipaddress
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import yaml

from k3py.image.auth import Credential, canonical_host, credential_of
from k3py.image.errors import InvalidConfiguration
from k3py.image.reference import DEFAULT_REGISTRY, Reference

log = logging.getLogger(__name__)

# A file that people write; the YAML reader needs many times its size.
FILE_BYTES_MAX: Final = 1024 * 1024
# Each may cost a connection's timeout before the next is tried.
ENDPOINTS_MAX: Final = 16

_ANY: Final = "*"
_DOCKER_HUB_HOST: Final = "registry-1.docker.io"


@dataclass(frozen=True)
class TlsSettings:
    """Paths of PEM files (empty: the system's CAs, no client certificate) and whether anything is verified at all."""

    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    insecure_skip_verify: bool = False


@dataclass(frozen=True)
class Endpoint:
    """One place to ask for an image: ``base`` is its URL up to and including ``/v2``, without a final slash."""

    base: str
    repository: str
    tls: TlsSettings = TlsSettings()
    credential: Credential | None = None
    namespace: str = ""
    """At a mirror: the registry it stands for, sent as the query parameter ``ns``. Empty at the registry itself."""

    @property
    def host(self) -> str:
        """Host and, if it is given, port."""
        return urlsplit(self.base).netloc


@dataclass(frozen=True)
class _Mirror:
    endpoints: tuple[str, ...]
    rewrites: tuple[tuple[re.Pattern[str], str], ...]


@dataclass(frozen=True)
class _Config:
    credential: Credential | None
    tls: TlsSettings | None


@dataclass(frozen=True)
class Registries:
    """The settings of one file; without any, every registry is asked directly."""

    mirrors: Mapping[str, _Mirror] = field(default_factory=dict)
    configs: Mapping[str, _Config] = field(default_factory=dict)

    def endpoints(self, reference: Reference) -> list[Endpoint]:
        """Where to ask for the image, in order; the registry itself is last, and never left out."""
        found = []
        mirror = self.mirrors.get(reference.registry) or self.mirrors.get(_ANY)
        if mirror is not None:
            repository = _rewritten(reference.repository, mirror.rewrites)
            found = [self._endpoint(url, repository, reference.registry) for url in mirror.endpoints]
        own = self._endpoint(self._own_url(reference.registry), reference.repository, "")
        return [endpoint for endpoint in found if endpoint.base != own.base] + [own]

    def _own_url(self, registry: str) -> str:
        host = _DOCKER_HUB_HOST if registry == DEFAULT_REGISTRY else registry
        config = self._config(host)
        secured = config is not None and config.tls is not None
        return f"{'http' if is_loopback(host) and not secured else 'https'}://{host}"

    def _endpoint(self, url: str, repository: str, namespace: str) -> Endpoint:
        parts = urlsplit(url)
        path = parts.path.rstrip("/") or "/v2"
        config = self._config(parts.netloc) or _Config(None, None)
        return Endpoint(
            base=f"{parts.scheme}://{parts.netloc}{path}",
            repository=repository,
            tls=config.tls or TlsSettings(),
            credential=config.credential,
            namespace=namespace,
        )

    def _config(self, host: str) -> _Config | None:
        return self.configs.get(canonical_host(host))


def is_loopback(host: str) -> bool:
    """Whether a host (with or without port) names this machine: ``localhost``, ``127.0.0.0/8`` or ``::1``."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _rewritten(repository: str, rewrites: tuple[tuple[re.Pattern[str], str], ...]) -> str:
    for pattern, replacement in rewrites:
        if pattern.search(repository):
            return pattern.sub(replacement, repository)
    return repository


def parse(text: bytes) -> Registries:
    """The settings that the file's text means.

    Raises:
        InvalidConfiguration: says which entry is wrong.
    """
    if len(text) > FILE_BYTES_MAX:
        raise InvalidConfiguration(f"cannot read registries.yaml: it is larger than {FILE_BYTES_MAX} bytes")
    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidConfiguration(f"cannot read registries.yaml: {' '.join(str(error).split())}") from None
    document = _mapping({} if document is None else document, "the document")
    unknown = set(document) - {"mirrors", "configs"}
    if unknown:
        raise InvalidConfiguration(f"cannot read registries.yaml: unknown entry {sorted(map(str, unknown))[0]!r}")
    mirrors = _mapping(document.get("mirrors") or {}, "mirrors")
    configs = _mapping(document.get("configs") or {}, "configs")
    return Registries(
        mirrors={str(name): _mirror(name, entry) for name, entry in mirrors.items()},
        configs={canonical_host(str(host)): _config(host, entry) for host, entry in configs.items()},
    )


def _mapping(value: object, what: str) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise InvalidConfiguration(f"cannot read registries.yaml: {what} is no mapping")
    return value


def _mirror(name: object, entry: object) -> _Mirror:
    what = f"mirrors[{name}]"
    fields = _mapping(entry or {}, what)
    endpoints = fields.get("endpoint") or []
    if not isinstance(endpoints, list) or len(endpoints) > ENDPOINTS_MAX:
        raise InvalidConfiguration(
            f"cannot read registries.yaml: {what}.endpoint is no list of at most {ENDPOINTS_MAX} URLs"
        )
    for endpoint in endpoints:
        _check_url(endpoint, what)
    rewrites = []
    for pattern, replacement in _mapping(fields.get("rewrite") or {}, f"{what}.rewrite").items():
        try:
            compiled = re.compile(str(pattern))
            python_form = re.sub(r"\$(\d+|\{\w+\})", lambda m: rf"\g<{m[1].strip('{}')}>", _escaped(str(replacement)))
            compiled.sub(python_form, "")
        except (re.error, IndexError, OverflowError, RecursionError) as error:
            raise InvalidConfiguration(
                f"cannot read registries.yaml: {what}.rewrite {pattern!r} is no rewrite: {error}"
            ) from None
        rewrites.append((compiled, python_form))
    return _Mirror(tuple(endpoints), tuple(rewrites))


def _escaped(replacement: str) -> str:
    return replacement.replace("\\", "\\\\")


def _check_url(endpoint: object, what: str) -> None:
    try:
        parts = urlsplit(endpoint) if isinstance(endpoint, str) else None
        fine = parts is not None and parts.scheme in ("http", "https") and bool(parts.hostname)
        fine = fine and parts is not None and (parts.port is None or parts.port > 0) and "@" not in parts.netloc
    except ValueError:
        fine = False
    if not fine:
        raise InvalidConfiguration(
            f"cannot read registries.yaml: {what}.endpoint {endpoint!r} is no http:// or https:// URL"
        )


def _config(host: object, entry: object) -> _Config:
    what = f"configs[{host}]"
    fields = _mapping(entry or {}, what)
    credential = tls = None
    if fields.get("auth"):
        auth = _mapping(fields["auth"], f"{what}.auth")
        credential = credential_of(str(host), auth, "registries.yaml")
    if fields.get("tls"):
        tls = _tls(_mapping(fields["tls"], f"{what}.tls"), what)
    return _Config(credential, tls)


def _tls(fields: dict[Any, Any], what: str) -> TlsSettings:
    for key in ("ca_file", "cert_file", "key_file"):
        if not isinstance(fields.get(key) or "", str):
            raise InvalidConfiguration(f"cannot read registries.yaml: {what}.tls.{key} is no path")
    skip = fields.get("insecure_skip_verify") or False
    if not isinstance(skip, bool):
        raise InvalidConfiguration(
            f"cannot read registries.yaml: {what}.tls.insecure_skip_verify is neither true nor false"
        )
    return TlsSettings(
        ca_file=fields.get("ca_file") or "",
        cert_file=fields.get("cert_file") or "",
        key_file=fields.get("key_file") or "",
        insecure_skip_verify=skip,
    )


class RegistriesFile:
    """The file's settings of this moment. While it cannot be understood, what it said before goes on to hold."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._current = Registries()

    def current(self) -> Registries:
        """The settings; the file is read again if it has changed since the last call. No file: no settings.

        Raises:
            InvalidConfiguration: the file cannot be understood and never could since this process started.
        """
        if self._path is None:
            return self._current
        try:
            status = self._path.stat()
        except OSError:
            self._seen, self._current = None, Registries()
            return self._current
        seen = (status.st_mtime_ns, status.st_size, status.st_ino)
        if seen != self._seen:
            self._read_again(self._path)
            self._seen = seen
        return self._current

    def _read_again(self, path: Path) -> None:
        try:
            self._current = parse(path.read_bytes())
        except OSError as error:
            raise InvalidConfiguration(f"cannot read {path}: {error.strerror}") from None
        except InvalidConfiguration as error:
            if self._seen is None:
                raise
            log.error("%s keeps its former settings: %s", path, error)
