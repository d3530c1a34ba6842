"""The OCI runtime's command line, which runc, crun and youki share; and which of them this node takes."""

import asyncio
import contextlib
import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from k3py.runtime.port import NotSupported

# A call of the runtime takes some 10 ms; one that takes this long never ends (a hung kernel or file system).
CALL_SECONDS_MAX: Final = 60.0
ERROR_BYTES_MAX: Final = 4096

# On a terminal crun writes in colours, and the time first.
_DECORATION: Final = re.compile(r"\x1b\[[0-9;]*m(?:\d{4}-\d\d-\d\dT[0-9:.]+Z: )?")
# crun 1.8 refuses v1 beside a v2 tree that owns controllers. It gets a mount namespace that has no such tree.
HIDE_UNIFIED: Final = """#!/bin/sh
exec unshare --mount --propagation slave sh -c 'umount "$0" && exec "$@"' {unified} {runtime} "$@"
"""


class RuntimeFailed(Exception):
    """The runtime refused; the text is its own."""


@dataclass(frozen=True)
class RuntimeCommand:
    """A runtime: its program and where it keeps its state. Both are recorded with each container."""

    path: str
    root: str

    @property
    def name(self) -> str:
        return Path(self.path).name


def runtime_order(hybrid: bool) -> tuple[str, ...]:
    """Which runtime is preferred: the quickest, but runc on hybrid cgroups, the one that serves both trees."""
    return ("runc", "crun", "youki") if hybrid else ("crun", "youki", "runc")


def choose_runtime(hybrid: bool, which: Callable[[str], str | None] = shutil.which) -> str:
    """The path of the runtime to use. Raises NotSupported when the host has none."""
    for name in runtime_order(hybrid):
        path = which(name)
        if path is not None:
            return path
    raise NotSupported("cannot run containers: none of crun, youki and runc is installed; install one of them")


def wrapper_for_hybrid(path: str, unified: Path, folder: Path) -> str:
    """A script that runs crun with the v2 tree hidden; its path (named like the runtime, for its state folder)."""
    script = folder / "hybrid" / Path(path).name
    script.parent.mkdir(parents=True, exist_ok=True)
    text = HIDE_UNIFIED.format(unified=unified, runtime=path)
    if not script.exists() or script.read_text() != text:
        script.write_text(text)
        script.chmod(0o755)
    return str(script)


async def call(
    command: RuntimeCommand, *args: str, stdin: bytes | None = None, timeout_seconds: float = CALL_SECONDS_MAX
) -> bytes:
    """Run one command of the runtime and wait for it; its standard output.

    Never for ``create`` or ``run``: the container would inherit the pipes and the call would never end.

    Raises:
        RuntimeFailed: with what the runtime said, or that it took too long.
    """
    process = await asyncio.create_subprocess_exec(
        command.path,
        "--root",
        command.root,
        *args,
        stdin=asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        output, problem = await asyncio.wait_for(process.communicate(stdin), timeout_seconds)
    except TimeoutError:
        raise RuntimeFailed(f"{command.name} {args[0]} did not end within {timeout_seconds:g} s") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode:
        raise RuntimeFailed(readable_error(problem or output) or f"{command.name} {args[0]} failed without a word")
    return output


async def create_without_conmon(command: RuntimeCommand, bundle: Path, container_id: str, join: Sequence[str]) -> int:
    """``create`` a container whose streams are /dev/null; the pid of its first process. Raises RuntimeFailed.

    ``join``: cgroup.procs files the runtime enters first, so that nothing of it is in the agent's cgroup.
    """
    errors, pid_file = bundle / "runtime.err", bundle / "pidfile"
    with errors.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *joined(join, [command.path, "--root", command.root, "create"]),
            *("--bundle", str(bundle), "--pid-file", str(pid_file), container_id),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    if await asyncio.wait_for(process.wait(), CALL_SECONDS_MAX):
        raise RuntimeFailed(readable_error(errors.read_bytes()))
    return int(pid_file.read_text())


def joined(files: Sequence[str], command: Sequence[str]) -> list[str]:
    """A command line that enters the cgroups (``cgroup.procs`` files) and then becomes ``command``.

    The process enters by itself, so there is no instant at which the death of its parent could leave it outside.
    """
    script = 'n=$1; shift; while [ "$n" -gt 0 ]; do echo 0 > "$1" || exit 97; shift; n=$((n-1)); done; exec "$@"'
    return ["/bin/sh", "-c", script, "sh", str(len(files)), *files, *command]


async def state(command: RuntimeCommand, container_id: str) -> str | None:
    """``creating``, ``created``, ``running`` or ``stopped``; None when the runtime does not know the container."""
    try:
        answer: Any = orjson.loads(await call(command, "state", container_id))
    except (RuntimeFailed, orjson.JSONDecodeError):
        return None
    status = answer.get("status") if isinstance(answer, dict) else None
    return status if isinstance(status, str) else None


async def delete(command: RuntimeCommand, container_id: str) -> None:
    """Make the runtime forget the container, killing it if need be. One it does not know is no error."""
    with contextlib.suppress(RuntimeFailed):
        await call(command, "delete", "--force", container_id)
    leftover = Path(command.root) / container_id
    if leftover.is_dir():  # the runtime was killed before it had written what it would delete by
        await asyncio.to_thread(shutil.rmtree, leftover, ignore_errors=True)


def readable_error(output: bytes) -> str:
    """The last thing a runtime said, as one line; runc and youki write log lines, ``msg="..."``, crun plain ones."""
    text = _DECORATION.sub("", output[-ERROR_BYTES_MAX:].decode("utf-8", "replace"))
    lines = text.strip().splitlines()
    if not lines:
        return ""
    said = lines[-1]
    if lines[-1].startswith("{"):
        with contextlib.suppress(orjson.JSONDecodeError):
            decoded = orjson.loads(said)
            said = str(decoded.get("msg", said)) if isinstance(decoded, dict) else said
    _, marker, quoted = said.partition('msg="')
    if marker:
        said = quoted.rpartition('"')[0].replace('\\"', '"')
    return said.strip()


def environment() -> dict[str, str]:
    """What runtimes and conmon get to see: a search path, nothing else of ours."""
    return {"PATH": os.environ.get("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")}
