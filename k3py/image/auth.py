"""Credentials for registries: where they come from, which registry they are for, how a registry asks for them.

Sources: pull secrets of the types ``kubernetes.io/dockerconfigjson`` and ``kubernetes.io/dockercfg``. Matching is the
kubelet's (Kubernetes "Images" page, "Interpretation of config.json": a glob per host label, equal port, path prefix).
Challenges are those of RFC 9110 section 11.6.1 and the distribution project's token authentication. No I/O.
"""

import base64
import binascii
import fnmatch
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from k3py.image.errors import InvalidConfiguration
from k3py.image.reference import DEFAULT_REGISTRY

# A Secret's own bound in Kubernetes.
SECRET_BYTES_MAX: Final = 1024 * 1024
# A registry's challenge is some 200 characters.
CHALLENGE_LENGTH_MAX: Final = 8192

# Docker Hub goes by all of these; docker writes the third into config.json.
_DOCKER_HUB: Final = frozenset(("docker.io", "registry-1.docker.io", "index.docker.io", "www.docker.io"))


@dataclass(frozen=True)
class Credential:
    """What opens a registry. ``server`` says which: host glob, optional port, optional path (``*.example.com/team``).

    Either user name and password, or an ``identity_token`` (an OAuth2 refresh token), or a ``registry_token`` (a bearer
    token to be sent as it is).
    """

    server: str
    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    registry_token: str = field(default="", repr=False)

    @property
    def basic(self) -> str:
        """The value of an ``Authorization`` header of the Basic scheme (RFC 7617); empty without a user name."""
        if not self.username and not self.password:
            return ""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


@dataclass(frozen=True)
class Challenge:
    """One way in that a registry offers: scheme in lower case, parameters by lower-case name."""

    scheme: str
    parameters: dict[str, str]


def parse_docker_config_json(data: bytes) -> list[Credential]:
    """The credentials of a ``.dockerconfigjson`` (``{"auths": {server: {...}}}``).

    Raises:
        InvalidConfiguration: the data has another form; the message never quotes it.
    """
    auths = _object(data, ".dockerconfigjson").get("auths")
    if not isinstance(auths, dict):
        raise InvalidConfiguration("cannot read .dockerconfigjson: it has no object `auths`")
    return _credentials(auths, ".dockerconfigjson")


def parse_dockercfg(data: bytes) -> list[Credential]:
    """The credentials of the older ``.dockercfg`` (``{server: {...}}``).

    Raises:
        InvalidConfiguration: the data has another form.
    """
    return _credentials(_object(data, ".dockercfg"), ".dockercfg")


def _object(data: bytes, what: str) -> dict[str, Any]:
    if len(data) > SECRET_BYTES_MAX:
        raise InvalidConfiguration(f"cannot read {what}: it is larger than {SECRET_BYTES_MAX} bytes")
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise InvalidConfiguration(f"cannot read {what}: it is no JSON") from None
    if not isinstance(value, dict):
        raise InvalidConfiguration(f"cannot read {what}: it is no JSON object")
    return value


def _credentials(auths: dict[str, Any], what: str) -> list[Credential]:
    found = []
    for server, entry in auths.items():
        if not isinstance(entry, dict):
            raise InvalidConfiguration(f"cannot read {what}: the entry of {server!r} is no object")
        found.append(credential_of(server, entry, what))
    return found


def credential_of(server: str, entry: dict[str, Any], what: str) -> Credential:
    """One entry of a Docker configuration, or of ``registries.yaml``, which uses the same words.

    Raises:
        InvalidConfiguration: a field has another type, or ``auth`` is no base64 of ``user:password``.
    """
    texts = {key: value for key, value in entry.items() if isinstance(value, str)}
    for key in ("username", "password", "auth", "identitytoken", "identity_token", "registrytoken"):
        if entry.get(key) is not None and key not in texts:
            raise InvalidConfiguration(f"cannot read {what}: `{key}` of {server!r} is no text")
    username, password = texts.get("username", ""), texts.get("password", "")
    if texts.get("auth") and not username:
        username, password = _user_and_password(texts["auth"], server, what)
    return Credential(
        server=server,
        username=username,
        password=password,
        identity_token=texts.get("identitytoken", "") or texts.get("identity_token", ""),
        registry_token=texts.get("registrytoken", ""),
    )


def _user_and_password(auth: str, server: str, what: str) -> tuple[str, str]:
    try:
        text = base64.b64decode(auth.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        raise InvalidConfiguration(f"cannot read {what}: `auth` of {server!r} is no base64") from None
    username, colon, password = text.rstrip("\0").partition(":")
    if not colon:
        raise InvalidConfiguration(f"cannot read {what}: `auth` of {server!r} is not of the form user:password")
    return username, password


def matching(credentials: Sequence[Credential], host: str, repository: str) -> list[Credential]:
    """The credentials meant for ``host`` (with its port, if any) and ``repository``, the most specific first."""
    fitting = [c for c in credentials if _matches(c.server, host, repository)]
    return sorted(fitting, key=lambda c: len(_pattern(c.server)), reverse=True)


def _pattern(server: str) -> str:
    """A server entry without scheme and without the ``/v1/`` or ``/v2/`` that docker once wrote."""
    pattern = re.sub(r"^https?://", "", server).rstrip("/")
    return re.sub(r"/v[12]$", "", pattern)


def _matches(server: str, host: str, repository: str) -> bool:
    wanted_host, _, wanted_path = _pattern(server).partition("/")
    if wanted_path and repository != wanted_path and not repository.startswith(wanted_path + "/"):
        return False
    if canonical_host(wanted_host) == canonical_host(host):
        return True
    wanted_name, _, wanted_port = wanted_host.lower().partition(":")
    name, _, port = host.lower().partition(":")
    labels, wanted_labels = name.split("."), wanted_name.split(".")
    return (
        wanted_port == port
        and len(labels) == len(wanted_labels)
        and all(fnmatch.fnmatchcase(label, want) for label, want in zip(labels, wanted_labels, strict=True))
    )


def canonical_host(host: str) -> str:
    """The host in lower case; all of Docker Hub's names become ``docker.io``."""
    host = host.lower()
    return DEFAULT_REGISTRY if host in _DOCKER_HUB else host


_CHALLENGE_START = re.compile(r"\s*([A-Za-z][A-Za-z0-9-]*)(?:\s+|$|(?=,))")
_PARAMETER = re.compile(r'[\s,]*([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))')


def parse_challenges(header: str) -> list[Challenge]:
    """The challenges of a ``WWW-Authenticate`` header; what cannot be understood ends the list."""
    header = header[:CHALLENGE_LENGTH_MAX]
    challenges: list[Challenge] = []
    at = 0
    while at < len(header):
        start = _CHALLENGE_START.match(header, at)
        if start is None:
            break
        at = start.end()
        parameters: dict[str, str] = {}
        while (parameter := _PARAMETER.match(header, at)) is not None:
            name, quoted, token = parameter.groups()
            parameters[name.lower()] = token if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            at = parameter.end()
        challenges.append(Challenge(start.group(1).lower(), parameters))
        while at < len(header) and header[at] in ", \t":
            at += 1
    return challenges
