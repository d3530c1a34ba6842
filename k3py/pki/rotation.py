"""How a new certificate takes the old one's place. Acts; ``renewal`` decides when.

The new certificate is loaded into the *same*
``ssl.SSLContext``: connections that stand keep what they were made with, every later handshake uses the new one.
Making a new context instead would mean telling every listener and connection pool of it.
"""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable

from k3py.base.backoff import Backoff
from k3py.base.clock import Clock
from k3py.model.errors import Problem
from k3py.pki.contexts import load_chain
from k3py.pki.errors import PkiError
from k3py.pki.renewal import Renewal as Renewal

log = logging.getLogger(__name__)


def install(context: ssl.SSLContext, certificate_pem: bytes, key_pem: bytes) -> None:
    """Let every later handshake of ``context`` use this certificate.

    Raises:
        BadCertificate: certificate and key cannot be read or do not belong together; the context is unchanged.
    """
    # A failed load may leave the context half changed, so the pair is tried on a context that nobody uses.
    load_chain(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), certificate_pem, key_pem)
    load_chain(context, certificate_pem, key_pem)


async def keep_fresh(
    certificate_pem: bytes,
    renew: Callable[[], Awaitable[bytes]],
    clock: Clock,
    backoff: Backoff,
) -> None:
    """Renew for ever. ``renew`` gets a new certificate, stores and installs it, and returns it (PEM).

    A renewal that fails is logged and tried again after ``backoff``; what is installed stays. A ``renew`` that
    returns a certificate which is due at once counts as failed too, so a confused server is not asked in a loop.
    """
    current = Renewal.of(certificate_pem)
    while True:
        if not current.is_due(clock.now()):
            await asyncio.sleep(current.wait_seconds(clock.now()))
            continue
        try:
            current = Renewal.of(await renew())
            if current.is_due(clock.now()):
                raise PkiError("cannot use the renewed certificate: it is due for renewal already")
            backoff.reset()
            log.info("certificate renewed; next renewal in %.0f s", current.due - clock.now())
        except (OSError, PkiError, Problem) as problem:
            wait = backoff.next_seconds()
            left = current.not_after - clock.now()
            log.warning("cannot renew the certificate, %.0f s before it expires: %s", left, problem)
            await asyncio.sleep(wait)
