"""A daemon's command: its flags are its settings, and it runs in the foreground."""

import dataclasses
import inspect
import os
from pathlib import Path
from typing import Any, Optional, TypeVar

import typer

from k3py.base.paths import Paths
from k3py.cli.app import USAGE, Failure
from k3py.daemons.settings import AgentSettings, ServerSettings, VpcSettings, config_files, describe, key_of, load
from k3py.daemons.start import become

T = TypeVar("T", ServerSettings, AgentSettings, VpcSettings)


def daemon_command(name: str, kind: type[T], file: str, text: str, *, group: bool = False) -> Any:
    """A function whose parameters are the flags, for ``Typer.command``; with ``group`` for ``Typer.callback``.

    ``name`` is the daemon's, ``file`` its configuration's in ``/etc/k3py``, ``text`` its help. A group's daemon runs
    when no subcommand is named.
    """

    def command(**given: Any) -> None:
        context: typer.Context | None = given.pop("context", None)
        print_config = given.pop("print_config")
        config = given.pop("config", None)
        flags = {key: value for key, value in given.items() if value is not None and value != []}
        if context is not None and context.invoked_subcommand is not None:
            if flags or config or print_config:
                raise Failure(f"the daemon's flags do not go together with '{context.invoked_subcommand}'", USAGE)
            return
        paths = Paths.from_environment()
        main = Path(config or paths.config / file)
        settings, origins = load(kind, flags, os.environ, config_files(main))
        if print_config:
            typer.echo(describe(origins))
        else:
            become(name, settings)

    parameters = [*(_option(each) for each in dataclasses.fields(kind)), *_extra(file)]
    if group:
        parameters.insert(0, _parameter("context", inspect.Parameter.empty, typer.Context))
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    command.__doc__ = text
    return command


def _option(each: "dataclasses.Field[Any]") -> inspect.Parameter:
    """A settings field as a flag; None says that it was not given."""
    many = each.type == tuple[str, ...]
    given: Any = Optional[list[str]] if many else Optional[each.type]  # noqa: UP045 - typer reads these forms
    names = [f"--{key_of(each.name)}"]
    if each.type is bool:
        names = [f"--{key_of(each.name)}/--no-{key_of(each.name)}"]
    text = each.metadata["help"]
    default = "" if each.default in ("", ()) or "(default: " in text else f" [default: {each.default}]"
    option = typer.Option(None, *names, help=f"{text}{default}", show_default=False)
    return _parameter(each.name, option, given)


def _extra(file: str) -> list[inspect.Parameter]:
    config = typer.Option(None, "--config", help=f"Configuration file [default: /etc/k3py/{file}]")
    shown = typer.Option(False, "--print-config", help="Show each setting and where it comes from, then end.")
    return [_parameter("config", config, Optional[str]), _parameter("print_config", shown, bool)]  # noqa: UP045


def _parameter(name: str, default: Any, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
