"""Asks one registry for manifests and blobs: the OCI distribution specification over httpx.

Credentials go to the registry itself and to the token server that it names, never to where a redirect leads. Plain
HTTP happens only if the endpoint's URL says so; nothing is led from HTTPS down to HTTP. A blob whose connection breaks
goes on where it stopped (``Range``), and is checked against its size and digest on the way.
"""

import asyncio
import hashlib
import json
import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

import httpx

from k3py.base.clock import Clock, SystemClock
from k3py.image.auth import Challenge, Credential, parse_challenges
from k3py.image.errors import (
    AccessDenied,
    CorruptImage,
    ImageError,
    ImageNotFound,
    ImageTooLarge,
    InvalidConfiguration,
    RegistryUnavailable,
)
from k3py.image.manifest import ACCEPTED, DOCUMENT_BYTES_MAX, Descriptor, digest_of
from k3py.image.reference import is_digest
from k3py.image.registries import Endpoint, TlsSettings

CONNECT_SECONDS_MAX: Final = 10.0
# Silence in the middle of an answer; the kubelet gives a pull without progress one minute too.
SILENCE_SECONDS_MAX: Final = 60.0
# Tries without progress; whoever wants the image tries again later anyway, with a growing back-off.
ATTEMPTS_MAX: Final = 4
# Less than this between two breaks is no progress, else a registry could break off after every byte.
PROGRESS_BYTES_MIN: Final = 64 * 1024
REDIRECTS_MAX: Final = 5
# Tokens are signed JSON of a few kilobytes; an error's body is cut here too.
TOKEN_BYTES_MAX: Final = 256 * 1024
ERROR_BYTES_MAX: Final = 16 * 1024
# A token is given up this long before its end, so that it does not end on the way. Default life: token specification.
TOKEN_MARGIN_SECONDS: Final = 10.0
TOKEN_SECONDS_DEFAULT: Final = 60.0

# A proxy elsewhere cannot reach this machine's own registry; Go's clients leave it out here too.
_PAST_THE_PROXY: Final[dict[str, None]] = {
    "all://localhost": None, "all://127.0.0.1": None, "all://[::1]": None,
}  # fmt: skip


@dataclass(frozen=True)
class Document:
    """A manifest or index as the registry sent it."""

    data: bytes
    media_type: str
    digest: str


