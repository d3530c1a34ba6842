"""Helm 4 with server-side apply: what ``helm create`` makes, and two larger charts; and once where pods run."""

import pytest

from tests.e2e.clients.shell import SCRIPTS, Shell

RELEASES = ["1.35", "1.37"]


@pytest.mark.parametrize("release", RELEASES)
def test_charts_are_installed_upgraded_rolled_back_and_uninstalled(api_shell: Shell) -> None:
    api_shell.play(SCRIPTS / "helm.txt")
