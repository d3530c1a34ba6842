"""Every step of a container's and a sandbox's life, named, so that a test can end the process after each of them."""

import enum
from collections.abc import Callable


class Step(enum.Enum):
    """What has just been done when the hook is called."""

    SANDBOX_RECORDED = "start sandbox: record written"
    SANDBOX_CGROUP = "start sandbox: cgroup made"
    SANDBOX_PINNED = "start sandbox: namespaces pinned"
    SANDBOX_PAUSE_CREATED = "start sandbox: pause created"
    SANDBOX_PAUSE_STARTED = "start sandbox: pause started"
    SANDBOX_PROCESSES_PINNED = "start sandbox: process namespace pinned"
    CREATE_RECORDED = "create: record written"
    CREATE_MOUNTED = "create: root mounted"
    CREATE_CONFIGURED = "create: configuration and cgroup written"
    CREATE_ANSWERED = "create: conmon answered"
    CREATE_IDENTIFIED = "create: identities recorded"
    START_RECORDED = "start: record written"
    START_ORDERED = "start: command runs"
    START_CONFIRMED = "start: confirmed"
    STOP_SIGNALLED = "stop: signal sent"
    STOP_KILLED = "stop: killed"
    REMOVE_KILLED = "remove: processes ended"
    REMOVE_FORGOTTEN = "remove: runtime forgot it"
    REMOVE_UNMOUNTED = "remove: root unmounted"
    REMOVE_CGROUP = "remove: cgroup removed"
    REMOVE_EXIT = "remove: exit file removed"
    REMOVE_FILES = "remove: files removed"
    TEARDOWN_RECORDED = "stop sandbox: record written"
    TEARDOWN_KILLED = "stop sandbox: processes ended"
    TEARDOWN_FORGOTTEN = "stop sandbox: runtime forgot the containers"
    TEARDOWN_UNMOUNTED = "stop sandbox: unmounted"
    TEARDOWN_CGROUP = "stop sandbox: cgroup removed"
    TEARDOWN_EXITS = "stop sandbox: exit files removed"
    TEARDOWN_RUN = "stop sandbox: run files removed"
    TEARDOWN_CONTAINERS = "stop sandbox: containers' files removed"
    TEARDOWN_FILES = "stop sandbox: files removed"


Hook = Callable[[Step], None]


def go_on(_: Step) -> None:
    """The hook of everyday life: nothing happens between two steps."""
