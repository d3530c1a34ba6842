"""Runs one command with a terminal in a container and tells its exit code. Standard library only, no k3py imports.

Runtimes give a terminal's master only to a socket, and only in detached form; then nobody but the process's parent can
know the exit code. This process becomes that parent, as a subreaper (prctl(2)). It hands the master to whoever started
it, so no byte passes through here, and it ends the command when that one is gone.

Started as ``python -I -S exec_shim.py SOCKET_FD FOLDER RUNTIME ROOT CONTAINER_ID``. FOLDER holds ``process.json``.
SOCKET_FD is a SEQPACKET socket, on which come: ``terminal`` with the descriptor, then ``exit N``; or ``failed TEXT``.
"""

import contextlib
import ctypes
import os
import select
import signal
import socket
import subprocess
import sys

PR_SET_CHILD_SUBREAPER = 36
START_SECONDS_MAX = 30
MESSAGE_BYTES_MAX = 4096


def main(arguments: list[str]) -> int:
    """The whole life of the shim; its exit code is of no meaning."""
    descriptor, folder, *target = arguments
    owner = socket.socket(fileno=int(descriptor))
    os.set_inheritable(owner.fileno(), False)
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    os.chdir(folder)  # a socket's address may have 108 bytes only, so it is named relative to here
    console = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    console.bind("console")
    console.listen(1)
    console.settimeout(START_SECONDS_MAX)
    problem = start(owner, console, target)
    if problem:
        with contextlib.suppress(OSError):
            owner.send(b"failed " + problem[-MESSAGE_BYTES_MAX:])
        return 1
    with open("pid") as file:
        code = wait(owner, int(file.read()))
    with contextlib.suppress(OSError):
        owner.send(b"exit %d" % code)
    return 0


def start(owner: socket.socket, console: socket.socket, target: list[str]) -> bytes:
    """Have the runtime start the command and hand its terminal on. Returns what went wrong, empty if nothing."""
    path, root, container_id = target
    line = [path, "--root", root, "exec", "--detach", "--tty", "--console-socket", "console"]
    line += ["--pid-file", "pid", "--process", "process.json", container_id]
    with open("errors", "wb") as errors:
        runtime = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors)
    ended = os.pidfd_open(runtime.pid)
    ready, _, _ = select.select([console.fileno(), ended], [], [], START_SECONDS_MAX)
    os.close(ended)
    master = None
    if console.fileno() in ready:
        connection, _ = console.accept()
        with connection:
            _, received, _, _ = socket.recv_fds(connection, MESSAGE_BYTES_MAX, 1)
            master = received[0] if received else None
    failed = runtime.wait() != 0
    if failed or master is None:
        return last_words(master) or b"the runtime gave no terminal"
    with contextlib.suppress(OSError):
        socket.send_fds(owner, [b"terminal"], [master])
    os.close(master)
    return b""


def last_words(master: int | None) -> bytes:
    """What the runtime said: to its standard error, or, crun, to the new terminal."""
    with open("errors", "rb") as file:
        said = file.read()
    if said or master is None:
        return said
    os.set_blocking(master, False)
    with contextlib.suppress(OSError):
        said = os.read(master, MESSAGE_BYTES_MAX)
    return said


def wait(owner: socket.socket, pid: int) -> int:
    """The command's exit code. Its owner's end ends it, as closing a terminal does, and for sure."""
    ended = os.pidfd_open(pid)
    ready, _, _ = select.select([owner.fileno(), ended], [], [])
    if ended not in ready:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(ended, signal.SIGKILL)
    os.close(ended)
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
