"""What `make run` does once everything is installed: image, cluster, example, and how to go on."""

import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from k3py.base.paths import Paths  # noqa: E402

K3PY = ROOT / ".venv/bin/k3py"
IMAGE = "docker.io/library/busybox:1.35"
NAME = "hello"
ANSWER_SECONDS = 60


def step(text: str) -> None:
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}", flush=True)


def k3py(*arguments: str) -> None:
    """Run the command, showing what it says."""
    done = subprocess.run([K3PY, *arguments])
    if done.returncode:
        sys.exit(f"'k3py {' '.join(arguments)}' failed; 'k3py doctor' may say why")


def said(*arguments: str) -> str:
    """What the command prints; empty when it fails."""
    return subprocess.run([K3PY, *arguments], capture_output=True, text=True).stdout.strip()


def has_image() -> bool:
    return IMAGE in said("image", "list", "-o", "name").split()


def by_name() -> str:
    """What one of the example's pods gets from the Service by its name; empty when nothing answers."""
    return said("exec", f"deploy/{NAME}", "--", "timeout", "3", "wget", "-qO-", f"http://{NAME}/")


def by_address(url: str) -> str:
    """What the host gets from the Service by its cluster address; empty when nothing answers."""
    # A proxy named in the environment has no business between this host and itself.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2) as reply:
            return str(reply.read().decode()).strip()
    except (urllib.error.URLError, OSError):
        return ""


def until_answered(what: str, ask: Callable[[], str]) -> str:
    """The first answer; waits for it."""
    deadline = time.monotonic() + ANSWER_SECONDS
    while not (answer := ask()):
        if time.monotonic() > deadline:
            sys.exit(f"{what} did not answer within {ANSWER_SECONDS} s; 'k3py vpc doctor' may say why")
        time.sleep(0.1)
    return answer


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
    k3py("apply", "-f", str(ROOT / "examples/hello.yaml"))
    k3py("rollout", "status", f"deploy/{NAME}", f"--timeout={ANSWER_SECONDS}s")
    k3py("get", "pods,services", "-o", "wide")
    step("4/4 Answer")
    url = f"http://{said('get', f'service/{NAME}', '-o', 'jsonpath={.spec.clusterIP}')}/"
    print(f"A pod that asks http://{NAME}/ gets: {until_answered('the Service', by_name)}")
    print(f"This host, asking {url}, gets: {until_answered(url, lambda: by_address(url))}")
    show_next(paths)


def show_next(paths: Paths) -> None:
    command = K3PY.relative_to(Path.cwd()) if K3PY.is_relative_to(Path.cwd()) else K3PY
    root = f"export K3PY_ROOT={paths.root}\n  " if "K3PY_ROOT" in os.environ else ""
    print(f"""
What to try next:
  {root}{command} get nodes -o wide
  {command} logs deploy/{NAME} -f
  {command} exec -it deploy/{NAME} -- sh
  {command} port-forward svc/{NAME} 8080:80
  {command} apply -f examples/vpc.yaml; {command} vpc list
  {command} vpc counters
  export KUBECONFIG={paths.admin_kubeconfig}; kubectl get all -A
  make stop""")


if __name__ == "__main__":
    main()
