"""The administrator's kubeconfig (Kubernetes' ``Config`` of ``v1``, certificate inside)."""

import base64
from pathlib import Path
from typing import Final

import yaml

from k3py.base.paths import write_private

CLUSTER: Final = "k3py"
USER: Final = "k3py-admin"


def kubeconfig(server: str, ca_pem: bytes, certificate_pem: bytes, key_pem: bytes) -> bytes:
    """A kubeconfig (YAML) with one cluster, one user and one context.

    ``server`` is the API's URL, e.g. ``https://127.0.0.1:6443``.
    """
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": CLUSTER, "cluster": {"server": server, "certificate-authority-data": _base64(ca_pem)}}],
        "users": [
            {
                "name": USER,
                "user": {
                    "client-certificate-data": _base64(certificate_pem),
                    "client-key-data": _base64(key_pem),
                },
            }
        ],
        "contexts": [{"name": CLUSTER, "context": {"cluster": CLUSTER, "user": USER}}],
        "current-context": CLUSTER,
    }
    return yaml.safe_dump(config, sort_keys=False).encode()


def write_kubeconfig(path: Path, server: str, ca_pem: bytes, certificate_pem: bytes, key_pem: bytes) -> None:
    """Write the kubeconfig with mode 0600, atomically."""
    write_private(path, kubeconfig(server, ca_pem, certificate_pem, key_pem))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
