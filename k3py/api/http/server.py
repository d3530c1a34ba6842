"""Listening, counting and stopping: the part of the HTTP server that is about many connections."""

import ssl
from collections.abc import Callable

from k3py.api.http.limits import Limits
from k3py.api.http.messages import Handler


class HttpServer:
    """An HTTP/1.1 server in front of one handler."""

    def __init__(
        self,
        handler: Handler,
        limits: Limits | None = None,
        new_audit_id: Callable[[], str] | None = None,
    ) -> None:
        self._handler = handler
        self._limits = limits or Limits()
        self._new_audit_id = new_audit_id

    async def start(self, host: str, port: int, ssl_context: ssl.SSLContext | None = None) -> int:
        """Listen; returns the port bound (useful when ``port`` is 0)."""
        raise NotImplementedError

    async def stop(self, grace_seconds: float) -> None:
        """Refuse new connections, close idle ones, let running requests end, tell streams, abort after the grace."""
        raise NotImplementedError
