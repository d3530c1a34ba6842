"""The command line refuses what it cannot understand, before it asks any server."""

import subprocess
import sys
from pathlib import Path

import pytest

USAGE = [
    ([], 2),
    (["nosuch"], 2),
    (["get"], 2),
    (["get", "pods", "-o", "xml"], 2),
    (["get", "pods", "a", "-l", "x=y"], 2),
    (["get", "pods,deploy", "-w"], 2),
    (["delete", "pod/a", "--force", "--grace-period=5"], 2),
    (["delete"], 2),
    (["scale", "deploy/a", "--replicas=-1"], 2),
    (["logs", "a", "--tail=-2"], 2),
    (["exec", "a"], 2),
    (["wait", "pod/a", "--for=nothing"], 2),
    (["token", "delete", "!"], 2),
    (["image", "list", "-o", "xml"], 2),
    (["get", "pods"], 1),
    (["apply", "-f", "/none.yaml"], 1),
    (["image", "import", "/none.tar"], 3),
    (["get", "pods", "--kubeconfig", "/none"], 1),
]


@pytest.mark.parametrize(("arguments", "code"), USAGE, ids=[" ".join(each[0]) for each in USAGE])
def test_exit_codes(arguments: list[str], code: int, tmp_path: Path) -> None:
    done = k3py(arguments, tmp_path)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr


def test_an_error_is_one_line_on_standard_error(tmp_path: Path) -> None:
    done = k3py(["get", "pods"], tmp_path)
    assert done.stdout == ""
    assert done.stderr.startswith("error: cannot find a cluster")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("words", [[], ["get"], ["image"], ["token", "create"]])
def test_help(words: list[str], tmp_path: Path) -> None:
    done = k3py([*words, "--help"], tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("Usage: ")


def k3py(arguments: list[str], folder: Path) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "K3PY_ROOT": str(folder), "HOME": str(folder)}
    return subprocess.run(
        [sys.executable, "-m", "k3py", *arguments], capture_output=True, text=True, env=environment, timeout=60
    )


def test_a_server_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(
        "current-context: c\n"
        "contexts: [{name: c, context: {cluster: c}}]\n"
        "clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1', insecure-skip-tls-verify: true}}]\n"
    )
    done = k3py(["get", "pods", "--kubeconfig", str(config)], tmp_path)
    assert (done.returncode, done.stderr) == (5, "error: cannot connect to https://127.0.0.1:1: Connection refused\n")
