"""``k3py token``: tokens with which nodes join."""

import random
import time
from typing import Annotated

import msgspec
import typer
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from k3py.api.columns.column import human_duration
from k3py.cli.access import connect
from k3py.cli.app import Failure, app
from k3py.cli.durations import parse_duration
from k3py.cli.options import Context, Kubeconfig
from k3py.cli.resources import find_kind, path_of
from k3py.cli.tables import Layout
from k3py.cli.tokens import NAMESPACE, TYPE, listed, secret_name, secret_of
from k3py.pki.errors import BadToken
from k3py.pki.tokens import JoinToken, ca_hash, create_bootstrap_token

token = typer.Typer(help="Tokens with which nodes join: create, list, delete.", no_args_is_help=True)
app.add_typer(token, name="token")


@token.command("create")
def create_token(
    ttl: Annotated[str, typer.Option("--ttl", help="How long it lets nodes in.")] = "24h",
    description: Annotated[str, typer.Option("--description", help="What it is for.")] = "",
    kubeconfig: Kubeconfig = "",
    context: Context = "",
) -> None:
    """Make a token and print it. On the new node: k3py agent --server URL --token TOKEN."""
    session = connect(kubeconfig, context)
    seconds = parse_duration(ttl)
    try:
        made, record = create_bootstrap_token(
            _ca_hash(session.access.ca_pem), random.SystemRandom(), time.time(), seconds, description
        )
    except BadToken as error:
        raise Failure(str(error)) from None
    body = msgspec.json.encode(secret_of(record, made.secret.partition(".")[2]))
    session.request("POST", path_of(find_kind("secrets"), NAMESPACE), body=body)
    typer.echo(JoinToken(made.ca_hash, made.secret).format())


def _ca_hash(ca_pem: bytes) -> str:
    if not ca_pem:
        raise Failure("cannot make a token: the kubeconfig does not name the cluster's CA")
    return ca_hash(x509.load_pem_x509_certificate(ca_pem).public_bytes(Encoding.DER))


@token.command("list")
def list_tokens(kubeconfig: Kubeconfig = "", context: Context = "") -> None:
    """Show the tokens; their secrets are not shown again."""
    session = connect(kubeconfig, context)
    query = {"fieldSelector": f"type={TYPE}"}
    items = session.request("GET", path_of(find_kind("secrets"), NAMESPACE), query).plain()["items"]
    rows = [["ID", "EXPIRES IN", "DESCRIPTION"]]
    for each in filter(None, map(listed, items)):
        left = "never" if each.expires is None else human_duration(each.expires - time.time())
        rows.append([each.id, "expired" if left == "<invalid>" else left, each.description])
    typer.echo(Layout().format(rows), nl=False)


@token.command("delete")
def delete_token(
    tokens: Annotated[list[str], typer.Argument(help="Ids of tokens, or tokens.")],
    kubeconfig: Kubeconfig = "",
    context: Context = "",
) -> None:
    """Make tokens worthless. Nodes that have joined stay."""
    names = [secret_name(each) for each in tokens]
    session = connect(kubeconfig, context)
    for name in names:
        session.request("DELETE", path_of(find_kind("secrets"), NAMESPACE, name))
        typer.echo(f"Deleted token {name.rpartition('-')[2]}")
