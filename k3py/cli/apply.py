"""``k3py apply``: make the cluster as files say."""

from typing import Annotated

import typer

from k3py.cli.access import connect
from k3py.cli.app import USAGE, Failure, app
from k3py.cli.applying import DRY_RUNS, NO_DRY_RUN, apply_object, placed
from k3py.cli.options import Context, Files, Kubeconfig, Namespace, Recursive
from k3py.cli.output import parse_output, print_objects
from k3py.cli.resources import qualified
from k3py.cli.saying import Errors, warn
from k3py.cli.sources import read_manifests


@app.command()
def apply(
    filename: Files,
    recursive: Recursive = False,
    dry_run: Annotated[str, typer.Option("--dry-run", help="none, client or server: change nothing.")] = NO_DRY_RUN,
    output: Annotated[str, typer.Option("-o", "--output", help="json, yaml, name ...")] = "",
    namespace: Namespace = "",
    kubeconfig: Kubeconfig = "",
    context: Context = "",
) -> None:
    """Create what files describe, or change what is there so that it is as they say. What others set stays."""
    if dry_run not in DRY_RUNS:
        raise Failure(f"cannot use --dry-run={dry_run}: it is one of {', '.join(DRY_RUNS)}", USAGE)
    shown = parse_output(output)
    manifests = read_manifests(filename, recursive)
    session = connect(kubeconfig, context)
    errors, results = Errors(), []
    for manifest in manifests:
        with errors.kept():
            kind, wanted, place = placed(manifest, namespace, session.access.namespace)
            name = wanted["metadata"].get("name")
            if not name:
                raise Failure(f"cannot apply {kind.name} of {manifest.where}: it has no metadata.name")
            what = f"{qualified(kind)}/{name}"
            done, answer = apply_object(session, kind, wanted, place, dry_run)
            warn(answer)
            if output:
                results.append(answer.plain())
            else:
                typer.echo(f"{what} {done}" + (f" ({dry_run} dry run)" if dry_run != NO_DRY_RUN else ""))
    if results:
        typer.echo(print_objects(results, shown, single=len(manifests) == 1), nl=False)
    errors.end()
