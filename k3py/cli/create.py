"""``k3py create``: make what files describe, and only what is not there yet."""

from typing import Annotated

import msgspec
import typer

from k3py.cli.access import connect
from k3py.cli.app import app
from k3py.cli.applying import WRITE_QUERY, placed
from k3py.cli.options import Context, Files, Kubeconfig, Namespace, Recursive
from k3py.cli.output import parse_output, print_objects
from k3py.cli.resources import path_of, qualified
from k3py.cli.saying import Errors, warn
from k3py.cli.sources import read_manifests


@app.command()
def create(
    filename: Files,
    recursive: Recursive = False,
    output: Annotated[str, typer.Option("-o", "--output", help="json, yaml, name ...")] = "",
    namespace: Namespace = "",
    kubeconfig: Kubeconfig = "",
    context: Context = "",
) -> None:
    """Create what files describe. What is there already is an error; 'apply' changes it."""
    shown = parse_output(output)
    manifests = read_manifests(filename, recursive)
    session = connect(kubeconfig, context)
    errors, results = Errors(), []
    for manifest in manifests:
        with errors.kept():
            kind, obj, place = placed(manifest, namespace, session.access.namespace)
            body = msgspec.json.encode(obj)
            answer = session.request("POST", path_of(kind, place), WRITE_QUERY, body)
            warn(answer)
            made = answer.plain()
            results.append(made)
            if not output:
                typer.echo(f"{qualified(kind)}/{(made.get('metadata') or {}).get('name', '')} created")
    if output and results:
        typer.echo(print_objects(results, shown, single=len(manifests) == 1), nl=False)
    errors.end()
