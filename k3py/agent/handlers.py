"""Carries out what probes and lifecycle hooks ask for: a command, an HTTP request, a TCP connection, a sleep."""

import asyncio
import contextlib
import os
import ssl
from collections.abc import Sequence
from typing import Final, Protocol

from k3py.agent.network import Network
from k3py.model.generated.core_v1 import Container, ExecAction, HTTPGetAction, SleepAction, TCPSocketAction
from k3py.runtime.port import CannotExec, Runtime, RuntimeProblem, TimedOut

# kubelet reads 10 KiB of a probe's answer; people see it in the event.
ANSWER_BYTES_MAX: Final = 10 * 1024
HEAD_BYTES_MAX: Final = 64 * 1024


class HandlerFailed(Exception):
    """The handler ran and the result is bad; the text is for the event."""


class Handler(Protocol):
    """What ``Probe`` and ``LifecycleHandler`` have in common."""

    exec: ExecAction | None
    http_get: HTTPGetAction | None
    tcp_socket: TCPSocketAction | None


class Handlers:
    """Runs handlers against the containers of this node."""

    def __init__(self, runtime: Runtime, network: Network) -> None:
        self._runtime = runtime
        self._network = network

    async def run(
        self, handler: Handler, pod_uid: str, container: Container, container_id: str, timeout_seconds: float
    ) -> bytes:
        """Carry it out; what it answered. A handler of no known kind succeeds: there is nothing to find out.

        Raises:
            HandlerFailed: it failed, or did not end in time.
        """
        sleep = getattr(handler, "sleep", None)
        try:
            async with asyncio.timeout(timeout_seconds):
                if handler.exec is not None:
                    return await self._exec(container_id, handler.exec.command, timeout_seconds)
                if handler.http_get is not None:
                    return await self._http(handler.http_get, pod_uid, container)
                if handler.tcp_socket is not None:
                    await self._tcp(handler.tcp_socket, pod_uid, container)
                if isinstance(sleep, SleepAction):
                    await asyncio.sleep(sleep.seconds)
        except TimeoutError as problem:
            raise HandlerFailed(f"timed out after {timeout_seconds:g}s") from problem
        return b""

    async def _exec(self, container_id: str, command: Sequence[str], timeout_seconds: float) -> bytes:
        try:
            result = await self._runtime.exec_sync(container_id, command, timeout_seconds)
        except TimedOut as problem:
            text = f"command timed out: {' '.join(command)!r} timed out after {timeout_seconds:g}s"
            raise HandlerFailed(text) from problem
        except CannotExec as problem:
            raise HandlerFailed(str(problem)) from problem
        except RuntimeProblem as problem:
            raise HandlerFailed(f"cannot run the command: {problem}") from problem
        output = result.stdout + result.stderr
        if result.exit_code != 0:
            text = output[:ANSWER_BYTES_MAX].decode("utf-8", "replace")
            raise HandlerFailed(text or f"command exited with {result.exit_code}")
        return output

    def _shown_host(self, host: str, pod_uid: str) -> str:
        """The host in messages and requests: the one asked for, else the pod's address."""
        return host or next(iter(self._network.addresses(pod_uid)), "127.0.0.1")

    async def _connect(
        self, host: str, port: int, pod_uid: str, tls: ssl.SSLContext | None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A host of the pod's choice is asked from the pod's network: the node reaches every VPC, the pod does not."""
        target = "" if host else self._network.node_address(pod_uid)
        try:
            if target:
                return await asyncio.open_connection(target, port, limit=HEAD_BYTES_MAX, ssl=tls)
            connected = await self._runtime.connect(pod_uid, port, host)
            name = host or "localhost" if tls else None
            return await asyncio.open_connection(sock=connected, limit=HEAD_BYTES_MAX, ssl=tls, server_hostname=name)
        except (OSError, RuntimeProblem) as problem:
            reason = reason_of(problem)
            shown = self._shown_host(host, pod_uid)
            raise HandlerFailed(f"dial tcp {shown}:{port}: connect: {reason}") from problem

    async def _tcp(self, action: TCPSocketAction, pod_uid: str, container: Container) -> None:
        _, writer = await self._connect(action.host, port_number(container, action.port), pod_uid, None)
        writer.close()

    async def _http(self, action: HTTPGetAction, pod_uid: str, container: Container) -> bytes:
        port = port_number(container, action.port)
        scheme = (action.scheme or "HTTP").lower()
        path = action.path if action.path.startswith("/") else f"/{action.path}"
        host = self._shown_host(action.host, pod_uid)
        url = f"{scheme}://{host}:{port}{path}"
        try:
            reader, writer = await self._connect(
                action.host, port, pod_uid, _unverified() if scheme == "https" else None
            )
        except HandlerFailed as problem:
            raise HandlerFailed(f'Get "{url}": {problem}') from problem
        try:
            writer.write(request_head(action, path, f"{host}:{port}"))
            await writer.drain()
            status = parse_status_line(await reader.readline())
            with contextlib.suppress(ValueError):
                while (await reader.readline()).strip():
                    pass
            body = await reader.read(ANSWER_BYTES_MAX)
        except (OSError, ValueError, asyncio.IncompleteReadError) as problem:
            raise HandlerFailed(f'Get "{url}": {problem}') from problem
        finally:
            writer.close()
        if not 200 <= status < 400:
            raise HandlerFailed(f"HTTP probe failed with statuscode: {status}")
        return body


def reason_of(problem: OSError | RuntimeProblem) -> str:
    """Why a connection failed, in the kernel's words: asyncio's own text names an address that users do not know."""
    if isinstance(problem, OSError) and problem.errno:
        return os.strerror(problem.errno).lower()
    return str(problem).lower()


def request_head(action: HTTPGetAction, path: str, host: str) -> bytes:
    """The HTTP/1.1 request of a probe or hook (RFC 9112) to ``host``; a header of the pod's replaces ours."""
    headers = {"Host": host, "User-Agent": "kube-probe/1.36", "Accept": "*/*"}
    for each in action.http_headers:
        headers = {key: value for key, value in headers.items() if key.lower() != each.name.lower()}
        headers[each.name] = each.value
    headers["Connection"] = "close"
    lines = [f"GET {path} HTTP/1.1", *(f"{key}: {value}" for key, value in headers.items()), "", ""]
    return "\r\n".join(line.replace("\r", "").replace("\n", "") for line in lines).encode("utf-8", "replace")


def parse_status_line(line: bytes) -> int:
    """The status code of an HTTP/1.x answer.

    Raises:
        ValueError: the line is none.
    """
    words = line.split(None, 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit() or len(words[1]) != 3:
        raise ValueError(f"malformed HTTP response {line[:60].decode('ascii', 'replace')!r}" if line else "EOF")
    return int(words[1])


def port_number(container: Container, port: int | str) -> int:
    """The number of a port that is given by number or by the name it has in the container.

    Raises:
        HandlerFailed: there is no such port.
    """
    if isinstance(port, int):
        number = port
    else:
        named = [each.container_port for each in container.ports if each.name == port]
        number = named[0] if named else int(port) if port.isdigit() else 0
    if not 0 < number < 65536:
        raise HandlerFailed(f"couldn't find port: {port}")
    return number


def _unverified() -> ssl.SSLContext:
    """Probes ask whether something answers, not who it is; kubelet does not verify either."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
