"""The server's side of TLS: a certificate that can be renewed in place, clients that may show one."""

import os
import ssl

Path = str | os.PathLike[str]


def server_context(cert_file: Path, key_file: Path, ca_file: Path) -> ssl.SSLContext:
    """A context for TLS 1.2 and newer, HTTP/1.1 only, that asks for a client certificate and takes none as well.

    A certificate that is shown must be signed by ``ca_file``, else the handshake fails.

    Raises:
        OSError, ssl.SSLError: a file cannot be read, or key and certificate do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Renegotiation lets a client make the server work for nothing; HTTP has no use for it.
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.load_cert_chain(cert_file, key_file)
    context.load_verify_locations(ca_file)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.set_alpn_protocols(["http/1.1"])
    return context


def renew(context: ssl.SSLContext, cert_file: Path, key_file: Path) -> None:
    """Serve another certificate from the next handshake on; connections that exist are not disturbed.

    A pair that cannot be used changes nothing: it is tried on a context of its own first.

    Raises:
        OSError, ssl.SSLError: as ``server_context``.
    """
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert_file, key_file)
    context.load_cert_chain(cert_file, key_file)
