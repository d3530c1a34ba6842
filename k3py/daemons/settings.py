"""Settings of a daemon: flags, then environment (``K3PY_*``), then YAML files, then defaults.

A settings class is a frozen dataclass. A field ``tls_san`` is the flag ``--tls-san``, the variable ``K3PY_TLS_SAN`` and
the YAML key ``tls-san``; its ``help`` metadata is what ``--help`` and the documentation say.
"""

import dataclasses
import difflib
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import yaml

from k3py.model.names import dns_1123_subdomain
from k3py.model.vpc_ranges import PREFIX_LENGTHS, network, unfit
from k3py.pki.errors import BadToken
from k3py.pki.tokens import JoinToken

T = TypeVar("T")
SECRETS = ("token",)
PORT_MAX = 65_535
TOKEN_PREFIX = "k3py1."
# Kubernetes' own bound, and room for the tenth address, which is the DNS'.
SERVICE_PREFIX_LENGTHS = (12, 27)


class BadSetting(ValueError):
    """A setting that cannot be used: which, where it came from, and why."""


def setting(default: Any, text: str) -> Any:
    """A field of a settings class: its default and what it is for."""
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class ServerSettings:
    """``k3py server``."""

    bind_address: str = setting("0.0.0.0", "address the API listens on")
    port: int = setting(6443, "port of the API and of the tunnel")
    store: str = setting("", "where the state is kept: a folder, s3://bucket/prefix or memory: (default: a folder)")
    token: str = setting("", "join token's secret for servers; made at the first start when it is not given")
    tls_san: tuple[str, ...] = setting((), "further names and addresses for the server's certificate")
    node_name: str = setting("", "this host's name in the cluster (default: the host name)")
    token_auth_file: str = setting(
        "", 'file of static bearer tokens in Kubernetes\' form: token,user,uid,"group1,group2"'
    )
    api_only: bool = setting(False, "serve the API without scheduler and controllers")
    cluster_cidr: str = setting("10.42.0.0/16", "IPv4 range of the VPC default; decided at the first start")
    service_cidr: str = setting("10.43.0.0/16", "IPv4 range of the services; decided at the first start")
    node_monitor_grace_seconds: float = setting(40.0, "a node silent for longer is taken for unreachable")
    max_connections: int = setting(16_384, "open connections of all clients together, watches too")
    max_connections_per_client: int = setting(
        4_096, "open connections of one address; more where a load balancer stands in front"
    )
    log_level: str = setting("info", "debug, info, warning or error")

    def __post_init__(self) -> None:
        if not 0 <= self.port <= PORT_MAX:
            raise BadSetting(f"cannot use port {self.port}: ports go from 0 (any that is free) to {PORT_MAX}")
        if not self.node_monitor_grace_seconds > 0:
            raise BadSetting("cannot use node-monitor-grace-seconds: it has to be greater than zero")
        if not 0 < self.max_connections_per_client <= self.max_connections:
            raise BadSetting(
                f"cannot use max-connections-per-client {self.max_connections_per_client}: it goes from 1 to"
                f" max-connections ({self.max_connections})"
            )
        for name in self.tls_san:
            _check_host(name)
        _check_token(self.token)
        _check_ranges(self.cluster_cidr, self.service_cidr)


@dataclass(frozen=True)
class AgentSettings:
    """``k3py agent``."""

    server: str = setting("", "URL of a server, https://host:6443")
    token: str = setting("", "join token: k3py1.<hash of the CA>.<secret>; needed until the node has its certificate")
    node_name: str = setting("", "this node's name (default: the host name)")
    node_ip: str = setting("", "address other nodes reach this one by (default: the one the default route uses)")
    node_label: tuple[str, ...] = setting((), "labels for the node, key=value")
    node_taint: tuple[str, ...] = setting((), "taints for the node at its registration, key=value:Effect")
    runtime: str = setting("", "OCI runtime command: crun, runc or youki (default: the first that works here)")
    lease_seconds: float = setting(10.0, "how often the node says that it is alive")
    max_pods: int = setting(250, "pods this node takes")
    log_level: str = setting("info", "debug, info, warning or error")


@dataclass(frozen=True)
class VpcSettings:
    """``k3py vpc``."""

    server: str = setting("", "URL of a server, https://host:6443")
    node_name: str = setting("", "this node's name (default: the host name)")
    egress_range: str = setting(
        "", "node-unique IPv4 range for pods on their way out (default: a free /18 of 100.64.0.0/10, kept)"
    )
    mtu: int = setting(0, "largest packet of the network between nodes, in bytes (default: the default route's)")
    host_access: bool = setting(True, "the host itself reaches pods and services of VPC default by their addresses")
    log_level: str = setting("info", "debug, info, warning or error")


@dataclass(frozen=True)
class Origin:
    """Where a value came from: a flag, a variable, a file, or the default."""

    value: Any
    source: str


