"""How a command becomes a daemon: the same process, with nothing in it but what the daemon needs.

The command line's libraries would stay in memory as long as the daemon runs: 12 MB, for some flags.
"""

import asyncio
import importlib
import os
import sys
from typing import Any, Final, NoReturn

import msgspec

from k3py.base.paths import Paths
from k3py.daemons.lean import import_less
from k3py.daemons.settings import AgentSettings, BadSetting, ServerSettings, VpcSettings
from k3py.model.errors import Problem
from k3py.pki.errors import PkiError
from k3py.runtime.problems import RuntimeProblem
from k3py.store.errors import StoreError

# Each daemon is the function ``run`` of the module of its name, which takes these settings.
SETTINGS: Final[dict[str, Any]] = {"server": ServerSettings, "agent": AgentSettings, "vpc": VpcSettings}
FAILED: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130


def become(name: str, settings: ServerSettings | AgentSettings | VpcSettings) -> NoReturn:
    """Replace this process's program by a daemon. Settings may be secrets, so they are on no command line."""
    descriptor = os.memfd_create("k3py-settings")
    os.write(descriptor, msgspec.json.encode(settings))
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.set_inheritable(descriptor, True)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", "k3py.daemons", name, str(descriptor)])


def main() -> None:
    """Be the daemon that the arguments name, with the settings at the descriptor that they name.

    What it raises for people becomes one line on standard error and an exit code, as of every command.
    """
    name, descriptor = sys.argv[1:]
    with os.fdopen(int(descriptor), "rb") as file:
        settings = msgspec.json.decode(file.read(), type=SETTINGS[name])
    try:
        run(name, settings)
    except Problem as problem:
        _fail(problem.message, problem.exit_code)
    except BadSetting as problem:
        _fail(str(problem), USAGE)
    except (PkiError, RuntimeProblem, StoreError, OSError) as problem:
        _fail(str(problem), FAILED)
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None


def run(name: str, settings: Any) -> None:
    """Run a daemon in this process until it ends.

    Raises:
        BadSetting: a setting cannot be used, or another one runs.
    """
    import_less()
    import uvloop

    from k3py.daemons.memory import look_for_cycles_rarely, share_pools
    from k3py.daemons.process import only_one, raise_file_limit, set_up_logging

    paths = Paths.from_environment()
    set_up_logging(settings.log_level)
    only_one(paths, name)
    raise_file_limit()
    look_for_cycles_rarely()
    share_pools()
    daemon = importlib.import_module(f"k3py.daemons.{name}")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(daemon.run(settings, paths))


def _fail(message: str, exit_code: int) -> NoReturn:
    sys.stderr.write(f"error: {message}\n")
    raise SystemExit(exit_code)
