"""What is asked of the socket programs' side."""

from typing import Protocol


class NamespaceTable(Protocol):
    """Which namespace is in which VPC, as the socket programs know it."""

    def join(self, cookie: int, vpc: int, host: bool, netns: str = "") -> None:
        """Sockets of the namespace with this number resolve services of this VPC; ``host``: it is the node's own.

        ``netns`` is its path; empty for the node's own.
        """
        ...

    def leave(self, cookie: int) -> None:
        """Forget a namespace; it need not be known."""
        ...
