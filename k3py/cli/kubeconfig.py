"""``k3py kubeconfig``: print the kubeconfig, or merge it into another."""

from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from k3py.base.paths import Paths, write_private
from k3py.cli.app import Failure, app
from k3py.client.kubeconfig import KUBECONFIG_BYTES_MAX


@app.command()
def kubeconfig(
    merge: Annotated[
        Path | None, typer.Option("--merge", help="Put the cluster into this kubeconfig, and make it the current one.")
    ] = None,
    name: Annotated[str, typer.Option("--name", help="Name of cluster, user and context there.")] = "k3py",
) -> None:
    """Print the administrator's kubeconfig of this host's cluster. Whoever has it may do everything."""
    admin = Paths.from_environment().admin_kubeconfig
    text = _read(admin)
    if merge is None:
        typer.echo(text, nl=False)
        return
    before = _parse(_read(merge), merge) if merge.exists() else {}
    merged = merge_kubeconfigs(before, _parse(text, admin), name)
    write_private(merge, yaml.safe_dump(merged, sort_keys=False).encode())
    typer.echo(f"Context {name} of {merge} is the current one")


def merge_kubeconfigs(into: dict[str, Any], one: dict[str, Any], name: str) -> dict[str, Any]:
    """``into`` with the only cluster of ``one`` under ``name``, as the current context. What has that name is replaced.

    Raises:
        Failure: ``one`` does not hold a cluster, a user and a context.
    """
    merged = {"apiVersion": "v1", "kind": "Config", **into, "current-context": name}
    for plural, word in (("clusters", "cluster"), ("users", "user"), ("contexts", "context")):
        try:
            value = {"cluster": name, "user": name} if word == "context" else one[plural][0][word]
        except (KeyError, IndexError, TypeError):
            raise Failure(f"cannot merge the kubeconfig: it holds no {word}") from None
        others = [each for each in merged.get(plural) or [] if each.get("name") != name]
        merged[plural] = [*others, {"name": name, word: value}]
    return merged


def _read(path: Path) -> str:
    try:
        with path.open() as file:
            text = file.read(KUBECONFIG_BYTES_MAX + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"cannot read {path}: {getattr(error, 'strerror', error)}; 'k3py up' makes one") from None
    if len(text) > KUBECONFIG_BYTES_MAX:
        raise Failure(f"cannot read {path}: it has more than {KUBECONFIG_BYTES_MAX} characters")
    return text


def _parse(text: str, path: Path) -> dict[str, Any]:
    try:
        plain = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise Failure(f"cannot read {path}: it is no YAML: {' '.join(str(error).split())}") from None
    if plain is not None and not isinstance(plain, dict):
        raise Failure(f"cannot use {path}: it is no kubeconfig")
    return plain or {}
