"""JSON text to plain values, bounded, noticing keys that stand twice."""

import json
import re
from typing import Any, Final

from k3py.objects.json_syntax import syntax_error

# Deeper nesting is no Kubernetes object and would exhaust the stack.
DEPTH_MAX: Final = 500
# As Kubernetes' decoder: who has more mistakes learns of these first.
DUPLICATES_MAX: Final = 100
# What is wrong with a longer text is told in fewer words: to find Go's looks at it byte by byte.
EXPLAINED_BYTES_MAX: Final = 128 * 1024

_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def load_json(data: bytes, depth_max: int = DEPTH_MAX) -> tuple[Any, list[str]]:
    """Plain values and the paths of duplicate fields; of these the last one counts.

    What is no UTF-8 inside of a text becomes U+FFFD, as Go reads it.

    Raises:
        ValueError: the bytes are no JSON (the message is that of Go's decoder), or nested too deeply.
    """
    duplicates: list[str] = []
    try:
        pairs = json.loads(data.decode("utf-8", "replace"), object_pairs_hook=_Pairs, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("exceeded max depth") from None
    except ValueError as error:
        said = syntax_error(data) if len(data) <= EXPLAINED_BYTES_MAX else ""
        raise ValueError(said or str(error)) from None
    return _resolved(pairs, "", depth_max, duplicates), duplicates


class _Pairs(list[tuple[str, Any]]):
    """An object's fields as they stand in the text."""


def _no_constant(text: str) -> None:
    raise ValueError(f"invalid character '{text[0]}' looking for beginning of value")


def _resolved(read: Any, path: str, depth: int, duplicates: list[str]) -> Any:
    """``depth``: how many levels there may be below."""
    if depth < 0:
        raise ValueError("exceeded max depth")
    if isinstance(read, _Pairs):
        result: dict[str, Any] = {}
        for name, each in read:
            key = _clean(name)
            place = f"{path}.{key}" if path else key
            value = _resolved(each, place, depth - 1, duplicates)
            if key in result:
                if len(duplicates) < DUPLICATES_MAX:
                    duplicates.append(f'duplicate field "{place}"')
                if isinstance(value, dict) and isinstance(result[key], dict):
                    value = {**result[key], **value}  # as Go's decoder, which decodes the second into the first
            result[key] = value
        return result
    if isinstance(read, list):
        return [_resolved(each, f"{path}[{index}]", depth - 1, duplicates) for index, each in enumerate(read)]
    return _clean(read) if isinstance(read, str) else read


def _clean(text: str) -> str:
    return text if text.isascii() else _LONE_SURROGATE.sub("\ufffd", text)
