"""Serves the streams that the server opens to this node: exec, attach, logs, port-forward, statistics.

Each is written to the end with a Status, also when it fails. A stream that the other end gave up ends everything that
was begun for it; the container goes on.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, Final, Protocol

from k3py.agent.ephemeral import ephemeral_containers
from k3py.agent.observe import attempt_seen, is_running
from k3py.agent.places import Places
from k3py.agent.workers import PodWorker
from k3py.base.clock import Clock, parse_rfc3339
from k3py.model import streams as wire
from k3py.model.errors import BadRequest, InternalError, NotFound, Problem, Unavailable, not_found
from k3py.model.streams import (
    Attach,
    Channel,
    Exec,
    Logs,
    MessageStream,
    NodeStats,
    PortForward,
    StreamRequest,
    StreamReset,
)
from k3py.model.usage import NodeUsage, encode_usage
from k3py.runtime.log_lines import LogOptions
from k3py.runtime.logs import read_log
from k3py.runtime.port import Attachment, CannotExec, ExecProcess, Runtime, RuntimeProblem, Streams
from k3py.runtime.port import Channel as Output

log = logging.getLogger(__name__)

INTERNAL: Final = "Internal error occurred"  # how Kubernetes begins such messages
# Why a container waits, where its log says it in other words than its status does.
_WAITING: Final = {
    "ErrImagePull": "image can't be pulled",
    "ImagePullBackOff": "trying and failing to pull image",
}
_CHANNELS: Final = {"Stdout": frozenset((Output.STDOUT,)), "Stderr": frozenset((Output.STDERR,))}
PORT_FORWARD_READ_BYTES: Final = wire.MESSAGE_BYTES_MAX - 1


class Pods(Protocol):
    """Finds the pods of this node."""

    def find(self, namespace: str, name: str, uid: str) -> PodWorker | None: ...


class PodStreams:
    """All streams of one agent."""

    def __init__(
        self,
        pods: Pods,
        runtime: Runtime,
        places: Places,
        clock: Clock,
        usage: Callable[[], Awaitable[NodeUsage]],
        node_address: Callable[[], str],
    ) -> None:
        """``usage`` says what the node uses, ``node_address`` where others reach it."""
        self._pods, self._runtime, self._places, self._clock = pods, runtime, places, clock
        self._usage, self._node_address = usage, node_address

    async def handle(self, request: StreamRequest, stream: MessageStream) -> None:
        """Serve one stream to its end."""
        try:
            status = await self._serve(request, stream)
        except StreamReset:
            return
        except CannotExec as problem:
            status = wire.problem_status(InternalError(f"{INTERNAL}: error executing command in container: {problem}"))
        except RuntimeProblem as problem:
            status = wire.problem_status(BadRequest(str(problem)))
        except (Problem, OSError) as problem:
            status = wire.problem_status(problem if isinstance(problem, Problem) else InternalError(str(problem)))
        with contextlib.suppress(StreamReset):
            await stream.write(wire.status_message(status))
            await stream.close()

    async def _serve(self, request: StreamRequest, stream: MessageStream) -> dict[str, Any]:
        if isinstance(request, NodeStats):
            return await self._stats(stream)
        if isinstance(request, PortForward) and not request.pod:
            return await self._node_forward(request, stream)
        worker = self._pods.find(request.namespace, request.pod, request.uid)
        if worker is None:
            raise not_found("pods", "", request.pod)
        match request:
            case Exec():
                return await self._exec(worker, request, stream)
            case Attach():
                return await self._attach(worker, request, stream)
            case Logs():
                return await self._logs(worker, request, stream)
            case PortForward():
                return await self._port_forward(worker, request, stream)

    async def _stats(self, stream: MessageStream) -> dict[str, Any]:
        for message in wire.messages(Channel.STDOUT, encode_usage(await self._usage())):
            await stream.write(message)
        return wire.success_status()

    # --- exec and attach

    def _running(self, worker: PodWorker, container: str) -> str:
        known = worker.record.container(container)
        status = attempt_seen(worker.seen, container, known.attempt)
        if status is None or not is_running(status):
            raise NotFound(f'unable to upgrade connection: container not found ("{container}")')
        return status.id

    async def _exec(self, worker: PodWorker, request: Exec, stream: MessageStream) -> dict[str, Any]:
        container_id = self._running(worker, request.container)
        process = await self._runtime.exec(container_id, request.command, request.tty, request.stdin or request.tty)
        try:
            if not request.stdin:
                await process.close_stdin()
            await _together(_output(process, stream), _input(process, stream, tty=request.tty), process)
            return wire.exit_status(await process.wait())
        finally:
            await asyncio.shield(process.kill())

    async def _attach(self, worker: PodWorker, request: Attach, stream: MessageStream) -> dict[str, Any]:
        attachment: Attachment = await self._runtime.attach(self._running(worker, request.container))
        try:
            await _together(_output(attachment, stream), _input(attachment, stream, tty=request.tty), attachment)
            return wire.success_status()
        finally:
            await asyncio.shield(attachment.close())

    # --- logs

    async def _logs(self, worker: PodWorker, request: Logs, stream: MessageStream) -> dict[str, Any]:
        attempt = _log_attempt(worker, request)
        path = self._places.log(worker.record.pod, request.container, attempt)
        options = LogOptions(
            follow=request.follow and not request.previous,
            tail_lines=request.tail_lines,
            since=self._since(request),
            timestamps=request.timestamps,
            limit_bytes=request.limit_bytes,
            channels=_CHANNELS.get(request.stream, frozenset(Output)),
        )
        known = worker.record.container(request.container)
        ended: asyncio.Task[Any] | None = None
        if options.follow:
            status = attempt_seen(worker.seen, request.container, attempt)
            going_on = known.attempt == attempt and status is not None and is_running(status)
            ended = asyncio.create_task(self._end_of(status.id if status is not None and going_on else ""))
            # Says that there is a log, so that the client gets its headers even while nothing is written.
            await stream.write(bytes((Channel.STDOUT,)))
        gone = asyncio.create_task(_until_gone(stream))
        work = asyncio.create_task(_send_log(read_log(path, options, ended), stream))
        try:
            await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
            else:
                gone.result()
        except FileNotFoundError:
            if known.attempt < 0 or request.previous:
                raise
        finally:
            for task in (work, gone, ended):
                if task is not None:
                    task.cancel()
            await asyncio.gather(work, gone, *([ended] if ended else []), return_exceptions=True)
        return wire.success_status()

    async def _end_of(self, container_id: str) -> None:
        with contextlib.suppress(RuntimeProblem):
            if container_id:
                await self._runtime.wait_exit(container_id)

    def _since(self, request: Logs) -> float | None:
        if request.since_time:
            try:
                return parse_rfc3339(request.since_time)
            except ValueError as problem:
                raise BadRequest(str(problem)) from problem
        return None if request.since_seconds is None else self._clock.now() - request.since_seconds

    # --- port-forward

    async def _port_forward(self, worker: PodWorker, request: PortForward, stream: MessageStream) -> dict[str, Any]:
        host = worker.status().pod_ip if request.own_address else ""
        try:
            connected = await self._runtime.connect(worker.record.uid, request.port, host)
        except OSError as problem:
            if host:
                raise _no_connection(host, request.port, problem) from problem
            raise
        return await self._carry(*await asyncio.open_connection(sock=connected), stream)

    async def _node_forward(self, request: PortForward, stream: MessageStream) -> dict[str, Any]:
        host = self._node_address()
        try:
            connected = await asyncio.open_connection(host, request.port)
        except OSError as problem:
            raise _no_connection(host, request.port, problem) from problem
        return await self._carry(*connected, stream)

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, stream: MessageStream
    ) -> dict[str, Any]:
        """Bytes both ways until the other side has closed."""

        async def to_pod() -> None:
            with contextlib.suppress(ConnectionError):
                async for channel, data in _messages(stream):
                    if channel is Channel.STDIN:
                        writer.write(data)
                        await writer.drain()
                    elif channel is Channel.CLOSE:
                        break
                if writer.can_write_eof():
                    writer.write_eof()

        async def to_client() -> None:
            while data := await reader.read(PORT_FORWARD_READ_BYTES):
                for message in wire.messages(Channel.STDOUT, data):
                    await stream.write(message)

        try:
            await _both(to_pod(), to_client())
        finally:
            writer.close()
        return wire.success_status()


def _no_connection(host: str, port: int, problem: OSError) -> Unavailable:
    """Why nothing answers there, in the words of Go's dialer, which Kubernetes passes on."""
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    known = os.strerror(problem.errno).lower() if problem.errno and problem.errno > 0 else str(problem)
    return Unavailable(f"dial tcp {place}: connect: {known}")


