"""Options that many commands share: one name, one meaning, one help text."""

from typing import Annotated

import typer

from k3py.cli.app import USAGE, Failure

Namespace = Annotated[
    str, typer.Option("-n", "--namespace", help="Namespace [default: the context's]", show_default=False)
]
AllNamespaces = Annotated[bool, typer.Option("-A", "--all-namespaces", help="In all namespaces.")]
Kubeconfig = Annotated[
    str, typer.Option("--kubeconfig", help="Kubeconfig [default: $KUBECONFIG, or this host's]", show_default=False)
]
Context = Annotated[
    str, typer.Option("--context", help="Context of the kubeconfig [default: its current one]", show_default=False)
]
Selector = Annotated[str, typer.Option("-l", "--selector", help="Label selector, as app=web,tier!=test")]
FieldSelector = Annotated[str, typer.Option("--field-selector", help="Field selector, as status.phase=Running")]
Files = Annotated[
    list[str], typer.Option("-f", "--filename", help="File, folder, URL, or - for standard input; may be repeated.")
]
Recursive = Annotated[bool, typer.Option("-R", "--recursive", help="Folders of the folders named by -f, too.")]
Resources = Annotated[list[str], typer.Argument(help="KIND [NAME...], KIND,KIND, or KIND/NAME...")]
Container = Annotated[str, typer.Option("-c", "--container", help="Container [default: the pod's first]")]
JsonOrText = Annotated[str, typer.Option("-o", "--output", help="json [default: text]")]


def wants_json(output: str) -> bool:
    """What ``JsonOrText`` says.

    Raises:
        Failure: another word than ``json``.
    """
    if output not in ("", "json"):
        raise Failure(f"cannot use -o {output}: it is json or left out", USAGE)
    return output == "json"
