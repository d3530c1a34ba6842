"""Somebody who talks and answers in a namespace that exists already, by the program that live pods run."""

import subprocess
import sys
from contextlib import ExitStack

from tests.vpc.bpf.live import POD_PROGRAM, Talker


class Speaker(Talker):
    """In the namespace at a path, or in the caller's."""

    def __init__(self, undo: ExitStack, netns: str) -> None:
        command = [*(["nsenter", f"--net={netns}"] if netns else []), sys.executable, "-c", POD_PROGRAM]
        self.process = undo.enter_context(
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        )
        undo.callback(self.process.kill)
        self.pid = self.process.pid
        self.hears("ready")
        self.asks("go", "listening")

    def hears_something(self) -> str:
        """The next line."""
        assert self.process.stdout
        return self.process.stdout.readline().removesuffix("\n")
