"""The recorded suites as data: cases, steps, and the small languages in them (paths, variables, long strings)."""

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
SUITES = (
    "defaulting-core", "defaulting-other", "defaulting-pods", "defaulting-services", "defaulting-workloads",
    "validation-pods", "validation-kinds", "validation-updates", "validation-requests", "validation-subresources",
    "patch", "apply", "list", "watch", "delete", "table", "discovery", "expired",
)  # fmt: skip

Case = dict[str, Any]
Step = dict[str, Any]
Answer = dict[str, Any]

_TOKEN = re.compile(r'\["[^"]*"\]|\[[^\]]*\]|[^.\[\]]+')
_VARIABLE = re.compile(r"\$\{(\d+):([^}]+)\}")


def load_cases(suite: str) -> list[Case]:
    """The cases of one suite, in the order of recording."""
    found: list[Case] = json.loads((FOLDER / f"{suite}.json").read_text())["cases"]
    return found


def pick(value: Any, path: str) -> Any:
    """The value at ``a.b[0]``, ``a[name=x]``, ``a[metadata/name=x]`` or ``a["odd.key"]``.

    Raises:
        KeyError, IndexError, TypeError: there is nothing.
    """
    for token in _TOKEN.findall(path):
        value = _element(value, token[1:-1]) if token.startswith("[") else value[token]
        if value is None:
            return None
    return value


def pick_or_none(value: Any, path: str) -> Any:
    """As ``pick``, None where there is nothing."""
    try:
        return pick(value, path)
    except (KeyError, IndexError, TypeError, ValueError):
        return None


def _element(value: Any, inner: str) -> Any:
    if inner.startswith('"'):
        return value[inner[1:-1]]
    key, equals, wanted = inner.partition("=")
    if not equals:
        return value[int(inner)]
    return next((each for each in value if str(_inside(each, key.split("/"))) == wanted), None)


def _inside(value: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def drop(value: Any, path: str) -> None:
    """Remove what is at ``a.b[*].c``, in place; ``[*]`` is every element of a list or value of an object."""
    *before, last = (token[2:-2] if token.startswith('["') else token for token in _TOKEN.findall(path))
    spots = [value]
    for token in before:
        if token == "[*]":
            spots = [each for spot in spots for each in _elements(spot)]
        else:
            spots = [spot[token] for spot in spots if isinstance(spot, dict) and token in spot]
    for spot in spots:
        if isinstance(spot, dict):
            spot.pop(last, None)


def _elements(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def filled(value: Any, answers: Sequence[Any]) -> Any:
    """``value`` with ``${2:metadata.uid}`` replaced by that of the body that step 2 was answered with."""
    if isinstance(value, dict):
        return {key: filled(each, answers) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, answers) for each in value]
    if not isinstance(value, str):
        return value
    whole = _VARIABLE.fullmatch(value)
    if whole is not None:
        found = _answered(whole, answers)
        return value if found is None else found
    return _VARIABLE.sub(lambda match: str(_answered(match, answers)), value)


def _answered(match: "re.Match[str]", answers: Sequence[Any]) -> Any:
    number = int(match[1])
    return pick_or_none(answers[number], match[2]) if number < len(answers) else None


def expanded(value: Any) -> Any:
    """``value`` with ``{"$repeat": ["x", 1000]}`` replaced by the long string that it stands for."""
    if isinstance(value, dict):
        if set(value) == {"$repeat"}:
            text, times = value["$repeat"]
            return text * times
        return {key: expanded(each) for key, each in value.items()}
    return [expanded(each) for each in value] if isinstance(value, list) else value
