"""tools/install.sh, with programs that only say what they were asked."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STUBS = {
    "id": "echo 0",
    "dpkg-query": """for package in $ABSENT; do [ "$3" = "$package" ] && exit 1; done; echo 'install ok installed'""",
    "apt-get": """echo "apt-get $*" >>"$SAID"
case "$*" in *" -s "*) for each in $REMOVED; do echo "Remv $each [1]"; done;; esac""",
    # It makes an environment whose python says what it is asked, as long as there is a pip in it.
    "python3": """echo "python3 $*" >>"$SAID"; rm -rf .venv; mkdir -p .venv/bin; touch .venv/pip
cat >.venv/bin/python <<'END'
#!/bin/sh
[ "$1" = -c ] && { [ -e .venv/pip ]; exit; }
echo "python $*" >>"$SAID"
echo "#!$PWD/.venv/bin/python" >.venv/bin/k3py
END
chmod +x .venv/bin/python""",
}


class Machine:
    """A checkout in a folder with a space in its name, and the stubs."""

    def __init__(self, root: Path) -> None:
        self.checkout = root / "a folder/k3py"
        (self.checkout / "tools").mkdir(parents=True)
        for name in ("tools/install.sh", "tools/build_bpf.py", "hatch_build.py", "pyproject.toml"):
            shutil.copy(ROOT / name, self.checkout / name)
        shutil.copytree(ROOT / "bpf", self.checkout / "bpf")
        self.stubs = root / "bin"
        self.stubs.mkdir()
        for name, text in STUBS.items():
            (self.stubs / name).write_text(f"#!/bin/sh\n{text}\n")
            (self.stubs / name).chmod(0o755)
        self.said = root / "said"

    def install(self, what: str = "run", **more: str) -> "subprocess.CompletedProcess[str]":
        """Run the script; ``said`` then holds what it asked for."""
        self.said.write_text("")
        environment = {**os.environ, "PATH": f"{self.stubs}:/usr/bin:/bin", "SAID": str(self.said), **more}
        script = str(self.checkout / "tools/install.sh")
        return subprocess.run([script, what], env=environment, capture_output=True, text=True, timeout=20, cwd="/")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_second_time_it_does_nothing(machine: Machine) -> None:
    assert machine.install().returncode == 0
    assert machine.said.read_text().splitlines() == [
        "python3 -m venv --clear .venv",
        "python -m pip install -q --disable-pip-version-check -e .",
    ]
    again = machine.install()
    assert (again.returncode, again.stdout, machine.said.read_text()) == (0, "", "")


def test_a_changed_program_is_compiled_by_installing_again(machine: Machine) -> None:
    machine.install()
    (machine.checkout / "bpf/lib/ghost.h").write_text("/* another */\n")
    assert machine.install().returncode == 0
    assert machine.said.read_text().splitlines() == ["python -m pip install -q --disable-pip-version-check -e ."]


def test_what_tests_need_comes_on_top_and_is_enough_for_running(machine: Machine) -> None:
    machine.install()
    machine.install("test")
    assert machine.said.read_text().splitlines() == [
        "python -m pip install -q --disable-pip-version-check -e .[dev,test]",
        "python tools/clients.py",
    ]
    machine.install()
    assert machine.said.read_text() == ""


def test_an_environment_that_does_not_work_is_made_anew(machine: Machine) -> None:
    machine.install()
    (machine.checkout / ".venv/pip").unlink()
    assert machine.install().returncode == 0
    assert machine.said.read_text().startswith("python3 -m venv --clear")
    elsewhere = machine.checkout.with_name("moved")
    machine.checkout = machine.checkout.rename(elsewhere)
    assert machine.install().returncode == 0
    assert machine.said.read_text().startswith("python3 -m venv --clear")


def test_packages_are_installed_unless_others_would_have_to_go(machine: Machine) -> None:
    refused = machine.install(ABSENT="conmon", REMOVED="busybox containerd.io docker-ce")
    assert refused.returncode == 1
    assert "cannot install conmon: that would remove containerd.io docker-ce" in refused.stderr
    assert " -y " not in machine.said.read_text()
    assert machine.install(ABSENT="conmon", REMOVED="busybox").returncode == 0
    assert "apt-get install -y -qq --no-install-recommends conmon" in machine.said.read_text()
