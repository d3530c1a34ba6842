"""Which certificates this host has, and for how long they are good. Acts (reads files)."""

import base64
import contextlib
from dataclasses import dataclass
from typing import Any

import yaml
from cryptography import x509

from k3py.base.paths import Paths


@dataclass(frozen=True)
class CertificateAge:
    """A certificate; times are seconds since 1970."""

    name: str
    begins: float
    ends: float


def certificates(paths: Paths) -> list[CertificateAge]:
    """Those of the administrator, the cluster's CA and this node, as far as they are here and can be read."""
    found: list[tuple[str, bytes]] = []
    with contextlib.suppress(OSError, yaml.YAMLError, KeyError, IndexError, TypeError, ValueError):
        config: Any = yaml.safe_load(paths.admin_kubeconfig.read_bytes())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        found.append(("certificate authority", base64.b64decode(cluster["certificate-authority-data"])))
        found.append(("administrator", base64.b64decode(user["client-certificate-data"])))
    with contextlib.suppress(OSError):
        found.append(("node", (paths.agent_state / "pki/node.pem").read_bytes()))
    return [age for name, pem in found if (age := _age(name, pem)) is not None]


def _age(name: str, pem: bytes) -> CertificateAge | None:
    try:
        certificate = x509.load_pem_x509_certificate(pem[pem.index(b"-----BEGIN CERTIFICATE") :])
    except ValueError:
        return None
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return CertificateAge(name, begins.timestamp(), ends.timestamp())
