"""Blobs in an S3 bucket: a few requests with conditions, signed with Signature Version 4.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html (single chunk, payload signed).
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

import httpx

from k3py.base.clock import Clock
from k3py.store.blobs import BLOB_BYTES_MAX
from k3py.store.errors import CannotOpen

REQUEST_SECONDS_MAX: Final = 10.0
# A bucket answers now and then with 500 or 503 (SlowDown); a few tries are part of its protocol.
TRIES: Final = 4
DEFAULT_REGION: Final = "us-east-1"


@dataclass(frozen=True)
class Bucket:
    """A bucket and how to reach it. ``endpoint``: scheme and host, no path; requests name the bucket in the path."""

    name: str
    endpoint: str
    region: str
    access_key: str
    secret_key: str
    session_token: str = ""

    @classmethod
    def from_environment(cls, name: str, environment: Mapping[str, str]) -> "Bucket":
        """The bucket as the usual ``AWS_*`` variables describe it.

        Raises:
            CannotOpen: the keys are missing, or the endpoint has no TLS and ``AWS_ALLOW_HTTP`` is not ``true``.
        """
        access_key, secret_key = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
        if not access_key or not secret_key:
            raise CannotOpen(f"cannot open s3://{name}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
        region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or DEFAULT_REGION
        endpoint = environment.get("AWS_ENDPOINT") or environment.get("AWS_ENDPOINT_URL") or ""
        endpoint = endpoint.rstrip("/") or f"https://s3.{region}.amazonaws.com"
        if not endpoint.startswith("https://") and environment.get("AWS_ALLOW_HTTP") != "true":
            raise CannotOpen(f"cannot open s3://{name}: {endpoint} has no TLS; set AWS_ALLOW_HTTP=true to allow that")
        return cls(name, endpoint, region, access_key, secret_key, environment.get("AWS_SESSION_TOKEN", ""))


class S3Blobs:
    """Blobs below a prefix of a bucket."""

    def __init__(self, bucket: Bucket, prefix: str, clock: Clock, client: httpx.AsyncClient | None = None) -> None:
        self._bucket = bucket
        self._prefix = prefix.strip("/")
        self._clock = clock
        self._client = client or httpx.AsyncClient(timeout=REQUEST_SECONDS_MAX)

    async def get(self, name: str) -> tuple[bytes, str] | None:
        answer = await self._send("GET", name)
        if answer.status_code == 404:
            return None
        self._expect(answer, name, 200)
        if len(answer.content) > BLOB_BYTES_MAX:
            raise CannotOpen(f"cannot read {self._where(name)}: it has {len(answer.content)} bytes")
        return answer.content, answer.headers.get("etag", "")

    async def put_new(self, name: str, data: bytes) -> bool:
        return await self._put(name, data, {"if-none-match": "*"})

    async def replace(self, name: str, data: bytes, version: str) -> bool:
        quoted = version if version.startswith('"') else f'"{version}"'
        return await self._put(name, data, {"if-match": quoted})

    async def delete(self, name: str) -> None:
        self._expect(await self._send("DELETE", name), name, 200, 204, 404)

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.aclose()

    async def _put(self, name: str, data: bytes, condition: dict[str, str]) -> bool:
        answer = await self._send("PUT", name, data, condition)
        if answer.status_code in (404, 409, 412):
            return False
        self._expect(answer, name, 200, 201, 204)
        return True

    async def _send(
        self, method: str, name: str, data: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """One request; tried again only where that cannot change its meaning: a conditional put that failed in
        between may have taken effect, and its repetition would be refused as if somebody else had won."""
        path = f"/{quote(self._bucket.name)}/{quote('/'.join(filter(None, (self._prefix, name))))}"
        problem = ""
        for _ in range(TRIES if method == "GET" else 1):
            signed = sign(self._bucket, method, path, data, dict(headers or {}), self._clock.now())
            try:
                answer = await self._client.request(method, self._bucket.endpoint + path, content=data, headers=signed)
            except httpx.HTTPError as failure:
                problem = repr(failure)
                continue
            if answer.status_code < 500:
                return answer
            problem = f"HTTP status {answer.status_code}"
        raise CannotOpen(f"cannot reach {self._where(name)}: {problem}")

    def _expect(self, answer: httpx.Response, name: str, *statuses: int) -> None:
        if answer.status_code not in statuses:
            said = " ".join(answer.text.split())[:300]
            raise CannotOpen(f"cannot use {self._where(name)}: HTTP status {answer.status_code} {said}")

    def _where(self, name: str) -> str:
        return f"s3://{self._bucket.name}/{'/'.join(filter(None, (self._prefix, name)))} at {self._bucket.endpoint}"


def sign(bucket: Bucket, method: str, path: str, data: bytes, headers: dict[str, str], now: float) -> dict[str, str]:
    """The request's headers with its signature. ``path`` is quoted; ``now`` in seconds since 1970."""
    moment = datetime.fromtimestamp(now, UTC)
    stamp, day = moment.strftime("%Y%m%dT%H%M%SZ"), moment.strftime("%Y%m%d")
    digest = hashlib.sha256(data).hexdigest()
    signed = {
        **{key.lower(): value for key, value in headers.items()},
        "host": bucket.endpoint.split("://", 1)[1],
        "x-amz-content-sha256": digest,
        "x-amz-date": stamp,
    }
    if bucket.session_token:
        signed["x-amz-security-token"] = bucket.session_token
    names = ";".join(sorted(signed))
    lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
    canonical = f"{method}\n{path}\n\n{lines}\n{names}\n{digest}"
    scope = f"{day}/{bucket.region}/s3/aws4_request"
    request = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{bucket.secret_key}".encode()
    for part in (day, bucket.region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{request}".encode(), "sha256").hex()
    signed["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={bucket.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return signed
