"""Every bound of the HTTP server, in one place, each with its reason."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds of one server. Sizes are bytes, times are seconds."""

    # Request line and header fields together. Bearer tokens and long selectors fit; Go's servers allow 1 MiB.
    head_bytes: int = 64 * 1024
    # Header fields in one request. Clients send about ten; old kubectl repeats X-Stream-Protocol-Version five times.
    header_count: int = 128
    # One body: what kube-apiserver allows (``MaxRequestBodyBytes``).
    body_bytes: int = 3 * 1024 * 1024
    # Bodies that are being received, all connections together: a bound on memory that no client can lift. One address
    # may have a quarter of it. The beginning of a body is not counted: small writes go on beside who fills it.
    bodies_bytes: int = 256 * 1024 * 1024
    bodies_bytes_per_client: int = 64 * 1024 * 1024
    body_bytes_free: int = 16 * 1024
    # From the first byte of a head to its end, and from there to the end of the body. Never extended by trickling.
    head_seconds: float = 10
    body_seconds: float = 60
    # A kept connection without a request. Above client-go's 90 s, so that normally the client closes.
    idle_seconds: float = 120
    # From the request to the answer of an asynchronous handler (streams excepted): kube-apiserver's request timeout.
    handler_seconds: float = 60
    # A client that takes none of an answer's bytes for so long is gone.
    write_seconds: float = 60
    handshake_seconds: float = 10
    # After a refusal with unread input: time for the client to read the answer before the socket closes.
    linger_seconds: float = 1
    # Unsent bytes of all watches and other streams together: who is furthest behind is cut off first.
    backlog_bytes: int = 256 * 1024 * 1024
    # Open connections, and those of one address; what is beyond takes the place of one without a request. Ten thousand
    # watchers and one agent host with a thousand fit; a balancer in front of all clients needs more for its address.
    connections: int = 16_384
    connections_per_client: int = 4_096
    # Handshakes of one address that have not ended; beyond, the oldest is given up. An honest one takes milliseconds,
    # but a thousand watchers come back at once when a server has started again.
    handshakes_per_client: int = 2_048
    # Requests of one connection handled before others get their turn: two tenths of a millisecond of simple ones.
    pipelined_requests: int = 4
    # Bytes of later requests kept while one is being answered; then the socket is not read any more.
    pipelined_bytes: int = 64 * 1024
