"""The tests have a network of their own: what they change in it is gone with them, and nobody else hears of it."""

import os

import pytest

from k3py.runtime import kernel
from k3py.runtime.sandbox import bring_up_loopback


def pytest_sessionstart(session: pytest.Session) -> None:
    """Leave the host's network namespace before anything has a thread or a socket. Children follow."""
    if os.geteuid() == 0 and not session.config.option.collectonly:
        kernel.unshare(kernel.CLONE_NEWNET)
        bring_up_loopback()
