"""Logs, exec, attach and port-forward: the API's end of a stream to the node that runs the pod.

The node is reached through a port (the tunnel's hub in the server, a fake in tests); what travels on a stream is
settled in ``model/streams``.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from k3py.api.bridge import PodConnection, bridge, copy_log, first_message
from k3py.api.http.messages import BodyWriter, Request, Response, StreamResponse, Upgrade
from k3py.api.log_options import check_log_options, logs_request
from k3py.api.parameters import Query, first, flag
from k3py.api.routing import Target
from k3py.api.streams.port_forward import Duplex, upgrade_port_forward
from k3py.api.streams.remote_command import RemoteCommand, RemoteCommandOptions, upgrade_remote_command
from k3py.model import codec
from k3py.model.errors import BadRequest, Problem
from k3py.model.generated import core_v1
from k3py.model.streams import Attach, Exec, MessageStream, PortForward, StreamRequest
from k3py.objects.service import Objects

Pod = core_v1.Pod
# A log that has begun is taken at once, by whoever is still there.
TAKEN_SECONDS_MAX: Final = 30.0


class NodeStreams(Protocol):
    """Opens streams to nodes."""

    async def open(self, node: str, request: StreamRequest) -> MessageStream:
        """A stream to the node.

        Raises:
            NodeUnreachable: the node is not connected.
        """
        ...


def pick_container(pod: Pod, asked: str) -> str:
    """The container a request speaks of.

    Raises:
        BadRequest: it names none and there are several, or one that the pod does not have; in Kubernetes' words.
    """
    regular = [each.name for each in pod.spec.containers]
    init = [each.name for each in pod.spec.init_containers]
    others = [each.name for each in pod.spec.ephemeral_containers]
    name = pod.metadata.name
    if not asked:
        if len(regular) == 1:
            return regular[0]
        choices = f"choose one of: [{' '.join(regular)}]"
        if init:
            choices += f" or one of the init containers: [{' '.join(init)}]"
        raise BadRequest(f"a container name must be specified for pod {name}, {choices}")
    if asked not in (*regular, *init, *others):
        raise BadRequest(f"container {asked} is not valid for pod {name}")
    return asked


class PodStreams:
    """Serves the streaming subresources of pods."""

    def __init__(self, objects: Objects, nodes: NodeStreams) -> None:
        self._objects = objects
        self._nodes = nodes

    def _pod(self, target: Target) -> Pod:
        return codec.decode(Pod, self._objects.get(target.kind, target.namespace, target.name).raw)

    async def _open(self, pod: Pod, request: StreamRequest) -> MessageStream:
        return await self._nodes.open(pod.spec.node_name, request)

    async def log(self, request: Request, target: Target) -> Response | StreamResponse:
        """What a container wrote; refused while it has not started."""
        query = request.query
        check_log_options(query, target.name)
        pod = self._pod(target)
        container = pick_container(pod, first(query, "container"))
        asked = logs_request(pod, container, query)
        if not pod.spec.node_name:
            return Response(200, b"", "text/plain")
        stream = await self._open(pod, asked)
        head = await first_message(stream)
        # A client that left meanwhile never takes what it asked for.
        loop = asyncio.get_running_loop()
        abandoned = loop.call_later(TAKEN_SECONDS_MAX, stream.reset, "the client is gone")

        async def run(writer: BodyWriter) -> None:
            abandoned.cancel()
            writer.on_stop = lambda: stream.reset("the server stops")
            try:
                await copy_log(stream, head, writer)
            finally:
                stream.reset("the client is gone")

        return StreamResponse(run, content_type="text/plain")

    def exec(self, request: Request, target: Target) -> Upgrade:
        """Run a command in a container."""
        pod, query = self._running(target), request.query
        options = _command_options(query)
        command = tuple(query.get("command", ()))
        if not command:
            raise BadRequest("you must specify at least one command for the container")
        container = pick_container(pod, first(query, "container"))
        asked = Exec(
            namespace=pod.metadata.namespace,
            pod=pod.metadata.name,
            uid=pod.metadata.uid,
            container=container,
            command=command,
            stdin=options.stdin,
            stdout=options.stdout,
            stderr=options.stderr,
            tty=options.tty,
        )
        return upgrade_remote_command(request, options, self._bridge(pod, asked))

    def attach(self, request: Request, target: Target) -> Upgrade:
        """Connect to what a container runs already."""
        pod, options = self._running(target), _command_options(request.query)
        asked = Attach(
            namespace=pod.metadata.namespace,
            pod=pod.metadata.name,
            uid=pod.metadata.uid,
            container=pick_container(pod, first(request.query, "container")),
            stdin=options.stdin,
            stdout=options.stdout,
            stderr=options.stderr,
            tty=options.tty,
        )
        return upgrade_remote_command(request, options, self._bridge(pod, asked))

    def port_forward(self, request: Request, target: Target) -> Upgrade:
        """Carry connections to ports of a pod."""
        pod = self._running(target)

        async def connect(port: int) -> Duplex:
            metadata = pod.metadata
            asked = PortForward(namespace=metadata.namespace, pod=metadata.name, uid=metadata.uid, port=port)
            return PodConnection(await self._open(pod, asked))

        return upgrade_port_forward(request, connect)

    def _running(self, target: Target) -> Pod:
        pod = self._pod(target)
        if pod.status.phase in ("Succeeded", "Failed"):
            raise BadRequest(f"cannot exec into a container in a completed pod; current phase is {pod.status.phase}")
        if not pod.spec.node_name:
            raise BadRequest(f"pod {pod.metadata.name} does not have a host assigned")
        return pod

    def _bridge(self, pod: Pod, asked: StreamRequest) -> Callable[[RemoteCommand], Awaitable[None]]:
        async def run(command: RemoteCommand) -> None:
            try:
                stream = await self._open(pod, asked)
            except Problem as problem:
                await command.finish(problem.status())
                return
            await bridge(command, stream)

        return run


def _flag(query: Query, name: str) -> bool:
    return bool(flag(query, name))


def _command_options(query: Query) -> RemoteCommandOptions:
    options = RemoteCommandOptions(
        stdin=_flag(query, "stdin"),
        stdout=_flag(query, "stdout"),
        stderr=_flag(query, "stderr"),
        tty=_flag(query, "tty"),
    )
    if not (options.stdin or options.stdout or options.stderr):
        raise BadRequest("you must specify at least 1 of stdin, stdout, stderr")
    return options