def _check_host(name: str) -> None:
    """Raises BadSetting unless a certificate can be for this name or address."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        if dns_1123_subdomain(name.removeprefix("*.").lower()):
            raise BadSetting(f"cannot use tls-san {name!r}: it is neither a DNS name nor an IP address") from None


def _check_ranges(cluster: str, service: str) -> None:
    """Raises BadSetting unless both are IPv4 networks of a fit size that leave each other and reserved ranges alone."""
    networks = {}
    for name, text, lengths in (
        ("cluster-cidr", cluster, PREFIX_LENGTHS),
        ("service-cidr", service, SERVICE_PREFIX_LENGTHS),
    ):
        parsed = network(text)
        if parsed is None:
            raise BadSetting(f"cannot use {name} {text!r}: it is no IPv4 network like 10.9.0.0/16 (without host bits)")
        for why in unfit(parsed, lengths):
            raise BadSetting(f"cannot use {name} {text}: it {why}")
        networks[name] = parsed
    if networks["cluster-cidr"].overlaps(networks["service-cidr"]):
        raise BadSetting(f"cannot use cluster-cidr {cluster}: it overlaps service-cidr {service}")


def _check_token(token: str) -> None:
    """Raises BadSetting when this is meant as a join token and is none; anything else is a bare secret."""
    if token.startswith(TOKEN_PREFIX):
        try:
            JoinToken.parse(token)
        except BadToken as error:
            raise BadSetting(str(error)) from None


def key_of(name: str) -> str:
    """``tls_san`` -> ``tls-san``."""
    return name.replace("_", "-")


def variable_of(name: str) -> str:
    """``tls_san`` -> ``K3PY_TLS_SAN``."""
    return "K3PY_" + name.upper()


def config_files(main: Path) -> list[Path]:
    """A configuration file and its drop-ins (``config.yaml.d/*.yaml``) that exist, in the order they apply."""
    drop_ins = sorted(main.with_name(main.name + ".d").glob("*.yaml"))
    return [each for each in (main, *drop_ins) if each.is_file()]


def load(
    kind: type[T],
    flags: Mapping[str, Any],
    environment: Mapping[str, str],
    files: Sequence[Path] = (),
) -> tuple[T, dict[str, Origin]]:
    """The settings, and where each value came from.

    ``flags`` holds only those that were given.

    Raises:
        BadSetting: a key is unknown, or a value has the wrong type.
    """
    known: dict[str, dataclasses.Field[Any]] = {each.name: each for each in fields(kind)}  # type: ignore[arg-type]
    origins = {name: Origin(each.default, "default") for name, each in known.items()}
    for path in files:
        for key, value in _read(path).items():
            name = str(key).replace("-", "_")
            if name not in known:
                raise BadSetting(f"cannot use {path}: unknown setting {key!r}{_nearest(name, known)}")
            origins[name] = Origin(_typed(known[name], value, f"{key} in {path}"), str(path))
    for name in known:
        text = environment.get(variable_of(name))
        if text is not None:
            origins[name] = Origin(_typed(known[name], text, variable_of(name)), variable_of(name))
    for name, value in flags.items():
        origins[name] = Origin(_typed(known[name], value, f"--{key_of(name)}"), f"--{key_of(name)}")
    return kind(**{name: each.value for name, each in origins.items()}), origins


def _read(path: Path) -> dict[Any, Any]:
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadSetting(f"cannot read {path}: {error}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise BadSetting(f"cannot use {path}: it has to be a mapping of settings")
    return content


def _nearest(name: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {key_of(near[0])!r}?" if near else ""


def _typed(each: "dataclasses.Field[Any]", value: Any, where: str) -> Any:
    kind = each.type
    if kind == tuple[str, ...]:
        items = value.split(",") if isinstance(value, str) else value
        if not isinstance(items, list | tuple):
            raise BadSetting(f"cannot use {where}: it has to be a list")
        return tuple(str(item).strip() for item in items if str(item).strip())
    if kind is bool:
        return _boolean(value, where)
    if kind is str:
        if isinstance(value, dict | list):
            raise BadSetting(f"cannot use {where}: it has to be text")
        return str(value)
    assert kind in (int, float)
    try:
        if isinstance(value, bool) or (kind is int and isinstance(value, float)):
            raise ValueError
        return kind(value)
    except (TypeError, ValueError):
        raise BadSetting(f"cannot use {where}: {value!r} is no {'whole ' if kind is int else ''}number") from None


def _boolean(value: Any, where: str) -> bool:
    if isinstance(value, bool):
        return value
    words = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
    try:
        return words[str(value).lower()]
    except KeyError:
        raise BadSetting(f"cannot use {where}: {value!r} is neither true nor false") from None


def describe(origins: Mapping[str, Origin]) -> str:
    """Every value and where it came from, for ``--print-config``. Secrets are not shown."""
    lines = []
    for name, origin in origins.items():
        value = "(hidden)" if name in SECRETS and origin.value else origin.value
        lines.append(f"{key_of(name)}: {value!r}  # {origin.source}")
    return "\n".join(lines)
