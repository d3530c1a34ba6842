"""Just enough of an API server for kubectl: discovery, one pod, exec and port-forward, over TLS as in production."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from k3py.api.http.messages import Answer, Request, Response
from k3py.api.http.server import HttpServer
from k3py.api.streams.port_forward import Connect, upgrade_port_forward
from k3py.api.streams.remote_command import RemoteCommandOptions, Run, upgrade_remote_command
from k3py.model.errors import NotFound
from tests.api.http.certificates import Authority, server_context

POD = {
    "kind": "Pod",
    "apiVersion": "v1",
    "metadata": {"name": "web", "namespace": "default", "uid": "u", "resourceVersion": "1"},
    "spec": {"nodeName": "n1", "containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 80}]}]},
    "status": {"phase": "Running"},
}
RESOURCES = {
    "kind": "APIResourceList",
    "apiVersion": "v1",
    "groupVersion": "v1",
    "resources": [
        {"name": "pods", "singularName": "pod", "namespaced": True, "kind": "Pod", "verbs": ["get", "list"]},
        {"name": "pods/exec", "singularName": "", "namespaced": True, "kind": "PodExecOptions", "verbs": ["create"]},
    ],
}
PLAIN = {
    "/api": {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    "/api/v1": RESOURCES,
    "/api/v1/namespaces/default/pods/web": POD,
}
VENV = Path(__file__).parents[3] / ".venv"
# Today's, and those of other generations where they are installed (1.29 still speaks SPDY).
KUBECTLS = [path for path in [VENV / "bin/kubectl", *sorted(VENV.glob("clients/*/kubectl"))] if path.exists()]
KUBECTL_SECONDS = 30.0


def options_of(request: Request) -> RemoteCommandOptions:
    def flag(name: str) -> bool:
        return request.query.get(name, [""])[0] in ("true", "1")

    return RemoteCommandOptions(flag("stdin"), flag("stdout"), flag("stderr"), flag("tty"))


class PodServer:
    """Answers kubectl; ``upgrades`` says which protocol each stream asked for."""

    def __init__(self, run: Run | None = None, connect: Connect | None = None) -> None:
        self._run = run
        self._connect = connect
        self.upgrades: list[str] = []
        self.server = HttpServer(self._handle)
        self.port = 0
        self.ca = Path()

    def _handle(self, request: Request) -> Answer:
        if request.path.endswith("/exec") and self._run is not None:
            self._note(request)
            return upgrade_remote_command(request, options_of(request), self._run)
        if request.path.endswith("/portforward") and self._connect is not None:
            self._note(request)
            return upgrade_port_forward(request, self._connect)
        if request.path in PLAIN:
            return Response(200, json.dumps(PLAIN[request.path]).encode())
        raise NotFound(f"the server could not find the requested resource {request.path}")

    def _note(self, request: Request) -> None:
        subprotocols = request.header(b"sec-websocket-protocol")
        self.upgrades.append(f"{request.header(b'upgrade').lower()} {subprotocols}".strip())


@asynccontextmanager
async def pod_server(folder: Path, run: Run | None = None, connect: Connect | None = None) -> AsyncIterator[PodServer]:
    """Serve on a free port of 127.0.0.1; certificates go into ``folder``."""
    authority = Authority(folder)
    pair = authority.issue("server")
    served = PodServer(run, connect)
    served.port = await served.server.start("127.0.0.1", 0, server_context(pair.cert, pair.key, authority.file))
    served.ca = authority.file
    try:
        yield served
    finally:
        await served.server.stop(grace_seconds=1)


async def start_kubectl(binary: Path, served: PodServer, home: Path, *words: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        binary,
        f"--server=https://127.0.0.1:{served.port}",
        f"--certificate-authority={served.ca}",
        "--token=test",
        f"--cache-dir={home}",
        *words,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "HOME": str(home)},
    )


async def kubectl(
    binary: Path, served: PodServer, home: Path, *words: str, stdin: bytes = b""
) -> tuple[int, bytes, bytes]:
    """Run kubectl to its end: exit code, output, errors."""
    process = await start_kubectl(binary, served, home, *words)
    try:
        out, errors = await asyncio.wait_for(process.communicate(stdin), KUBECTL_SECONDS)
    finally:
        await ended(process)
    return process.returncode or 0, out, errors


async def ended(process: asyncio.subprocess.Process) -> None:
    """Leave no process behind."""
    if process.returncode is None:
        process.kill()
        await process.wait()


def status(code: int) -> dict[str, object]:
    """A command's exit code as kubelet tells it."""
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    return {
        "metadata": {},
        "status": "Failure",
        "reason": "NonZeroExitCode",
        "message": f"command terminated with non-zero exit code: {code}",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }
