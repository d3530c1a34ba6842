"""A command becomes a daemon without what it was started with."""

import json
import os
import subprocess
import sys
from pathlib import Path

BECOME = """
import sys
from k3py.daemons.settings import VpcSettings
from k3py.daemons.start import become
become("vpc", VpcSettings(server=sys.argv[1], log_level=sys.argv[2]))
"""


def ended(tmp_path: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "K3PY_ROOT": str(tmp_path)}
    return subprocess.run(
        [sys.executable, "-c", BECOME, *arguments], capture_output=True, text=True, env=environment, timeout=60
    )


def test_settings_arrive_and_their_faults_are_one_line(tmp_path):
    done = ended(tmp_path, "http://127.0.0.1", "info")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: cannot use server 'http://127.0.0.1': give the URL of a server, https://host:6443\n"
    done = ended(tmp_path, "https://127.0.0.1", "loud")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_the_command_lines_libraries_stay_behind():
    script = "import sys, json, k3py.daemons.start; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"typer", "click", "pydantic", "rich"} & set(json.loads(done.stdout))
