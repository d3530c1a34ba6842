"""The part of the kubectl script that needs controllers and pods that run."""

from pathlib import Path

import pytest

from tests.e2e.clients.shell import SCRIPTS, Shell
from tests.e2e.clients.test_kubectl_script import RELEASES
from tests.e2e.cluster import Cluster


@pytest.mark.parametrize("release", RELEASES)
def test_rollouts(shared_cluster: Cluster, namespace: str, tmp_path: Path, release: str) -> None:
    Shell.make(shared_cluster, tmp_path / "home", namespace, release).play(SCRIPTS / "rolling.txt")
