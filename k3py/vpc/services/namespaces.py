"""How the kernel calls a network namespace. Acts."""

import socket
import threading
from typing import Final

from k3py.vpc.services.udp_cut import enter

# Options of getsockopt(2) that Python does not name (``asm-generic/socket.h``).
_SO_NETNS_COOKIE: Final = 71
_COOKIE_BYTES: Final = 8


def own_cookie() -> int:
    """The cookie of the calling thread's network namespace; no other namespace gets it until the machine restarts."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        return int.from_bytes(asking.getsockopt(socket.SOL_SOCKET, _SO_NETNS_COOKIE, _COOKIE_BYTES), "little")


def cookie(netns: str) -> int:
    """The cookie of the network namespace of that path. Blocks for the fraction of a millisecond. Raises OSError."""
    found: list[int] = []
    failed: list[OSError] = []

    def visit() -> None:
        try:
            enter(netns)
            found.append(own_cookie())
        except OSError as error:
            failed.append(error)

    visitor = threading.Thread(target=visit)  # it must not come back: a namespace belongs to a thread
    visitor.start()
    visitor.join()
    if failed:
        raise failed[0]
    return found[0]
