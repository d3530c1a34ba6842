"""Finds out about this host what ``checks`` judges. Acts: reads the kernel's files and asks programs their version."""

import ctypes
import os
import platform
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Final

from k3py.base.paths import Paths
from k3py.cli.certificates import certificates
from k3py.cli.checks import Facts, Tool
from k3py.cli.processes import status_of
from k3py.daemons.settings import BadSetting, ServerSettings, config_files, load
from k3py.runtime.cgroups import Layout, detect
from k3py.runtime.port import NotSupported
from k3py.runtime.runc import choose_runtime

VERSION_SECONDS: Final = 5.0
_STA_UNSYNC: Final = 0x40  # adjtimex(2): nothing disciplines the clock
_TIMEX_BYTES: Final = 512  # the struct has 208; the fields read are its first three words
_LISTEN: Final = "0A"  # state of a socket in /proc/net/tcp


def gather(paths: Paths) -> Facts:
    """The facts. What cannot be found out is left empty."""
    layout = _layout()
    server, agent, vpc = (status_of(paths, name).read() is not None for name in ("server", "agent", "vpc"))
    settings = _settings(paths)
    store = settings.store or str(paths.server_store)
    folder = _existing(Path(store)) if store.startswith("/") else paths.root
    filesystem, device = _mount_of(folder)
    free = _is_free(settings.port)
    return Facts(
        user=os.geteuid(),
        kernel=platform.release(),
        cgroups=_cgroup_word(layout),
        controllers=frozenset(layout.v1) | layout.unified_controllers,
        filesystems=frozenset(line.split()[-1] for line in _text("/proc/filesystems").splitlines() if line.split()),
        conmon=_tool(shutil.which("conmon") or ""),
        runtime=_tool(_runtime(layout)),
        port=settings.port,
        port_is_free=free,
        port_holder="" if free else _holder(settings.port),
        server_runs=server,
        agent_runs=agent,
        vpc_runs=vpc,
        set_up=paths.server_store.exists() or paths.admin_kubeconfig.exists(),
        store=store,
        store_filesystem=filesystem,
        store_write_cache=_write_cache(device),
        free_bytes=shutil.disk_usage(folder).free,
        now=time.time(),
        clock_is_synchronised=_is_synchronised(),
        certificates=certificates(paths),
    )


def _settings(paths: Paths) -> ServerSettings:
    try:
        return load(ServerSettings, {}, os.environ, config_files(paths.config / "config.yaml"))[0]
    except BadSetting:
        return ServerSettings()


def _layout() -> Layout:
    try:
        return detect()
    except OSError:
        return Layout()


def _cgroup_word(layout: Layout) -> str:
    if not layout.trees:
        return ""
    return "v2" if layout.is_v2 else "hybrid" if layout.hybrid else "v1"


def _runtime(layout: Layout) -> str:
    try:
        return choose_runtime(layout.hybrid)
    except NotSupported:
        return ""


def _tool(path: str) -> Tool:
    """A program and the first line it says when asked for its version."""
    if not path:
        return Tool()
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=VERSION_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Tool(path, problem=str(error))
    said = (done.stdout or done.stderr).strip().splitlines()
    first = said[0] if said else ""
    return Tool(path, first) if done.returncode == 0 else Tool(path, problem=first or f"exit code {done.returncode}")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True


def _holder(port: int) -> str:
    """``name (pid)`` of the process that listens on a port; empty when it cannot be seen."""
    inodes = {
        f"socket:[{fields[9]}]"
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for fields in (line.split() for line in _text(table).splitlines()[1:])
        if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port
    }
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            if any(os.readlink(each) in inodes for each in (process / "fd").iterdir()):
                return f"{_text(process / 'comm').strip()} ({process.name})"
        except OSError:
            continue  # it has ended, or is not ours to look at
    return ""


def _existing(path: Path) -> Path:
    """The path or the nearest folder above it that exists."""
    return next(each for each in (path, *path.parents) if each.exists())


def _mount_of(path: Path) -> tuple[str, str]:
    """File system type and device number (``8:1``) of what is mounted where the path lies."""
    best = (-1, "", "")
    resolved = path.resolve()
    for line in _text("/proc/self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        point = Path(before.split(" ")[4])
        if resolved.is_relative_to(point) and len(point.parts) >= best[0]:
            best = (len(point.parts), after.split(" ")[0], before.split(" ")[2])
    return best[1], best[2]


def _write_cache(device: str) -> str:
    """``write back`` or ``write through``, of the disk below a device; empty when there is no disk."""
    block = Path(f"/sys/dev/block/{device}")
    for folder in (block, block.resolve().parent if block.exists() else block):
        if text := _text(folder / "queue/write_cache").strip():
            return text
    return ""


def _is_synchronised() -> bool:
    """Whether something disciplines the clock (adjtimex(2)); true when that cannot be asked."""
    buffer = (ctypes.c_char * _TIMEX_BYTES)()
    try:
        if ctypes.CDLL(None, use_errno=True).adjtimex(buffer) < 0:
            return True
    except AttributeError:
        return True
    # struct timex: modes (int), offset, freq, maxerror, esterror (long), status (int)
    words = ctypes.cast(buffer, ctypes.POINTER(ctypes.c_long))
    return not ctypes.c_int(words[5]).value & _STA_UNSYNC


def _text(path: str | Path) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