def _log_attempt(worker: PodWorker, request: Logs) -> int:
    """Which attempt's log is asked for (kubelet's rules and words)."""
    record, name = worker.record, request.container
    spec = record.pod.spec
    if all(each.name != name for each in (*spec.init_containers, *spec.containers, *ephemeral_containers(spec))):
        raise BadRequest(f"container {name} is not valid for pod {record.pod.metadata.name}")
    known = record.container(name)
    if request.previous:
        if known.previous is not None:
            return known.previous.attempt
        raise BadRequest(f'previous terminated container "{name}" in pod "{record.pod.metadata.name}" not found')
    if known.attempt >= 0 and (known.id or known.ended is not None):
        return known.attempt
    if known.previous is not None:
        return known.previous.attempt
    statuses = worker.status()
    all_statuses = (
        *statuses.init_container_statuses, *statuses.container_statuses, *statuses.ephemeral_container_statuses,
    )  # fmt: skip
    waiting = next((each.state.waiting for each in all_statuses if each.name == name), None)
    reason = waiting.reason if waiting else "ContainerCreating"
    pod_name = record.pod.metadata.name
    text = _WAITING.get(reason, reason)
    raise BadRequest(f'container "{name}" in pod "{pod_name}" is waiting to start: {text}')


async def _messages(stream: MessageStream) -> AsyncIterator[tuple[Channel, bytes]]:
    while (message := await stream.read()) is not None:
        yield wire.split(message)


