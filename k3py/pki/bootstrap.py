"""A node's way in: trust first, secrets after.

1. Fetch ``/cacerts`` over a connection that is *not* trusted. Nothing secret is sent on it.
2. Find the certificate in it whose hash the join token names. There is none: end here.
3. Talk to the server again, now trusting that certificate alone and checking the server's name, and only now send the
   token's secret and the signing request. The key stays here.
"""

import contextlib
import ssl
from collections.abc import AsyncIterator
from typing import Final

import httpx
import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from k3py.model.errors import Problem, Unavailable, from_status
from k3py.pki.contexts import client_context
from k3py.pki.errors import Untrusted
from k3py.pki.join import CA_PATH, JOIN_PATH, RENEW_PATH, JoinAnswer, JoinRequest
from k3py.pki.tokens import JoinToken, ca_hash, same

# A bundle holds the CA certificate, two during a rotation, of 800 bytes each; the answer to a join is no larger.
ANSWER_BYTES_MAX: Final = 64 * 1024
TIMEOUT_SECONDS: Final = 15.0


async def fetch_ca(server: str, token: JoinToken) -> bytes:
    """The certificate (PEM) of the CA that ``token`` names, from the server at URL ``server``.

    Raises:
        Untrusted: the URL is not https, or the server has no such certificate: it is another cluster's, or somebody
            sits between.
        Unavailable: the server does not answer.
    """
    if not server.startswith("https://"):
        raise Untrusted(f"cannot join at {server}: only https:// is accepted")
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    async with _client(server, context) as client:
        code, body = await _exchange(client, "GET", CA_PATH)
    if code != 200:
        raise Unavailable(f"cannot fetch {server}{CA_PATH}: the server answered with HTTP status {code}")
    try:
        offered = x509.load_pem_x509_certificates(body)
    except ValueError as error:
        raise Untrusted(f"cannot trust {server}: what it sent as its CA cannot be read ({error})") from error
    for certificate in offered:
        if same(ca_hash(certificate.public_bytes(serialization.Encoding.DER)), token.ca_hash):
            return certificate.public_bytes(serialization.Encoding.PEM)
    raise Untrusted(
        f"cannot trust {server}: its CA is not the one that the join token names. Is the token from this cluster? "
        "Otherwise somebody sits between this machine and the server. Nothing secret was sent"
    )


async def join(server: str, token: JoinToken, request: JoinRequest) -> JoinAnswer:
    """Join the cluster that ``token`` names.

    Raises:
        Untrusted: as ``fetch_ca``; neither token nor request were sent.
        Unavailable: the server does not answer or cannot be verified.
        Problem: the server refuses.
    """
    context = client_context(await fetch_ca(server, token))
    return await _post(server, JOIN_PATH, context, request, {"authorization": f"Bearer {token.secret}"})


async def renew(server: str, context: ssl.SSLContext, request: JoinRequest) -> JoinAnswer:
    """Renew the certificate that ``context`` shows to the server.

    Raises:
        Unavailable: the server does not answer or cannot be verified.
        Problem: the server refuses.
    """
    return await _post(server, RENEW_PATH, context, request, {})


async def _post(
    server: str, path: str, context: ssl.SSLContext, request: JoinRequest, headers: dict[str, str]
) -> JoinAnswer:
    body = msgspec.json.encode(request)
    async with _client(server, context) as client:
        code, answer = await _exchange(client, "POST", path, body, {**headers, "content-type": "application/json"})
    if code not in (200, 201):
        raise _problem(code, answer)
    try:
        return msgspec.json.decode(answer, type=JoinAnswer)
    except msgspec.MsgspecError as error:
        raise Unavailable(f"cannot use the answer of {server}{path}: {error}") from error


def _problem(code: int, answer: bytes) -> Problem:
    try:
        return from_status(msgspec.json.decode(answer, type=dict), code)
    except (msgspec.MsgspecError, AttributeError, TypeError):
        return from_status({}, code)


@contextlib.asynccontextmanager
async def _client(server: str, context: ssl.SSLContext) -> AsyncIterator[httpx.AsyncClient]:
    # trust_env: a proxy named in the environment has no business between a node and its server.
    async with httpx.AsyncClient(
        base_url=server, verify=context, timeout=TIMEOUT_SECONDS, trust_env=False, follow_redirects=False
    ) as client:
        yield client


async def _exchange(
    client: httpx.AsyncClient, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> tuple[int, bytes]:
    """HTTP status and body of one request; the body is bounded by ``ANSWER_BYTES_MAX``."""
    received = bytearray()
    try:
        async with client.stream(method, path, content=body or None, headers=headers) as response:
            async for piece in response.aiter_bytes():
                received += piece
                if len(received) > ANSWER_BYTES_MAX:
                    raise Unavailable(f"cannot use the answer of {response.url}: more than {ANSWER_BYTES_MAX} bytes")
            return response.status_code, bytes(received)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise Unavailable(
            f"cannot reach {client.base_url}{path.lstrip('/')}: {error or type(error).__name__}"
        ) from error
