"""The request target: its path and its query (RFC 9112, 3.2)."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qs, unquote

from k3py.model.errors import BadRequest

# Query parameters of one request; exec passes each word of its command as one.
QUERY_FIELDS_MAX: Final = 1024


def origin_form(target: bytes) -> bytes:
    """``/path?query`` of a target that may be in absolute form (RFC 9112, 3.2.2)."""
    if target.startswith(b"/"):
        return target
    scheme, separator, rest = target.partition(b"://")
    if separator and scheme.lower() in (b"http", b"https"):
        cut = min((at for at in (rest.find(b"/"), rest.find(b"?")) if at >= 0), default=len(rest))
        path = rest[cut:]
        return path if path.startswith(b"/") else b"/" + path
    return target


def decoded_path(raw: bytes) -> str:
    try:
        text = raw.decode("ascii")
        return unquote(text, errors="strict") if "%" in text else text
    except UnicodeDecodeError:
        raise BadRequest("the request path is not percent-encoded UTF-8") from None


def parsed_query(raw: bytes) -> Mapping[str, list[str]]:
    if not raw:
        return {}
    try:
        return parse_qs(
            raw.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=QUERY_FIELDS_MAX,
        )
    except UnicodeDecodeError:
        raise BadRequest("the query is not percent-encoded UTF-8") from None
    except ValueError:
        raise BadRequest(f"the query has more than {QUERY_FIELDS_MAX} parameters") from None
