"""``k3py server`` and ``k3py agent``: the daemons in the foreground. Their flags are their settings."""

import asyncio
import dataclasses
import inspect
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Optional, TypeVar

import typer

from k3py.base.paths import Paths
from k3py.cli.app import app
from k3py.daemons.process import look_for_cycles_rarely, only_one, raise_file_limit, set_up_logging
from k3py.daemons.settings import AgentSettings, ServerSettings, config_files, describe, key_of, load

T = TypeVar("T", ServerSettings, AgentSettings)


def _option(each: "dataclasses.Field[Any]") -> inspect.Parameter:
    """A settings field as a flag; None says that it was not given."""
    many = each.type == tuple[str, ...]
    given: Any = Optional[list[str]] if many else Optional[each.type]  # noqa: UP045 - typer reads these forms
    names = [f"--{key_of(each.name)}"]
    if each.type is bool:
        names = [f"--{key_of(each.name)}/--no-{key_of(each.name)}"]
    default = "" if each.default in ("", ()) else f" [default: {each.default}]"
    option = typer.Option(None, *names, help=f"{each.metadata['help']}{default}", show_default=False)
    return inspect.Parameter(each.name, inspect.Parameter.KEYWORD_ONLY, default=option, annotation=given)


def _add(name: str, kind: type[T], file: str, run: Callable[[T, Paths], Coroutine[Any, Any, None]], text: str) -> None:
    """Add a command whose flags are the fields of ``kind``."""

    def command(**given: Any) -> None:
        print_config = given.pop("print_config")
        paths = Paths.from_environment()
        flags = {key: value for key, value in given.items() if value is not None and value != []}
        main = Path(given.pop("config", None) or paths.config / file)
        flags.pop("config", None)
        settings, origins = load(kind, flags, os.environ, config_files(main))
        if print_config:
            typer.echo(describe(origins))
            return
        set_up_logging(settings.log_level)
        only_one(paths, name)
        raise_file_limit()
        look_for_cycles_rarely()
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run(settings, paths))

    extra: list[inspect.Parameter] = [
        inspect.Parameter(
            "config",
            inspect.Parameter.KEYWORD_ONLY,
            default=typer.Option(None, "--config", help=f"Configuration file [default: /etc/k3py/{file}]"),
            annotation=Optional[str],  # noqa: UP045
        ),
        inspect.Parameter(
            "print_config",
            inspect.Parameter.KEYWORD_ONLY,
            default=typer.Option(False, "--print-config", help="Show each setting and where it comes from, then end."),
            annotation=bool,
        ),
    ]
    parameters = [*(_option(each) for each in dataclasses.fields(kind)), *extra]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    command.__doc__ = text
    app.command(name, help=text)(command)


async def _server(settings: ServerSettings, paths: Paths) -> None:
    from k3py.daemons.server import run

    await run(settings, paths)


async def _agent(settings: AgentSettings, paths: Paths) -> None:
    from k3py.daemons.agent import run

    await run(settings, paths)


_add(
    "server",
    ServerSettings,
    "config.yaml",
    _server,
    "Run a server in the foreground: API, store and controllers.",
)
_add("agent", AgentSettings, "agent-config.yaml", _agent, "Run an agent in the foreground: this node's pods.")
