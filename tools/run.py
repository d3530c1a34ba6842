"""What `make run` does once everything is installed: image, cluster, example, and how to go on."""

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from k3py.base.paths import Paths  # noqa: E402

K3PY = ROOT / ".venv/bin/k3py"
IMAGE = "docker.io/library/busybox:1.35"
PORT = 8080
URL = f"http://127.0.0.1:{PORT}/"
ANSWER_SECONDS = 60


def step(text: str) -> None:
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}", flush=True)


def k3py(*arguments: str) -> None:
    """Run the command, showing what it says."""
    done = subprocess.run([K3PY, *arguments])
    if done.returncode:
        sys.exit(f"'k3py {' '.join(arguments)}' failed; 'k3py doctor' may say why")


def has_image() -> bool:
    listed = subprocess.run([K3PY, "image", "list", "-o", "name"], capture_output=True, text=True)
    return IMAGE in listed.stdout.split()


def check_port() -> None:
    """Refuse to take another program's answer for the example's."""
    if subprocess.run([K3PY, "get", "deployments", "hello"], capture_output=True).returncode == 0:
        return
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", PORT))
        except OSError as error:
            sys.exit(f"cannot run the example on port {PORT} ({error.strerror}): stop what uses it, then try again")


def answer() -> str:
    """What the example answers; waits until it does."""
    # A proxy named in the environment has no business between this host and itself.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + ANSWER_SECONDS
    while True:
        try:
            with opener.open(URL, timeout=2) as reply:
                return str(reply.read().decode()).strip()
        except (urllib.error.URLError, OSError) as error:
            if time.monotonic() > deadline:
                k3py("get", "pods")
                sys.exit(f"the example did not answer at {URL} within {ANSWER_SECONDS} s: {error}")
            time.sleep(0.1)


def main() -> None:
    paths = Paths.from_environment()
    step("1/4 Image")
    if not has_image():
        with tempfile.TemporaryDirectory() as temporary:
            archive = str(Path(temporary) / "busybox.tar")
            subprocess.run([sys.executable, ROOT / "tools/busybox_image.py", archive, "--name", IMAGE], check=True)
            k3py("image", "import", archive)
    else:
        print(f"{IMAGE} is there")
    step("2/4 Cluster")
    k3py("up")
    step("3/4 Example")
    check_port()
    k3py("apply", "-f", str(ROOT / "examples/hello.yaml"))
    said = answer()
    k3py("get", "pods", "-o", "wide")
    step("4/4 Answer")
    print(f"{URL} says: {said}")
    kubeconfig = paths.admin_kubeconfig
    command = K3PY.relative_to(Path.cwd()) if K3PY.is_relative_to(Path.cwd()) else K3PY
    root = f"export K3PY_ROOT={paths.root}\n  " if "K3PY_ROOT" in os.environ else ""
    print(f"""
What to try next:
  {root}{command} get nodes -o wide
  {command} logs deploy/hello -f
  {command} exec -it deploy/hello -- sh
  export KUBECONFIG={kubeconfig}; kubectl get all -A
  make stop""")


if __name__ == "__main__":
    main()
