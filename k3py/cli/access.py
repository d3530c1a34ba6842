"""Which cluster a command speaks to, and as whom: finds the kubeconfig. Acts (reads the environment and a file)."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from k3py.base.paths import Paths
from k3py.cli.app import Failure
from k3py.cli.session import Session
from k3py.client.kubeconfig import Access, KubeconfigError, load_kubeconfig

_HINT: Final = "'k3py up' starts a cluster here; --kubeconfig or KUBECONFIG name another one"


def find_kubeconfig(
    asked: str, environment: Mapping[str, str], admin: Path, home: Path, exists: Callable[[Path], bool]
) -> Path | None:
    """The kubeconfig to use: the one asked for, the first existing one of ``KUBECONFIG``, this host's cluster's,
    the person's own; None when there is none. Decides."""
    if asked:
        return Path(asked)
    if listed := [Path(each) for each in environment.get("KUBECONFIG", "").split(os.pathsep) if each]:
        return next((each for each in listed if exists(each)), listed[0])
    return next((each for each in (admin, home / ".kube/config") if exists(each)), None)


def load_access(kubeconfig: str, context: str) -> Access:
    """The access that flags, environment and host lead to.

    Raises:
        Failure: there is no kubeconfig, or it cannot be used.
    """
    admin = Paths.from_environment().admin_kubeconfig
    path = find_kubeconfig(kubeconfig, os.environ, admin, Path.home(), Path.exists)
    if path is None:
        raise Failure(f"cannot find a cluster: there is no {admin}; {_HINT}")
    try:
        return load_kubeconfig(path, context)
    except KubeconfigError as error:
        raise Failure(str(error)) from None


def connect(kubeconfig: str = "", context: str = "") -> Session:
    """A session with the cluster that ``load_access`` finds. Nothing is sent yet.

    Raises:
        Failure: as ``load_access``, or its credentials cannot be used.
    """
    access = load_access(kubeconfig, context)
    try:
        return Session(access, access.tls())
    except KubeconfigError as error:
        raise Failure(str(error)) from None
