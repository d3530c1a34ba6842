"""``Warning`` headers: what a client should hear although its request was done.

RFC 7234 5.5 with code 299, as Kubernetes' "Warning mechanism" uses them; the bounds are kube-apiserver's.
"""

from collections.abc import Iterable
from typing import Final

# Beyond so many characters in all, each warning is cut, and none is added.
TOTAL_MAX: Final = 4 << 10
CUT_TO: Final = 256

Headers = list[tuple[str, str]]


def warning_headers(warnings: Iterable[str]) -> Headers:
    """One header for each warning, in order; a warning is said once."""
    texts = [text for text in dict.fromkeys(_printable(each) for each in warnings) if text]
    if sum(map(len, texts)) > TOTAL_MAX:
        texts = list(_cut(texts))
    return [("Warning", f"299 - {_quoted(text)}") for text in texts]


def _cut(texts: Iterable[str]) -> Iterable[str]:
    total = 0
    for text in texts:
        if total >= TOTAL_MAX:
            return
        yield text[:CUT_TO]
        total += min(len(text), CUT_TO)


def _printable(text: str) -> str:
    return "".join(each for each in text.encode("ascii", "replace").decode() if each.isprintable())


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
