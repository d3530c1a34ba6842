"""The server's own certificate, and the administrator's kubeconfig."""

import base64
import ipaddress
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path

import yaml

from k3py.base.clock import Clock
from k3py.pki.ca import ADMIN_LIFETIME_SECONDS, CertificateAuthority, server_names
from k3py.pki.contexts import server_context
from k3py.pki.csr import key_pem, new_key
from k3py.pki.errors import BadCertificate
from k3py.pki.identity import ADMIN
from k3py.pki.kubeconfig import write_kubeconfig
from k3py.pki.rotation import Renewal, install


def host_addresses() -> list[str]:
    """This host's name and the addresses its routes use, without asking anybody."""
    found = [socket.gethostname()]
    for family, somewhere in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((somewhere, 9))  # a datagram socket: nothing is sent
            except OSError:
                continue
            found.append(probe.getsockname()[0])
    return found


class ServerCertificate:
    """A certificate for all names of this server; its key never leaves the process.

    ``service_address`` is that of the service ``kubernetes``, by which pods reach it.
    """

    def __init__(
        self, authority: CertificateAuthority, bind_address: str, names: Sequence[str], service_address: str
    ) -> None:
        bound = [] if bind_address in ("", "0.0.0.0", "::") else [bind_address]
        self._names = server_names([*host_addresses(), *bound, *names], service_address)
        self._authority = authority
        self._key = new_key()
        self.pem = self._issue()
        self.context: ssl.SSLContext = server_context(self.pem, key_pem(self._key), authority.certificate_pem)

    def _issue(self) -> bytes:
        return self._authority.sign_server(self._key.public_key(), self._names)

    async def renew(self) -> bytes:
        """A new certificate for the same key, used from the next handshake on (for ``rotation.keep_fresh``)."""
        self.pem = self._issue()
        install(self.context, self.pem, key_pem(self._key))
        return self.pem


def ensure_admin_kubeconfig(path: Path, url: str, authority: CertificateAuthority, clock: Clock) -> bool:
    """Write the administrator's kubeconfig unless there is a good one; True when it was written."""
    if _is_good(path, url, authority, clock):
        return False
    key = new_key()
    certificate = authority.issue_client(key.public_key(), ADMIN, ADMIN_LIFETIME_SECONDS)
    write_kubeconfig(path, url, authority.certificate_pem, certificate, key_pem(key))
    return True


def _is_good(path: Path, url: str, authority: CertificateAuthority, clock: Clock) -> bool:
    try:
        config = yaml.safe_load(path.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        certificate = base64.b64decode(user["client-certificate-data"])
        same = base64.b64decode(cluster["certificate-authority-data"]) == authority.certificate_pem
        fresh = not Renewal.of(certificate).is_due(clock.now())
        return bool(same and fresh and cluster["server"] == url)
    except (OSError, yaml.YAMLError, KeyError, IndexError, TypeError, ValueError, BadCertificate):
        return False


def reachable(bind_address: str) -> str:
    """The address by which this host reaches its own server, for a URL."""
    if bind_address in ("", "0.0.0.0"):
        return "127.0.0.1"
    if bind_address == "::":
        return "[::1]"
    try:
        return f"[{bind_address}]" if ipaddress.ip_address(bind_address).version == 6 else bind_address
    except ValueError:
        return bind_address
