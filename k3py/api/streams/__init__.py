"""Exec, attach and port-forward: WebSocket, SPDY/3.1 and the channel protocols that kubectl speaks inside them."""
