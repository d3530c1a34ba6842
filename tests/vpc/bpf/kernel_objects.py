"""A bpffs of its own, and a network namespace of its own, for as long as a test needs them."""

import ctypes
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

CLONE_NEWNET = 0x40000000
POD = """
import sys
print("ready", flush=True)
sys.stdin.readline()
"""


@contextmanager
def bpffs(folder: Path) -> Iterator[Path]:
    """A mounted bpffs in a folder; everything pinned in it goes with it."""
    place = folder / "bpf"
    place.mkdir()
    subprocess.run(["mount", "-t", "bpf", "bpffs", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def in_network_namespace(test: Callable[[], None]) -> None:
    """Run a test in a namespace that goes with it; a thread has its own, so the others stay where they are."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            assert libc.unshare(CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
            Path("/proc/sys/net/ipv4/ip_forward").write_text("0")  # a new namespace takes over the machine's
            test()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


def ip(*arguments: object, pid: int | None = None) -> str:
    """iproute2, in this namespace or in that of a process."""
    inside = ["nsenter", "-t", str(pid), "-n"] if pid else []
    done = subprocess.run([*inside, "ip", *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, f"ip {arguments}: {done.stderr}"
    return done.stdout


@contextmanager
def namespace_of_a_process(script: str = POD, here: bool = False) -> Iterator["subprocess.Popen[str]"]:
    """A Python program in a new network namespace, or in the caller's; it says a line when it is there."""
    command = [*([] if here else ["unshare", "-n"]), sys.executable, "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()
