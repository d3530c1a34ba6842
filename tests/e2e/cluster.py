"""A real cluster of one's own on this host: below an own root, on an own port, and gone without a trace afterwards."""

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import httpx

from k3py.base.paths import Paths
from k3py.client.kubeconfig import load_kubeconfig
from k3py.daemons.process import StatusFile
from k3py.runtime import cgroups, kernel
from tests.e2e import inventory
from tests.e2e.lan import NODE, Machine, here

T = TypeVar("T")
Object = dict[str, Any]

BINARIES = Path(sys.executable).parent
CLIENTS = BINARIES.parent / "clients"
BUSYBOX = "docker.io/library/busybox:1.35"
SECONDS = 30.0
# Below the range that the kernel takes the ports of outgoing connections from: nobody gets ours while we are down.
PORTS = range(20000, 30000)
LOOK_SECONDS = 0.02


def until(condition: Callable[[], T | None], what: str, seconds: float = SECONDS) -> T:
    """The first answer of ``condition`` that is true; fails when there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(LOOK_SECONDS)


def free_port(source: random.Random) -> int:
    """A TCP port that nobody listens on."""
    while True:
        port = source.choice(PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("0.0.0.0", port))
            return port


class Said(str):
    """Standard output of a command, with its exit code and standard error."""

    code: int
    errors: str

    @classmethod
    def of(cls, done: "subprocess.CompletedProcess[bytes]") -> "Said":
        made = cls(done.stdout.decode("utf-8", "replace"))
        made.code, made.errors = done.returncode, done.stderr.decode("utf-8", "replace")
        return made


class Host:
    """A root below which daemons and containers run. It knows nothing of a server: joining tests have only agents.

    ``place`` is where its network is: the tests' own, or a machine of the LAN.
    """

    def __init__(self, root: Path, node: str, place: Machine | None = None) -> None:
        self.root = root
        self.node = node
        self._elsewhere = place is not None
        self.place = place or here()
        self.paths = Paths.below(root)
        self.home = root / "home"
        self.home.mkdir(parents=True)

    def environment(self) -> dict[str, str]:
        """A clean one: nothing of the caller's clusters."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("K3PY_", "KUBE"))}
        return {**kept, "K3PY_ROOT": str(self.root), "HOME": str(self.home)}

    def k3py(self, *arguments: str, code: int | None = 0, seconds: float = 60.0, **more: Any) -> Said:
        """Run ``k3py``; ``code`` is the expected exit code, None for any."""
        return self.run([str(BINARIES / "k3py"), *arguments], code=code, seconds=seconds, **more)

    def run(
        self,
        command: list[str],
        *,
        code: int | None = 0,
        seconds: float = SECONDS,
        stdin: bytes = b"",
        extra: Mapping[str, str] | None = None,
    ) -> Said:
        """Run a command with this cluster's environment."""
        environment = {**self.environment(), **(extra or {})}
        called = self.called(command)
        done = subprocess.run(called, input=stdin, capture_output=True, timeout=seconds, env=environment)
        said = Said.of(done)
        if code is not None:
            assert said.code == code, f"{' '.join(command)}: exit code {said.code}\n{said}\n{said.errors}"
        return said

    def called(self, command: list[str]) -> list[str]:
        """A command as it is called on this host."""
        return self.place.command(*command) if self._elsewhere else command

    @contextlib.contextmanager
    def daemon(self, name: str, *flags: str, token: str = "") -> Iterator["subprocess.Popen[bytes]"]:
        """A daemon of the node while the block runs; stopped in order then."""
        self.paths.log.mkdir(parents=True, exist_ok=True)
        command = self.called([str(BINARIES / "k3py"), name, *flags])
        environment = {**self.environment(), **({"K3PY_TOKEN": token} if token else {})}
        with (self.paths.log / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(SECONDS)

    def import_image(self, archive: Path) -> None:
        """``k3py image import``. The archive is remembered as ``archive``."""
        self.archive = archive
        self.k3py("image", "import", str(archive))

    def pid(self, daemon: str) -> int | None:
        """The pid of a daemon that runs."""
        status = StatusFile(self.paths.run / f"{daemon}.json").read()
        return status["pid"] if status else None

    def kill9(self, *daemons: str) -> None:
        """SIGKILL daemons at once, then see them gone."""
        pids = {name: self.pid(name) for name in daemons}
        assert all(pids.values()), f"not all of them run: {pids}"
        descriptors = [os.pidfd_open(pid) for pid in pids.values() if pid is not None]
        for descriptor in descriptors:
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        until(lambda: not any(map(self.pid, daemons)), f"{daemons} killed")
        for descriptor in descriptors:
            os.close(descriptor)

    def log(self, daemon: str) -> str:
        """What a daemon has said."""
        path = self.paths.log / f"{daemon}.log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def containers(self) -> dict[str, tuple[int, int]]:
        """Container id -> pid and start time (clock ticks since boot) of those whose first process runs."""
        found = {}
        for file in (self.paths.agent_state / "runtime/pods").glob("*/containers/*/pidfile"):
            with contextlib.suppress(OSError, ValueError):
                pid = int(file.read_text())
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                if fields[0] not in "ZX":
                    found[file.parent.name] = (pid, int(fields[19]))
        return found

    def belongings(self) -> inventory.Belongings:
        """All that belongs to the cluster here."""
        return self.place.inside(lambda: inventory.of_cluster(self.root))

    def destroy(self) -> inventory.Belongings:
        """Reset, then take away by force what that left; what that was (``home``, which is the tests', aside)."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.k3py("reset", "--yes", code=None)
        shutil.rmtree(self.home, ignore_errors=True)
        left = self.belongings()
        self._remove_by_force()
        return left

    def _remove_by_force(self) -> None:
        for _ in range(20):
            pids = inventory.pids_of_cluster(self.root)
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if not pids:
                break
            time.sleep(0.1)
        for tree in cgroups.detect().trees:
            for folder, _, _ in os.walk(tree / f"k3py-{self.paths.instance_id}", topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(folder)
        kernel.unmount_below(self.root)
        # Links, addresses and rules go with the network namespace.
        shutil.rmtree(inventory.PINS / f"k3py-{self.paths.instance_id}", ignore_errors=True)
        shutil.rmtree(self.root, ignore_errors=True)


class Cluster(Host):
    """A server and its node, here or on a machine of the LAN with this ``address``."""

    def __init__(
        self, root: Path, source: random.Random, place: Machine | None = None, address: str = "127.0.0.1"
    ) -> None:
        super().__init__(root, f"node-{root.name[-6:]}", place)
        self._address = address
        self.port = free_port(source)
        self.web_port = free_port(source)
        self._client: httpx.Client | None = None

    def environment(self) -> dict[str, str]:
        return {
            **super().environment(),
            "KUBECONFIG": str(self.paths.admin_kubeconfig),
            "KUBECACHEDIR": str(self.home / "kube-cache"),
        }

    @property
    def url(self) -> str:
        return f"https://{self._address}:{self.port}"

    @property
    def url_for_others(self) -> str:
        """Where the API is for the LAN's other machines."""
        return f"https://{NODE}:{self.port}"

    def up(self) -> Said:
        """Start whatever of the cluster does not run."""
        return self.k3py("up", "--port", str(self.port), "--node-name", self.node)

    def server(self) -> contextlib.AbstractContextManager["subprocess.Popen[bytes]"]:
        """A server without agent and VPC daemon while the block runs."""
        return self.daemon("server", "--port", str(self.port))

    def kubectl(
        self, *arguments: str, code: int | None = 0, stdin: bytes = b"", seconds: float = SECONDS, release: str = "",
        extra: Mapping[str, str] | None = None,
    ) -> Said:  # fmt: skip
        """Run kubectl, that of ``release`` (1.29 ...) if given; ``code`` is the expected exit code, None for any."""
        command = [kubectl_binary(release), *arguments]
        return self.run(command, code=code, stdin=stdin, seconds=seconds, extra=extra)

    @contextlib.contextmanager
    def running(self, *arguments: str, release: str = "") -> Iterator["subprocess.Popen[str]"]:
        """A kubectl that runs while the block does."""
        process = subprocess.Popen(
            self.called([kubectl_binary(release), *arguments]),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1,
            env=self.environment(),
        )  # fmt: skip
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def apply(self, *objects: Object) -> None:
        """``kubectl apply`` these."""
        body = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}).encode()
        self.kubectl("apply", "-f", "-", stdin=body)

    @property
    def api(self) -> httpx.Client:
        """The API as administrator."""
        if self._client is None:
            access = load_kubeconfig(self.paths.admin_kubeconfig)
            self._client = httpx.Client(base_url=self.url, verify=access.tls(), trust_env=False, timeout=10)
        return self._client

    def get(self, path: str) -> Object | None:
        """An object or a list by its path; None when there is none, or no server."""
        try:
            answer = self.api.get(path)
        except httpx.TransportError:
            return None
        if answer.status_code == 404:
            return None
        assert answer.status_code == 200, answer.text
        body: Object = answer.json()
        return body

    def pod(self, namespace: str, name: str) -> Object | None:
        return self.get(f"/api/v1/namespaces/{namespace}/pods/{name}")

    def pods(self, namespace: str) -> list[Object]:
        listed = self.get(f"/api/v1/namespaces/{namespace}/pods")
        return listed["items"] if listed else []

    def until_pod(self, namespace: str, name: str, condition: Callable[[Object], Any], what: str) -> Object:
        """The pod once ``condition`` holds for it. Fails telling its last status."""
        last: list[Object | None] = [None]

        def look() -> Object | None:
            last[0] = self.pod(namespace, name)
            return last[0] if last[0] is not None and condition(last[0]) else None

        try:
            return until(look, what)
        except AssertionError as error:
            status = (last[0] or {}).get("status")
            raise AssertionError(f"pod {name}: {error}\n{json.dumps(status, indent=1)}") from None

    def machine(self, namespace: str, name: str) -> Machine:
        """The network namespace of a pod that runs."""
        made = self.pod(namespace, name)
        assert made is not None
        pid, _ = self.containers()[container_status(made)["containerID"].partition("://")[2]]
        return Machine(pid)

    def until_gone(self, namespace: str, name: str) -> None:
        until(lambda: self.pod(namespace, name) is None, f"pod {name} gone")

    def destroy(self) -> inventory.Belongings:
        if self._client is not None:
            self._client.close()
        return super().destroy()


