"""Runs transcripts against a cluster: every script in a namespace of its own, with kubectl and Helm of one release."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.e2e.clients.transcript import Release, Step, matches, read, tidy
from tests.e2e.cluster import CLIENTS, Host

SCRIPTS = Path(__file__).parent / "scripts"
STEP_SECONDS = 60.0
# The size of terminal, time zone and language that output may depend on; one editor is as good as another.
PLAIN = {"COLUMNS": "200", "TZ": "UTC", "LC_ALL": "C", "KUBE_EDITOR": "false"}


@dataclass(frozen=True)
class Shell:
    """Where commands run: a folder that is home as well, with a kubeconfig whose namespace is ``namespace``."""

    folder: Path
    namespace: str
    release: str

    @classmethod
    def make(cls, host: Host, folder: Path, namespace: str, release: str) -> "Shell":
        """Write the kubeconfig of one who is administrator of the cluster of ``host``."""
        config = yaml.safe_load(host.paths.admin_kubeconfig.read_text())
        for context in config["contexts"]:
            context["context"]["namespace"] = namespace
        (folder / "tmp").mkdir(parents=True)
        (folder / "kubeconfig").write_text(yaml.safe_dump(config))
        return cls(folder, namespace, release)

    @property
    def version(self) -> Release:
        major, minor = self.release.split(".")
        return int(major), int(minor)

    def environment(self) -> dict[str, str]:
        """The least a client needs, and nothing of the caller's clusters."""
        binaries = CLIENTS / self.release
        return {
            **PLAIN,
            "PATH": f"{binaries}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder / "tmp"),
            "KUBECONFIG": str(self.folder / "kubeconfig"),
            "NS": self.namespace,
            "RELEASE": self.release,
            "HERE": str(Path(__file__).parent),
            "CHARTS": str(Path(__file__).parents[1] / "charts"),
        }

    def run(self, command: str) -> tuple[int, str]:
        """The exit code of a shell command, and what it said on both streams."""
        called = ["bash", "-c", command]
        done = subprocess.run(
            called, cwd=self.folder, env=self.environment(), stdin=subprocess.DEVNULL, capture_output=True,
            timeout=STEP_SECONDS, text=True, errors="replace",
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    def complaint(self, step: Step) -> str:
        """What is wrong with the end and the output of a step; nothing when all is well."""
        code, said = self.run(step.command)
        expected = [line.replace("$NS", self.namespace) for line in step.expected]
        if code == step.code and matches(expected, said):
            return ""
        wanted = "".join(f"    {tidy(line)}\n" for line in expected)
        got = "".join(f"    {tidy(line)}\n" for line in said.splitlines())
        return (
            f"line {step.line}: {step.command}\n  expected, exit code {step.code}:\n{wanted}"
            f"  got, exit code {code}:\n{got}"
        )

    def play(self, script: Path) -> None:
        """Run all steps of a transcript that are for this release; fails with a list of those that went wrong."""
        complaints = [self.complaint(step) for step in read(script) if step.is_for(self.version)]
        wrong = [each for each in complaints if each]
        assert not wrong, f"{script.name} with kubectl {self.release}: {len(wrong)} wrong\n" + "\n".join(wrong)
