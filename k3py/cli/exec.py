"""``k3py exec``: run a command in a container."""

import os
import sys
from typing import Annotated, Final
from urllib.parse import urlencode

import typer

from k3py.cli.access import connect
from k3py.cli.app import Failure, app
from k3py.cli.exec_session import Ended, ExecSession
from k3py.cli.options import Container, Context, Kubeconfig, Namespace
from k3py.cli.pods import choose_container, find_pod
from k3py.cli.resources import find_kind, path_of
from k3py.cli.session import Session
from k3py.cli.terminal import Joined, raw_terminal

_NO_TERMINAL: Final = "Unable to use a TTY - standard input is not a terminal"


@app.command("exec")
def exec_command(
    pod: Annotated[str, typer.Argument(help="POD, or KIND/NAME of something that has pods: deploy/web")],
    command: Annotated[list[str], typer.Argument(help="The command and its arguments, after --.")],
    container: Container = "",
    stdin: Annotated[bool, typer.Option("-i", "--stdin", help="Pass standard input on.")] = False,
    tty: Annotated[bool, typer.Option("-t", "--tty", help="Give the command a terminal.")] = False,
    namespace: Namespace = "",
    kubeconfig: Kubeconfig = "",
    context: Context = "",
) -> None:
    """Run a command in a container: 'exec -it deploy/web -- sh'. Its exit code becomes this command's."""
    session = connect(kubeconfig, context)
    place = namespace or session.access.namespace
    found = find_pod(session, pod, place)
    query = [("container", choose_container(found, container)), *(("command", each) for each in command)]
    query += [("stdin", "true")] if stdin else []
    # A terminal has one output only.
    query += [("stdout", "true"), ("tty" if tty else "stderr", "true")]
    path = path_of(find_kind("pods"), place, found["metadata"]["name"], "exec")
    ended = _run(session, f"{path}?{urlencode(query)}", stdin=stdin, tty=tty)
    if ended.message:
        raise Failure(ended.message, ended.exit_code)
    raise typer.Exit(ended.exit_code)


def _run(session: Session, target: str, *, stdin: bool, tty: bool) -> Ended:
    raw = stdin and tty and sys.stdin.isatty()
    if tty and not sys.stdin.isatty():
        print(_NO_TERMINAL, file=sys.stderr)
    protocol = ExecSession(os.urandom)
    host = f"[{session.host}]" if ":" in session.host else session.host
    request = protocol.request(f"{host}:{session.port}", target, session.headers())
    with session.upgraded_socket() as connection:
        joined = Joined(connection, protocol, stdin=stdin, terminal=tty and sys.stdin.isatty())
        if not raw:
            return joined.run(request)
        with raw_terminal():
            return joined.run(request)
