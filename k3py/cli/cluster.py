"""``k3py cluster``: what the cluster is."""

import os
import time
from typing import Any

import msgspec
import typer

from k3py.api.columns.column import human_duration
from k3py.base.paths import Paths
from k3py.cli.access import connect
from k3py.cli.app import app
from k3py.cli.certificates import CertificateAge, certificates
from k3py.cli.options import Context, JsonOrText, Kubeconfig, wants_json
from k3py.cli.processes import status_of
from k3py.cli.resources import find_kind, path_of
from k3py.cli.tables import Layout
from k3py.daemons.settings import ServerSettings, config_files, load

cluster = typer.Typer(help="The cluster: info.", no_args_is_help=True)
app.add_typer(cluster, name="cluster")
Plain = dict[str, Any]


@cluster.callback()
def _group() -> None:
    """The cluster."""


@cluster.command()
def info(
    output: JsonOrText = "",
    kubeconfig: Kubeconfig = "",
    context: Context = "",
) -> None:
    """Show endpoint, version, store, nodes and certificates."""
    as_json = wants_json(output)
    session = connect(kubeconfig, context)
    version = session.request("GET", "/version").plain()
    nodes = session.request("GET", path_of(find_kind("nodes"), "")).plain()["items"]
    paths = Paths.from_environment()
    ages = certificates(paths)
    facts: Plain = {
        "endpoint": session.access.server,
        "context": session.access.context_name,
        "version": version.get("gitVersion", ""),
        "store": _store(paths),
        "nodes": [node_facts(each) for each in nodes],
        "certificates": [msgspec.to_builtins(each) for each in ages],
    }
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(facts)).decode())
    else:
        typer.echo(describe(facts, ages, time.time()), nl=False)


def _store(paths: Paths) -> str:
    """Where this host's server keeps the state; empty when no server runs here."""
    if status_of(paths, "server").read() is None:
        return ""
    settings, _ = load(ServerSettings, {}, os.environ, config_files(paths.config / "config.yaml"))
    return settings.store or str(paths.server_store)


def node_facts(node: Plain) -> Plain:
    """A node's name, readiness and version."""
    status = node.get("status") or {}
    ready: Plain = next((each for each in status.get("conditions") or () if each["type"] == "Ready"), {})
    return {
        "name": node["metadata"]["name"],
        "ready": ready.get("status") == "True",
        "version": (status.get("nodeInfo") or {}).get("kubeletVersion", ""),
    }


def describe(facts: Plain, ages: list[CertificateAge], now: float) -> str:
    """The facts as text for people."""
    rows = [
        ["Endpoint:", facts["endpoint"]],
        ["Version:", facts["version"]],
        ["Store:", facts["store"] or "not on this host"],
    ]
    nodes = facts["nodes"]
    rows.append(["Nodes:", f"{sum(each['ready'] for each in nodes)} of {len(nodes)} ready"])
    rows += [["", f"{each['name']} ({'Ready' if each['ready'] else 'NotReady'}, {each['version']})"] for each in nodes]
    for index, age in enumerate(ages):
        old, left = human_duration(now - age.begins), human_duration(age.ends - now)
        rows.append(["Certificates:" if index == 0 else "", f"{age.name}: {old} old, {left} left"])
    return Layout().format(rows)
