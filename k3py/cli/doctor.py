"""``k3py doctor``: whether this host can run a cluster, and what to do if not."""

import sys
from typing import Annotated

import msgspec
import typer

from k3py.base.paths import Paths
from k3py.cli.app import FAILED, USAGE, Failure, app
from k3py.cli.checks import Level, Result, examine
from k3py.cli.host_facts import gather
from k3py.cli.tables import Layout

_COLOURS = {Level.OK: typer.colors.GREEN, Level.WARN: typer.colors.YELLOW, Level.FAIL: typer.colors.RED}


@app.command()
def doctor(
    output: Annotated[str, typer.Option("-o", "--output", help="json [default: text]")] = "",
) -> None:
    """Check this host: kernel, tools, ports, disk, clock, certificates, daemons. Says how to mend what is wrong."""
    if output not in ("", "json"):
        raise Failure(f"cannot use -o {output}: it is json or left out", USAGE)
    results = examine(gather(Paths.from_environment()))
    if output == "json":
        typer.echo(msgspec.json.format(msgspec.json.encode(results)).decode())
    else:
        typer.echo(report(results, colours=sys.stdout.isatty()), nl=False)
    if any(each.level is Level.FAIL for each in results):
        raise typer.Exit(FAILED)


def report(results: list[Result], *, colours: bool) -> str:
    """The results as lines; under what is not fine stands the remedy."""
    texts = Layout().format([each.level.upper(), each.name, each.said] for each in results).splitlines()
    lines = []
    for text, each in zip(texts, results, strict=True):
        level = each.level.upper()
        lines.append(typer.style(level, fg=_COLOURS[each.level]) + text[len(level) :] if colours else text)
        if each.remedy:
            lines.append(f"       -> {each.remedy}")
    return "".join(f"{line}\n" for line in lines)
