"""``k3py up``: a cluster on this host, with one command."""

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

import typer
import yaml

from k3py.base.paths import Paths, write_private
from k3py.cli.app import Failure, app
from k3py.cli.processes import TITLES, start_daemon, status_of, wait_for
from k3py.client.kubeconfig import load_kubeconfig
from k3py.daemons.settings import AgentSettings, BadSetting, ServerSettings, config_files, load
from k3py.runtime.conmon import find_conmon
from k3py.runtime.port import NotSupported
from k3py.runtime.runc import choose_runtime

READY_SECONDS = 60.0
PORTS_TRIED = 100
TOOLS = "apt-get install runc conmon nftables"


@app.command()
def up(
    port: int = typer.Option(
        0, help="Port of the API [default: 6443, or the next one that is free]", show_default=False
    ),
    node_name: str = typer.Option("", help="This node's name [default: the host name]", show_default=False),
    wait_seconds: float = typer.Option(READY_SECONDS, "--wait", help="How long to wait until the node is Ready."),
) -> None:
    """Start a cluster on this host: server, agent and VPC daemon, each a session of its own. Waits until the node is
    Ready.

    Running it again changes nothing.
    """
    _check_host()
    paths = Paths.from_environment()
    started = time.monotonic()
    url = _server(paths, port, wait_seconds)
    name = _choose_name(paths, node_name)
    _node(paths, url, name, wait_seconds)
    typer.echo(f"The cluster is ready after {time.monotonic() - started:.1f} s: node {name}, API {url}")
    typer.echo(f"The administrator's kubeconfig is {paths.admin_kubeconfig}")


def _check_host() -> None:
    """Containers and their network need root and four programs.

    Raises:
        Failure: what is missing, and how to get it.
    """
    if os.geteuid() != 0:
        raise Failure("cannot start a cluster: containers need root; try 'sudo k3py up'")
    try:
        choose_runtime(hybrid=False)
        find_conmon()
    except NotSupported as error:
        raise Failure(f"{error} (on Debian: {TOOLS}; 'k3py doctor' checks everything)") from None
    if shutil.which("nft") is None:
        raise Failure(f"cannot give pods a network: nft is not installed (on Debian: {TOOLS})")


def _server(paths: Paths, port: int, seconds: float) -> str:
    """The server's URL; started unless it runs."""
    status = status_of(paths, "server")
    running = status.read()
    if running is None:
        chosen = _choose_port(paths, port)
        typer.echo(f"Starting the server on port {chosen}")
        process = start_daemon(paths, "server", ["--port", str(chosen)], {})
        wait_for("the server", lambda: status.read(), process, paths.log / "server.log", seconds)
        running = status.read() or {}
    elif port and running["port"] != port:
        raise Failure(f"the server runs on port {running['port']} already; 'k3py down' stops it")
    return str(running["url"])


def _choose_port(paths: Paths, asked: int) -> int:
    """The asked port, the configured one, or a free one.

    It is written down for the next start, unless somebody configured another one: nodes and kubeconfigs name it.
    """
    settings, origins = load(ServerSettings, {}, os.environ, config_files(paths.config / "config.yaml"))
    ours = paths.config / "config.yaml.d/port.yaml"
    if origins["port"].source not in ("default", str(ours)):
        return asked or settings.port
    if not asked and origins["port"].source == str(ours):
        return settings.port
    for port in [asked] if asked else range(settings.port, settings.port + PORTS_TRIED):
        if asked or _is_free(settings.bind_address, port):
            text = f"# chosen by 'k3py up'\n{yaml.safe_dump({'port': port})}"
            write_private(ours, text.encode(), 0o644)
            return port
    raise BadSetting(f"cannot choose a port: {settings.port} to {settings.port + PORTS_TRIED - 1} are all in use")


def _choose_name(paths: Paths, asked: str) -> str:
    """The asked name, the one written down, or the host's. It is written down: pods are bound to it.

    Raises:
        Failure: this host is another node already.
    """
    settings, _ = load(AgentSettings, {}, os.environ, config_files(paths.config / "agent-config.yaml"))
    known = settings.node_name
    if asked and known and asked != known:
        raise Failure(f"this host is node {known} already; 'k3py reset' makes it none")
    name = asked or known or socket.gethostname().lower()
    if not known:
        text = f"# chosen by 'k3py up'\n{yaml.safe_dump({'node-name': name})}"
        write_private(paths.config / "agent-config.yaml.d/node-name.yaml", text.encode(), 0o644)
    return name


def _is_free(address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def _node(paths: Paths, url: str, name: str, seconds: float) -> None:
    """Start agent and VPC daemon unless they run, and wait until their node is Ready.

    A node that was Ready before is shown so for a while though its daemons are away; so they must be there too.

    Raises:
        Failure: the agent that runs is another node's, or the node does not become Ready.
    """
    flags = ["--server", url, "--node-name", name]
    secret = {"K3PY_TOKEN": paths.agent_token.read_text().strip()}
    agent = _start(paths, "agent", name, flags, secret)
    # It follows at once, and takes the node's certificate from the agent as soon as that has one.
    vpc = _start(paths, "vpc", name, flags, {})
    wait_for("the VPC daemon", lambda: status_of(paths, "vpc").read(), vpc, paths.log / "vpc.log", seconds)
    node = _Node(paths.admin_kubeconfig, name)
    wait_for(
        f"node {name}",
        lambda: status_of(paths, "agent").read() and node.is_ready(),
        agent, paths.log / "agent.log", seconds,
    )  # fmt: skip


def _start(
    paths: Paths, daemon: str, node: str, flags: Sequence[str], secret: Mapping[str, str]
) -> subprocess.Popen[bytes] | None:
    """Start one of the node's daemons unless it runs; its process if it was started.

    Raises:
        Failure: the one that runs is another node's.
    """
    running = status_of(paths, daemon).read()
    if running is None:
        typer.echo(f"Starting the {TITLES[daemon]} of node {node}")
        return start_daemon(paths, daemon, flags, secret)
    if running["node"] != node:
        raise Failure(f"the {TITLES[daemon]} runs as node {running['node']} already; 'k3py down' stops it")
    return None


class _Node:
    """Asks the API whether a node is Ready."""

    def __init__(self, kubeconfig: Path, name: str) -> None:
        access = load_kubeconfig(kubeconfig)
        # A proxy named in the environment has no business between this host and itself.
        direct, secure = urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=access.tls())
        self._opener = urllib.request.build_opener(direct, secure)
        self._url = f"{access.server}/api/v1/nodes/{name}"

    def is_ready(self) -> bool:
        try:
            with self._opener.open(self._url, timeout=5) as answer:
                node: Mapping[str, object] = json.load(answer)
        except (urllib.error.URLError, OSError, ValueError):
            return False
        status = node.get("status")
        conditions = status.get("conditions", []) if isinstance(status, dict) else []
        return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
