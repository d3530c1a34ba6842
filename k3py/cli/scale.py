"""``k3py scale``: change how many pods there are."""

from typing import Annotated

import msgspec
import typer

from k3py.cli.access import connect
from k3py.cli.app import USAGE, Failure, app
from k3py.cli.options import Context, Kubeconfig, Namespace, Resources
from k3py.cli.resources import parse_resources, path_of, qualified
from k3py.cli.saying import Errors
from k3py.client.port import PatchType


@app.command()
def scale(
    resources: Resources,
    replicas: Annotated[int, typer.Option("--replicas", min=0, help="How many pods.")],
    namespace: Namespace = "",
    kubeconfig: Kubeconfig = "",
    context: Context = "",
) -> None:
    """Change how many pods a Deployment or ReplicaSet has: 'scale deploy/web --replicas=3'."""
    asked = parse_resources(resources)
    if not all(each.names for each in asked):
        raise Failure("say which objects to scale: KIND/NAME or KIND NAME", USAGE)
    session = connect(kubeconfig, context)
    patch = msgspec.json.encode({"spec": {"replicas": replicas}})
    errors = Errors()
    for each in asked:
        for name in each.names:
            with errors.kept():
                if "scale" not in each.kind.subresources:
                    raise Failure(f"cannot scale {qualified(each.kind)}/{name}: this kind has no scale")
                path = path_of(each.kind, namespace or session.access.namespace, name, "scale")
                session.request("PATCH", path, body=patch, content_type=PatchType.MERGE)
                typer.echo(f"{qualified(each.kind)}/{name} scaled")
    errors.end()
