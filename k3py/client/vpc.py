"""The VPC daemon's socket as Python functions: for the agent and the command line. Acts.

VpcError
├── VpcUnavailable   nobody answers: the daemon does not run, or went away; ask again later
└── VpcRefused       the daemon's own refusal; ``reason`` is one of ``k3py.model.vpc_socket``'s
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from k3py.model import vpc_socket as messages
from k3py.model.vpc_socket import (
    Allocation,
    Answer,
    AnyRequest,
    AttachPodRequest,
    AttachTapRequest,
    DetachPodRequest,
    DetachTapRequest,
    PodCounters,
    Pong,
    Reachability,
    RouteEntry,
    Traced,
    VpcEntry,
)

T = TypeVar("T")

CONNECT_SECONDS: Final = 5.0
# Attaching a pod may have to get a block from a slow server first.
ANSWER_SECONDS: Final = 60.0
# Counters of a thousand pods are a few megabytes.
ANSWER_BYTES_MAX: Final = 64 * 1024 * 1024
# Half of what the daemon takes, so that people get through too.
CALLS_MAX: Final = 32
IDLE_MAX: Final = 4

_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class VpcError(Exception):
    """Base of what goes wrong here."""


class VpcUnavailable(VpcError):
    """The daemon cannot be asked. Whether a request was carried out is unknown; all may be repeated."""


class _BrokeOff(VpcUnavailable):
    """The connection ended before the answer."""


class VpcRefused(VpcError):
    """The daemon says no. ``reason`` is for programs, ``message`` for people."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class VpcClient:
    """Asks the daemon at the socket ``path``. Calls may run side by side; each connects when it has to.

    Every method raises VpcUnavailable and VpcRefused.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: list[_Streams] = []
        self._room = asyncio.Semaphore(CALLS_MAX)

    async def __aenter__(self) -> "VpcClient":
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections that wait for a call."""
        idle, self._idle = self._idle, []
        for _, writer in idle:
            await _close(writer)

    async def ping(self) -> Pong:
        """How the daemon does."""
        return await self._ask(messages.PingRequest(), Pong)

    async def allocate(self, pod_uid: str, vpc: str) -> Allocation:
        """An address for the pod: the one that it has, else a new one."""
        return await self._ask(messages.AllocateRequest(pod_uid=pod_uid, vpc=vpc), Allocation)

    async def release(self, pod_uid: str) -> None:
        """Give back the pod's address; unknown pods are let be."""
        await self._ask(messages.ReleaseRequest(pod_uid=pod_uid), type(None))

    async def query(self, pod_uid: str) -> Allocation:
        """What the pod has. Refused with NotFound."""
        return await self._ask(messages.QueryRequest(pod_uid=pod_uid), Allocation)

    async def attach_pod(self, request: AttachPodRequest) -> Allocation:
        """Give the pod's network namespace its link and an address."""
        return await self._ask(request, Allocation)

    async def detach_pod(self, request: DetachPodRequest) -> None:
        """Take back what ``attach_pod`` made, the address too; unknown pods are let be."""
        await self._ask(request, type(None))

    async def attach_tap(self, request: AttachTapRequest) -> Allocation:
        """Put a virtual machine's TAP device into the VPC."""
        return await self._ask(request, Allocation)

    async def detach_tap(self, request: DetachTapRequest) -> None:
        """Take back what ``attach_tap`` made, but not the device."""
        await self._ask(request, type(None))

    async def list_vpcs(self) -> list[VpcEntry]:
        """The VPCs as this node knows them."""
        return await self._ask(messages.ListVpcsRequest(), list[VpcEntry])

    async def get_routes(self, vpc: str) -> list[RouteEntry]:
        """Where a VPC's packets go."""
        return await self._ask(messages.GetRoutesRequest(vpc=vpc), list[RouteEntry])

    async def check_reachability(self, pod_uid: str, destination: str) -> Reachability:
        """Whether a pod's packets would get to an IPv4 address or another pod (its uid), and why."""
        request = messages.CheckReachabilityRequest(pod_uid=pod_uid, destination=destination)
        return await self._ask(request, Reachability)

    async def counters(self, pod_uid: str = "") -> list[PodCounters]:
        """What became of packets, of one pod or of all."""
        return await self._ask(messages.CountersRequest(pod_uid=pod_uid), list[PodCounters])

    async def trace(self, after: int = 0, wait_seconds: float = 0.0, pod_uid: str = "") -> Traced:
        """Dropped packets numbered above ``after``; waits up to ``wait_seconds`` for one."""
        request = messages.TraceRequest(after=after, wait_seconds=wait_seconds, pod_uid=pod_uid)
        return await self._ask(request, Traced, ANSWER_SECONDS + max(0.0, wait_seconds))

    # --- one call

    async def _ask(self, request: AnyRequest, kind: type[T], seconds: float = ANSWER_SECONDS) -> T:
        line = msgspec.json.encode(request) + b"\n"
        async with self._room:
            received = await self._exchanged(line, seconds)
        try:
            answer = msgspec.json.decode(received, type=Answer)
            if answer.error is None:
                return msgspec.json.decode(answer.result, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise VpcUnavailable(f"cannot use the answer of the VPC daemon at {self._path}: {error}") from error
        raise VpcRefused(answer.error.reason, answer.error.message)

    async def _exchanged(self, line: bytes, seconds: float) -> bytes:
        if self._idle:
            # The daemon may have been restarted since; every request may be repeated.
            with contextlib.suppress(_BrokeOff):
                return await self._exchange(self._idle.pop(), line, seconds)
        return await self._exchange(await self._connect(), line, seconds)

    async def _exchange(self, streams: _Streams, line: bytes, seconds: float) -> bytes:
        async with self._kept(streams) as (reader, writer):
            try:
                async with asyncio.timeout(seconds):
                    writer.write(line)
                    await writer.drain()
                    received = await reader.readline()
            except TimeoutError:
                raise VpcUnavailable(f"no answer of the VPC daemon within {seconds:g} seconds") from None
            except (OSError, ValueError) as error:
                raise _BrokeOff(f"the VPC daemon at {self._path} broke off: {error}") from error
            if not received.endswith(b"\n"):
                raise _BrokeOff(f"the VPC daemon at {self._path} broke off")
            return received

    @contextlib.asynccontextmanager
    async def _kept(self, streams: _Streams) -> AsyncIterator[_Streams]:
        """The connection is used again when the block ends well."""
        try:
            yield streams
        except BaseException:
            streams[1].transport.abort()
            raise
        if len(self._idle) < IDLE_MAX:
            self._idle.append(streams)
        else:
            await _close(streams[1])

    async def _connect(self) -> _Streams:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                return await asyncio.open_unix_connection(str(self._path), limit=ANSWER_BYTES_MAX)
        except (OSError, TimeoutError) as error:
            why = getattr(error, "strerror", None) or str(error) or "timed out"
            raise VpcUnavailable(
                f"cannot reach the VPC daemon at {self._path}: {why}; is 'k3py vpc' running?"
            ) from error


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