def kubectl_binary(release: str = "") -> str:
    """kubectl of the version we speak, or that of another release."""
    return str(CLIENTS / release / "kubectl") if release else str(BINARIES / "kubectl")


def pod(namespace: str, name: str, script: str = "", **fields: Any) -> Object:
    """A pod with the host's network that ends at once when asked to.

    ``script`` is what its only container runs; fields of a container (``env`` ...) are its, others the pod's.
    """
    main: Object = {"name": "main", "image": BUSYBOX, "command": ["sh", "-c", script]}
    spec: Object = {"hostNetwork": True, "terminationGracePeriodSeconds": 0}
    for key, value in fields.items():
        (main if key in CONTAINER_FIELDS else spec)[key] = value
    spec.setdefault("containers", [main])
    return {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace}, "spec": spec,
    }  # fmt: skip


CONTAINER_FIELDS = frozenset(
    ["args", "command", "env", "envFrom", "image", "imagePullPolicy", "lifecycle", "livenessProbe", "ports",
     "readinessProbe", "resources", "startupProbe", "stdin", "tty", "volumeMounts", "workingDir",
     "terminationMessagePolicy"]
)  # fmt: skip

FOREVER = "trap 'exit 0' TERM; while :; do sleep 0.1; done"


def container_status(made: Object, name: str = "main", init: bool = False) -> Object:
    """A container's status within a pod; empty when it has none yet."""
    listed = made.get("status", {}).get("initContainerStatuses" if init else "containerStatuses", [])
    return next((each for each in listed if each["name"] == name), {})


def condition(made: Object, kind: str) -> Object:
    """A condition of an object; empty when it has none of this type."""
    return next((each for each in made.get("status", {}).get("conditions", []) if each["type"] == kind), {})


def is_ready(made: Object) -> bool:
    return condition(made, "Ready").get("status") == "True"


def is_running(made: Object) -> bool:
    return bool(made["status"].get("phase") == "Running")
