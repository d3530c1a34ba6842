"""What a reverse proxy does to header fields and redirects. Values in, values out.

RFC 9110, 7.6.1 (hop-by-hop fields); Kubernetes' proxy transport (apimachinery, util/proxy) for X-Forwarded-Uri,
redirects, and the CORS fields that a backend must not set in the API server's name.
"""

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit, urlunsplit

Fields = list[tuple[str, str]]
CHUNKED: Final = -1

_HOP_BY_HOP: Final = frozenset(
    ("connection", "proxy-connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer",
     "transfer-encoding", "upgrade")
)  # fmt: skip
# The API server's own credentials and what it has acted upon; no backend may see or use them again.
_OURS: Final = frozenset(("authorization", "content-length", "expect"))
_IMPERSONATION: Final = "impersonate-"
_TOKEN_PROTOCOL: Final = "base64url.bearer.authorization.k8s.io."
_CORS: Final = "access-control-"


def request_fields(
    headers: Mapping[bytes, bytes], client: str, uri: str, body_length: int | None, upgrade: str = ""
) -> Fields:
    """The fields of the request to the backend.

    ``client`` is the client's address, ``uri`` what it asked for below the API server, ``body_length`` the number of
    bytes that follow (None: no body, ``CHUNKED``: in chunks), ``upgrade`` the protocol to switch to (empty: none).
    """
    named = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers.items()}
    dropped = _HOP_BY_HOP | _OURS | _connection_options(named.get("connection", ""))
    fields = [(name, value) for name, value in named.items() if name not in dropped and _passes(name)]
    fields = [(name, _without_token(value) if name == "sec-websocket-protocol" else value) for name, value in fields]
    fields = [(name, value) for name, value in fields if value or name != "sec-websocket-protocol"]
    forwarded = [named["x-forwarded-for"]] if named.get("x-forwarded-for") else []
    fields = [field for field in fields if field[0] not in ("x-forwarded-for", "x-forwarded-uri")]
    if client:
        forwarded.append(client)
    if forwarded:
        fields.append(("x-forwarded-for", ", ".join(forwarded)))
    fields.append(("x-forwarded-uri", uri))
    if "trailers" in named.get("te", "").lower():
        fields.append(("te", "trailers"))
    if body_length == CHUNKED:
        fields.append(("transfer-encoding", "chunked"))
    elif body_length is not None:
        fields.append(("content-length", str(body_length)))
    fields += [("connection", "Upgrade"), ("upgrade", upgrade)] if upgrade else [("connection", "close")]
    return fields


def _passes(name: str) -> bool:
    return not name.startswith(_IMPERSONATION)


def _without_token(protocols: str) -> str:
    """WebSocket subprotocols but the one in which browsers hide their token."""
    kept = [each.strip() for each in protocols.split(",")]
    return ", ".join(each for each in kept if each and not each.startswith(_TOKEN_PROTOCOL))


def _connection_options(value: str) -> set[str]:
    return {option.strip().lower() for option in value.split(",") if option.strip()}


def response_fields(headers: Iterable[tuple[str, str]]) -> Fields:
    """The fields of the answer to the client, without its length, which the HTTP server says."""
    listed = list(headers)
    options: set[str] = set()
    for name, value in listed:
        if name.lower() == "connection":
            options |= _connection_options(value)
    dropped = _HOP_BY_HOP | options | {"content-length", "content-type"}
    return [
        (name, value) for name, value in listed if name.lower() not in dropped and not name.lower().startswith(_CORS)
    ]


def upgrade_fields(headers: Iterable[tuple[str, str]]) -> Fields:
    """The fields of a ``101`` answer: all but Connection, which the HTTP server says."""
    dropped = ("connection", "content-length", "transfer-encoding")
    return [(name, value) for name, value in headers if name.lower() not in dropped]


def first(headers: Sequence[tuple[str, str]], name: str) -> str:
    """The first value of a field (name in lower case), empty without one."""
    return next((value for each, value in headers if each.lower() == name), "")


def rewrite_url(text: str, prefix: str, request_host: str) -> str:
    """A link or redirect of a backend, led through the proxy again when it stays on that host.

    ``prefix`` is the path of the proxied root without a slash at its end, ``request_host`` the Host that was asked for.
    What cannot be read, is relative, or leads elsewhere stays as it is.
    """
    try:
        url = urlsplit(text)
    except ValueError:
        return text
    elsewhere = bool(url.netloc) and url.netloc != request_host
    if elsewhere or not url.path.startswith("/"):
        return text
    path = url.path
    if path != prefix and not path.startswith(prefix + "/"):
        path = join_paths(prefix, path)
    kept = (url.scheme, url.netloc) if url.netloc else ("", "")
    return urlunsplit((*kept, path, url.query, url.fragment))


def join_paths(prefix: str, path: str) -> str:
    """``prefix`` and ``path`` as one clean path; a slash at the end stays."""
    joined = posixpath.normpath(f"{prefix}/{path}")
    joined = "/" + joined.lstrip("/")
    return joined + "/" if path.endswith("/") and not joined.endswith("/") else joined