async def _until_gone(stream: MessageStream) -> None:
    """Read what a client of logs should not send, until it gives up. One that only closed its side still listens."""
    while await stream.read() is not None:
        pass
    await asyncio.Event().wait()


async def _send_log(pieces: AsyncIterator[bytes], stream: MessageStream) -> None:
    async for data in pieces:
        for message in wire.messages(Channel.STDOUT, data):
            await stream.write(message)


async def _output(process: Streams, stream: MessageStream) -> None:
    async for output, data in process.output():
        channel = Channel.STDOUT if output is Output.STDOUT else Channel.STDERR
        for message in wire.messages(channel, data):
            await stream.write(message)


async def _input(process: Streams, stream: MessageStream, *, tty: bool) -> None:
    async for channel, data in _messages(stream):
        if channel is Channel.STDIN:
            await process.write_stdin(data)
        elif channel is Channel.RESIZE and tty:
            size = wire.decode_resize(data)
            await process.resize(size.width, size.height)
        elif channel is Channel.CLOSE and data == bytes((Channel.STDIN,)):
            await process.close_stdin()
    await process.close_stdin()


async def _together(
    output: Coroutine[Any, Any, None], inputs: Coroutine[Any, Any, None], process: ExecProcess | Attachment
) -> None:
    """Until the output has ended; the end of the input changes nothing, a broken stream ends both."""
    writing, reading = asyncio.create_task(output), asyncio.create_task(inputs)
    try:
        await asyncio.wait((writing, reading), return_when=asyncio.FIRST_COMPLETED)
        if reading.done():
            reading.result()
        await writing
    finally:
        for task in (writing, reading):
            task.cancel()
        await asyncio.gather(writing, reading, return_exceptions=True)


async def _both(to_pod: Coroutine[Any, Any, None], to_client: Coroutine[Any, Any, None]) -> None:
    """Until the pod has closed its side; a broken stream ends both."""
    reading, writing = asyncio.create_task(to_pod), asyncio.create_task(to_client)
    try:
        await asyncio.wait((reading, writing), return_when=asyncio.FIRST_COMPLETED)
        if reading.done():
            reading.result()
        await writing
    finally:
        for task in (reading, writing):
            task.cancel()
        await asyncio.gather(reading, writing, return_exceptions=True)