def open_client(tls: TlsSettings) -> httpx.AsyncClient:
    """A client with the system's CAs, or those of ``tls``; proxies come from the environment. The caller closes it.

    Raises:
        InvalidConfiguration: a file of ``tls`` cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=tls.ca_file or None)
        if tls.insecure_skip_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if tls.cert_file:
            context.load_cert_chain(tls.cert_file, tls.key_file or None)
    except (OSError, ssl.SSLError) as error:
        raise InvalidConfiguration(f"cannot use the TLS files of registries.yaml: {error}") from None
    return httpx.AsyncClient(
        verify=context,
        follow_redirects=False,
        timeout=httpx.Timeout(SILENCE_SECONDS_MAX, connect=CONNECT_SECONDS_MAX),
        headers={"User-Agent": "k3py", "Accept-Encoding": "identity"},
        mounts=_PAST_THE_PROXY,
    )


class RegistryClient:
    """One repository at one endpoint, with one credential (or none)."""

    def __init__(
        self,
        endpoint: Endpoint,
        credential: Credential | None,
        client: httpx.AsyncClient,
        clock: Clock | None = None,
        retry_delay_seconds: float = 0.5,
    ) -> None:
        self._endpoint = endpoint
        self._credential = credential
        self._client = client
        self._clock = clock or SystemClock()
        self._retry_delay_seconds = retry_delay_seconds
        self._base = httpx.URL(endpoint.base)
        self._authorization = ""
        self._authorized_until = float("inf")

    async def document(self, target: str) -> Document:
        """The manifest or index behind a tag or digest; if behind a digest, it matches.

        Raises:
            ImageNotFound, AccessDenied, RegistryUnavailable, CorruptImage, ImageTooLarge
        """
        for attempt in range(ATTEMPTS_MAX):
            try:
                response = await self._get(f"manifests/{target}", {"Accept": ACCEPTED})
                async with aclosing(response):
                    data = await self._body(response, DOCUMENT_BYTES_MAX)
                break
            except (httpx.TransportError, RegistryUnavailable) as error:
                if attempt == ATTEMPTS_MAX - 1 or _is_final(error):
                    raise self._unavailable(error) from error
                await self._wait(attempt)
        digest = digest_of(data)
        if is_digest(target) and digest != target:
            raise CorruptImage(f"{self._endpoint.host} answered {target} with a manifest of digest {digest}")
        return Document(data, response.headers.get("content-type", ""), digest)

    async def blob(self, descriptor: Descriptor) -> AsyncGenerator[bytes, None]:
        """A blob's bytes in chunks. Whoever takes them all without an error has the right ones.

        Raises:
            ImageNotFound, AccessDenied, RegistryUnavailable
            CorruptImage: size or digest differ from the descriptor.
        """
        digest = hashlib.sha256()
        received = failures = 0
        while True:
            before = received
            problem: Exception = RegistryUnavailable("the connection was closed early")
            try:
                async with aclosing(self._blob_from(descriptor.digest, received)) as chunks:
                    async for chunk in chunks:
                        received += len(chunk)
                        if received > descriptor.size:
                            raise CorruptImage(f"blob {descriptor.digest} is larger than its {descriptor.size} bytes")
                        digest.update(chunk)
                        yield chunk
                if received == descriptor.size:
                    break
            except (httpx.TransportError, RegistryUnavailable) as error:
                problem = error
            failures = 1 if received - before >= PROGRESS_BYTES_MIN else failures + 1
            if failures >= ATTEMPTS_MAX or _is_final(problem):
                raise self._unavailable(problem) from problem
            await self._wait(failures - 1)
        if f"sha256:{digest.hexdigest()}" != descriptor.digest:
            raise CorruptImage(f"blob {descriptor.digest} has other bytes: their digest is {digest.hexdigest()}")

    async def _blob_from(self, digest: str, offset: int) -> AsyncGenerator[bytes, None]:
        response = await self._get(f"blobs/{digest}", {"Range": f"bytes={offset}-"} if offset else {})
        async with aclosing(response):
            await self._check_status(response)
            skip = 0
            if offset and response.status_code != 206:
                skip = offset
            elif offset and not response.headers.get("content-range", "").startswith(f"bytes {offset}-"):
                raise RegistryUnavailable(f"{self._endpoint.host} answers with another range than asked for")
            async for chunk in response.aiter_raw():
                if skip:
                    skip, chunk = max(0, skip - len(chunk)), chunk[skip:]
                if chunk:
                    yield chunk

    async def _get(self, path: str, headers: Mapping[str, str]) -> httpx.Response:
        """The answer, its body still to be read, after what authentication the registry asks for."""
        parameters = {"ns": self._endpoint.namespace} if self._endpoint.namespace else None
        url = httpx.URL(f"{self._endpoint.base}/{self._endpoint.repository}/{path}", params=parameters)
        if self._clock.monotonic() > self._authorized_until:
            self._authorization = ""
        response = await self._follow(url, headers)
        if response.status_code == 401 and _origin(response.url) == _origin(self._base):
            challenges = parse_challenges(", ".join(response.headers.get_list("www-authenticate")))
            await response.aclose()
            await self._authorize(challenges)
            response = await self._follow(url, headers)
        return response

    async def _follow(self, url: httpx.URL, headers: Mapping[str, str]) -> httpx.Response:
        for _ in range(REDIRECTS_MAX + 1):
            sent = dict(headers)
            if self._authorization and _origin(url) == _origin(self._base):
                sent["Authorization"] = self._authorization
            response = await self._client.send(self._client.build_request("GET", url, headers=sent), stream=True)
            if response.status_code not in (301, 302, 303, 307, 308):
                return response
            await response.aclose()
            try:
                target = url.join(response.headers.get("location", ""))
            except (httpx.InvalidURL, ValueError):
                raise RegistryUnavailable(f"{self._endpoint.host} redirects to no URL") from None
            if target.scheme != "https" and target.scheme != url.scheme:
                raise RegistryUnavailable(
                    f"{self._endpoint.host} redirects from https down to {target.scheme}: refused"
                )
            url = target
        raise RegistryUnavailable(f"{self._endpoint.host} redirects more than {REDIRECTS_MAX} times")

    async def _authorize(self, challenges: list[Challenge]) -> None:
        """Find the ``Authorization`` that answers a challenge.

        Raises:
            AccessDenied: no challenge can be answered.
        """
        by_scheme = {challenge.scheme: challenge for challenge in challenges}
        credential = self._credential
        self._authorized_until = float("inf")
        if credential is not None and credential.registry_token and "bearer" in by_scheme:
            self._authorization = f"Bearer {credential.registry_token}"
        elif "bearer" in by_scheme:
            self._authorization = f"Bearer {await self._token(by_scheme['bearer'].parameters)}"
        elif "basic" in by_scheme and credential is not None and credential.basic:
            self._authorization = credential.basic
        else:
            raise self._denied()

    async def _token(self, parameters: Mapping[str, str]) -> str:
        """A token from the server that the challenge names (distribution's token and OAuth2 specifications)."""
        try:
            realm = httpx.URL(parameters.get("realm", ""))
        except httpx.InvalidURL:
            raise self._denied("it names no token server") from None
        if realm.scheme != "https" and realm.scheme != self._base.scheme:
            raise self._denied(f"its token server {realm.host!r} is not on https")
        query = {
            "service": parameters.get("service", ""),
            "scope": parameters.get("scope") or f"repository:{self._endpoint.repository}:pull",
        }
        response = await self._client.send(self._token_request(realm, query), stream=True)
        async with aclosing(response):
            if response.status_code in (400, 401, 403, 404):
                raise self._denied(f"its token server {realm.host} answers {response.status_code}")
            answer = _object(await self._body(response, TOKEN_BYTES_MAX))
        token = answer.get("token") or answer.get("access_token")
        if not isinstance(token, str) or not token.isprintable() or not token.isascii():
            raise self._denied(f"its token server {realm.host} gives no token")
        lives = answer.get("expires_in")
        seconds = float(lives) if isinstance(lives, int | float) and lives > 0 else TOKEN_SECONDS_DEFAULT
        self._authorized_until = self._clock.monotonic() + max(seconds - TOKEN_MARGIN_SECONDS, 0)
        return token

    def _token_request(self, realm: httpx.URL, query: dict[str, str]) -> httpx.Request:
        credential = self._credential
        if credential is not None and credential.identity_token:
            form = {**query, "grant_type": "refresh_token", "client_id": "k3py"}
            form["refresh_token"] = credential.identity_token
            return self._client.build_request("POST", realm, data=form)
        basic = credential.basic if credential is not None else ""
        headers = {"Authorization": basic} if basic else {}
        return self._client.build_request("GET", realm.copy_merge_params(query), headers=headers)

    async def _body(self, response: httpx.Response, bytes_max: int) -> bytes:
        await self._check_status(response)
        data = await _read(response, bytes_max + 1)
        if len(data) > bytes_max:
            raise ImageTooLarge(f"{self._endpoint.host} answers with more than {bytes_max} bytes")
        return data

    async def _check_status(self, response: httpx.Response) -> None:
        status, host = response.status_code, self._endpoint.host
        if status in (200, 206):
            return
        text = _error_text(await _read(response, ERROR_BYTES_MAX))
        if status in (401, 403):
            raise self._denied(text)
        if status == 404:
            raise ImageNotFound(f"{host} has no such image: {text or 'not found'}")
        if status == 429:
            raise RegistryUnavailable(f"{host} answers that there are too many requests: {text}".rstrip(": "))
        if status < 500:
            raise _Refused(f"{host} answers {status}: {text}".rstrip(": "))
        raise RegistryUnavailable(f"{host} answers {status}: {text}".rstrip(": "))

    def _denied(self, detail: str = "") -> AccessDenied:
        who = "without credentials" if self._credential is None else "with these credentials"
        return AccessDenied(f"{self._endpoint.host} gives no access to {self._endpoint.repository} {who}"
                            + (f": {detail}" if detail else ""))  # fmt: skip

    def _unavailable(self, error: Exception) -> ImageError:
        if isinstance(error, ImageError):
            return error
        detail = str(error) or type(error).__name__
        return RegistryUnavailable(f"cannot reach {self._endpoint.host}: {detail}")

    async def _wait(self, failures: int) -> None:
        await asyncio.sleep(self._retry_delay_seconds * 2**failures)


class _Refused(RegistryUnavailable):
    """The registry will not answer differently if asked again now."""


def _is_final(error: Exception) -> bool:
    # A name that does not exist and a certificate that does not fit are the same a second later.
    final = ("CERTIFICATE_VERIFY_FAILED", "Name or service not known")
    return isinstance(error, _Refused | httpx.UnsupportedProtocol) or any(text in str(error) for text in final)


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


async def _read(response: httpx.Response, bytes_max: int) -> bytes:
    data = bytearray()
    async for chunk in response.aiter_raw():
        data += chunk
        if len(data) >= bytes_max:
            break
    return bytes(data[:bytes_max])


def _object(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _error_text(body: bytes) -> str:
    """The first error that the specification's error document holds, fit for one line."""
    errors = _object(body).get("errors")
    if not isinstance(errors, list) or not errors or not isinstance(errors[0], dict):
        return ""
    text = " ".join(str(errors[0].get(key) or "") for key in ("code", "message")).strip()
    return "".join(c if c.isprintable() else " " for c in text)[:200]
