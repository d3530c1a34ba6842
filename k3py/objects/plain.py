"""JSON text to plain values, bounded, noticing keys that stand twice."""

import json
from typing import Any, Final

# Deeper nesting is no Kubernetes object and would exhaust the stack.
DEPTH_MAX: Final = 500


def load_json(data: bytes) -> tuple[Any, list[str]]:
    """Plain values and the paths of duplicate fields; of these the last one counts.

    Raises:
        ValueError: the bytes are no JSON, or nested too deeply.
    """
    duplicates: list[str] = []
    try:
        pairs = json.loads(data, object_pairs_hook=_Pairs, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("exceeded max depth") from None
    return _resolved(pairs, "", 0, duplicates), duplicates


class _Pairs(list[tuple[str, Any]]):
    """An object's fields as they stand in the text."""


def _no_constant(text: str) -> None:
    raise ValueError(f"invalid character '{text[0]}' looking for beginning of value")


def _resolved(read: Any, path: str, depth: int, duplicates: list[str]) -> Any:
    if depth > DEPTH_MAX:
        raise ValueError("exceeded max depth")
    if isinstance(read, _Pairs):
        result: dict[str, Any] = {}
        for key, each in read:
            place = f"{path}.{key}" if path else key
            value = _resolved(each, place, depth + 1, duplicates)
            if key in result:
                duplicates.append(f'duplicate field "{place}"')
                if isinstance(value, dict) and isinstance(result[key], dict):
                    value = {**result[key], **value}  # as Go's decoder, which decodes the second into the first
            result[key] = value
        return result
    if isinstance(read, list):
        return [_resolved(each, f"{path}[{index}]", depth + 1, duplicates) for index, each in enumerate(read)]
    return read
