"""Shows the results of checks, for people or for programs. Acts."""

import sys

import msgspec
import typer

from k3py.cli.app import FAILED
from k3py.cli.checks import Level, Result
from k3py.cli.tables import Layout

_COLOURS = {Level.OK: typer.colors.GREEN, Level.WARN: typer.colors.YELLOW, Level.FAIL: typer.colors.RED}


def print_results(results: list[Result], *, as_json: bool) -> None:
    """Print them, and end with exit code 1 when one failed."""
    if as_json:
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
