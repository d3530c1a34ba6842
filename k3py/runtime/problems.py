"""What a runtime could not do. The errors a caller can act on::

RuntimeProblem
├── NoSuchSandbox      start it first
├── NoSuchContainer    create it first
├── WrongState         the container is past (or before) what was asked
├── CannotStart        the runtime refused; `reason` is what Kubernetes shows in `state.waiting.reason`
├── CannotExec         the command could not be started in the container; `exit_code` as a shell would say it
├── TimedOut           the command was ended because its time was over
└── NotSupported       this host or runtime cannot do it at all
"""


class RuntimeProblem(Exception):
    """Something the runtime could not do; the message says what, on what, and why."""


class NoSuchSandbox(RuntimeProblem):
    """No sandbox of that pod uid exists here."""


class NoSuchContainer(RuntimeProblem):
    """No container of that id exists here."""


class WrongState(RuntimeProblem):
    """The container's state does not allow it (start of an ended one, exec into one that does not run)."""


class CannotStart(RuntimeProblem):
    """The container cannot be made or started. ``reason``: ``CreateContainerError`` or ``RunContainerError``."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class CannotExec(RuntimeProblem):
    """The command could not be started: 126 not executable, 127 not found, as POSIX shells have it."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class TimedOut(RuntimeProblem):
    """The time given was over; the command has been killed."""


class NotSupported(RuntimeProblem):
    """This host, or this runtime, cannot do it."""
