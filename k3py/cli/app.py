"""The k3py command: what all subcommands share. Each subcommand is a file that adds itself to ``app``.

Exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 conflict, 5 unavailable. Errors are one line on standard error.
"""

import os
import sys
from collections.abc import Callable
from typing import Final, NoReturn

import typer

from k3py import __version__
from k3py.daemons.settings import BadSetting
from k3py.model.errors import Problem
from k3py.pki.errors import PkiError
from k3py.runtime.problems import RuntimeProblem
from k3py.store.errors import StoreError

app = typer.Typer(
    name="k3py",
    help="A lightweight container orchestrator that speaks the Kubernetes API.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

FAILED: Final = 1
USAGE: Final = 2
NOT_FOUND: Final = 3
CONFLICT: Final = 4
UNAVAILABLE: Final = 5


class Failure(Exception):
    """A command that cannot do what it was asked; the text is for the person who asked."""

    def __init__(self, message: str, exit_code: int = FAILED) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"k3py {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version."),
) -> None:
    """A lightweight container orchestrator that speaks the Kubernetes API."""


def fail(message: str, exit_code: int = FAILED) -> NoReturn:
    """One line on standard error, and the end."""
    print(f"error: {message}", file=sys.stderr)
    raise SystemExit(exit_code)


def run_command(command: Callable[[], object]) -> None:
    """Run the command line; what it raises for people becomes one line and an exit code."""
    try:
        command()
    except Problem as problem:
        fail(problem.message, problem.exit_code)
    except Failure as failure:
        fail(str(failure), failure.exit_code)
    except BadSetting as problem:
        fail(str(problem), USAGE)
    except BrokenPipeError:
        # Whoever read our output has gone, as 'head' does. The interpreter would try again to write at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(FAILED) from None
    except (PkiError, RuntimeProblem, StoreError, OSError) as problem:
        fail(str(problem))
    except KeyboardInterrupt:
        raise SystemExit(130) from None
