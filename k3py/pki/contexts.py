"""TLS settings, once for all daemons: TLS 1.2 or newer for clients of all sorts, 1.3 among ourselves."""

import contextlib
import os
import ssl
import tempfile
from collections.abc import Iterator

from k3py.pki.errors import BadCertificate


def server_context(certificate_pem: bytes, key_pem: bytes, client_ca_pem: bytes) -> ssl.SSLContext:
    """For the API, HTTP/1.1 only: a client may show a certificate, and ``client_ca_pem`` must have issued it then.

    Raises:
        BadCertificate: something cannot be read, or the key is another certificate's.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Renegotiation lets a client make the server work for nothing; HTTP has no use for it.
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.verify_mode = ssl.CERT_OPTIONAL
    # Tickets to resume a session are a third of a handshake's work, and no client of Kubernetes' uses them.
    context.num_tickets = 0
    context.set_alpn_protocols(["http/1.1"])
    # Renegotiation lets a client make the server work for nothing, and HTTP has no use for it.
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols(["http/1.1"])
    load_chain(context, certificate_pem, key_pem)
    _trust(context, client_ca_pem)
    return context


def client_context(
    ca_pem: bytes,
    certificate_pem: bytes = b"",
    key_pem: bytes = b"",
    minimum_version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
) -> ssl.SSLContext:
    """For whoever connects to a server: trusts ``ca_pem`` alone, checks the name, shows a certificate if given one.

    Raises:
        BadCertificate: something cannot be read, or the key is another certificate's.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = minimum_version
    _trust(context, ca_pem)
    if certificate_pem:
        load_chain(context, certificate_pem, key_pem)
    return context


def load_chain(context: ssl.SSLContext, certificate_pem: bytes, key_pem: bytes) -> None:
    """``load_cert_chain`` from memory; Python's ssl reads only files.

    Raises:
        BadCertificate: they cannot be read or do not belong together.
    """
    with _private_file(certificate_pem.rstrip(b"\n") + b"\n" + key_pem) as path:
        try:
            # A password callback that gives up: otherwise OpenSSL asks the terminal.
            context.load_cert_chain(path, password=_no_password)
        except (ssl.SSLError, ValueError) as error:
            raise BadCertificate(f"cannot use the certificate with its key: {error}") from error


def _no_password() -> str:
    raise ValueError("the key is encrypted")


def _trust(context: ssl.SSLContext, ca_pem: bytes) -> None:
    try:
        context.load_verify_locations(cadata=ca_pem.decode("ascii"))
    except (ssl.SSLError, ValueError) as error:
        raise BadCertificate(f"cannot read the CA certificates: {error}") from error


@contextlib.contextmanager
def _private_file(data: bytes) -> Iterator[str]:
    """A path at which ``data`` can be read while the context lasts: in memory where the system can (Linux), else a
    temporary file of mode 0600."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("k3py-pki")
        try:
            os.write(descriptor, data)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    with tempfile.NamedTemporaryFile(prefix="k3py-pki-") as file:
        file.write(data)
        file.flush()
        yield file.name
