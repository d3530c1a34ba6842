"""Warnings and errors on standard error. Acts."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from k3py.cli.app import Failure
from k3py.cli.session import Answer
from k3py.model.errors import NotFound, Problem


def warn(answer: Answer) -> None:
    """Print the warnings that came with an answer."""
    for each in answer.warnings:
        print(f"Warning: {each}", file=sys.stderr)


class Errors:
    """What goes wrong with one of several objects does not keep the others from being tried."""

    def __init__(self, *, ignore_not_found: bool = False) -> None:
        self._exit_code = 0
        self._ignore_not_found = ignore_not_found

    @property
    def any(self) -> bool:
        """Something went wrong."""
        return bool(self._exit_code)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """An error inside is printed, and decides the exit code of the command if it is the first."""
        try:
            yield
        except Problem as problem:
            if self._ignore_not_found and isinstance(problem, NotFound):
                return
            self.add(problem.message, problem.exit_code)
        except Failure as failure:
            self.add(str(failure), failure.exit_code)

    def add(self, message: str, exit_code: int) -> None:
        """Print an error and remember its exit code."""
        print(f"error: {message}", file=sys.stderr)
        self._exit_code = self._exit_code or exit_code

    def end(self) -> None:
        """End the process with the exit code of the first error, if there was one."""
        if self._exit_code:
            raise SystemExit(self._exit_code)
