"""YAML to plain JSON values, from the parser's events.

Values are built here rather than by PyYAML's own composer: the quick one (libyaml's) overruns the C stack on deep
nesting, the other takes seconds for what a body may hold. Depth, the number of values and what aliases stand for are
bounded while events are read.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import yaml
from yaml import events

from k3py.model.protobuf import MESSAGES_MAX, VALUES_MAX

# A body is bounded in bytes by the API; an alias makes much out of little, so what it stands for is bounded too.
YAML_NODES_MAX: Final = VALUES_MAX
MAPPINGS_MAX: Final = MESSAGES_MAX
# Deeper nesting is no Kubernetes object and would exhaust the stack.
DEPTH_MAX: Final = 200
# Who has more mistakes learns of these first.
DUPLICATES_MAX: Final = 100

_TAG: Final = "tag:yaml.org,2002:"
# Numbers to Go's reader, which PyYAML takes for texts.
_NUMBER: Final = re.compile(r"[-+]?(?:0o[0-7]+|(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)", re.ASCII)
# Go writes whole numbers below this without an exponent, so that they come back as integers.
_WHOLE_BELOW: Final = 1e21
_TRUE: Final = ("yes", "true", "on")
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


_DUPLICATES: Final = "yaml: unmarshal errors:\n"


def load_yaml(data: bytes) -> tuple[Any, list[str]]:
    """The values of one YAML document, and what is to be said of keys that stand twice: one text, a line for each.

    Raises:
        yaml.YAMLError: the bytes are no single YAML document, a value has no form in JSON, or a bound is passed.
    """
    builder = _Builder(data)
    value = builder.document()
    if not builder.duplicates:
        return value, []
    return value, [_DUPLICATES + "\n".join(f"  {line}" for line in builder.duplicates)]


def warnings_of(complaints: Iterable[str]) -> list[str]:
    """Complaints as single warnings: each line of what YAML says of duplicates is one."""
    return [
        line.strip()
        for complaint in complaints
        for line in (complaint.removeprefix(_DUPLICATES).split("\n") if _is_yaml(complaint) else [complaint])
    ]


def _is_yaml(complaint: str) -> bool:
    return complaint.startswith(_DUPLICATES)


def explained(error: yaml.YAMLError) -> str:
    """What is wrong with a text that is no YAML, as Go's port of libyaml words it; the first line goes unnumbered."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return f"yaml: {' '.join(str(error).split())}"
    line = 0
    if error.problem_mark is not None and error.problem_mark.line:
        line = error.problem_mark.line + isinstance(error, yaml.scanner.ScannerError)
    elif error.context_mark is not None:
        line = error.context_mark.line
    where = f"line {line}: " if line else ""
    return f"yaml: {where}{error.problem or 'unknown problem parsing YAML content'}"


class _Value:
    """A value with the number of values it stands for when every alias is written out."""

    __slots__ = ("is_merge", "size", "value")

    def __init__(self, value: Any, size: int = 1, is_merge: bool = False) -> None:
        self.value = value
        self.size = size
        self.is_merge = is_merge


class _Builder:
    def __init__(self, data: bytes) -> None:
        self.duplicates: list[str] = []
        self._events: Iterator[Any] = yaml.parse(data, Loader=_LOADER)
        self._anchors: dict[str, _Value | None] = {}
        self._resolver: Any = yaml.resolver.Resolver()
        self._size = 0
        self._mappings = 0

    def document(self) -> Any:
        """The only document's value; None when there is none."""
        try:
            next(self._events)
            if isinstance(next(self._events), events.StreamEndEvent):
                return None
            value = self._value(next(self._events), 0).value
            next(self._events)
            if not isinstance(next(self._events), events.StreamEndEvent):
                raise yaml.YAMLError("expected a single document in the stream")
        except (UnicodeDecodeError, yaml.reader.ReaderError) as error:
            raise yaml.YAMLError(f"invalid text: {error}") from None
        return value

    def _value(self, event: Any, depth: int) -> _Value:
        if depth > DEPTH_MAX:
            raise yaml.YAMLError("exceeded max depth")
        if isinstance(event, events.AliasEvent):
            return self._aliased(event)
        anchor = event.anchor
        if anchor is not None:
            self._anchors[anchor] = None
        if isinstance(event, events.ScalarEvent):
            found = self._scalar(event)
        elif isinstance(event, events.SequenceStartEvent):
            _check_tag(event, "seq")
            found = self._sequence(depth)
        else:
            _check_tag(event, "map")
            found = self._mapping(depth)
        if anchor is not None:
            self._anchors[anchor] = found
        return found

    def _count(self, size: int) -> None:
        self._size += size
        if self._size > YAML_NODES_MAX:
            raise yaml.YAMLError("document contains excessive aliasing or too many values")

    def _count_mappings(self, count: int) -> None:
        self._mappings += count
        if self._mappings > MAPPINGS_MAX:
            raise yaml.YAMLError("document contains excessive aliasing or too many values")

    def _aliased(self, event: Any) -> _Value:
        if event.anchor not in self._anchors:
            raise yaml.YAMLError(f"unknown anchor '{event.anchor}' referenced")
        found = self._anchors[event.anchor]
        if found is None:
            raise yaml.YAMLError(f"anchor '{event.anchor}' value contains itself")
        self._count(found.size)
        if isinstance(found.value, dict | list):
            self._count_mappings(found.size)  # at most
        return found

    def _sequence(self, depth: int) -> _Value:
        self._count(1)
        before, result = self._size, []
        while not isinstance(event := next(self._events), events.SequenceEndEvent):
            result.append(self._value(event, depth + 1).value)
        return _Value(result, self._size - before + 1)

    def _mapping(self, depth: int) -> _Value:
        self._count(1)
        self._count_mappings(1)
        before = self._size
        result: dict[str, Any] = {}
        merged: list[Any] = []
        while not isinstance(event := next(self._events), events.MappingEndEvent):
            key = self._value(event, depth + 1)
            placed = next(self._events)
            value = self._value(placed, depth + 1).value
            if key.is_merge:
                merged += value if isinstance(value, list) else [value]
                continue
            text = key.value if isinstance(key.value, str) else _key_text(key.value)
            if text in result and len(self.duplicates) < DUPLICATES_MAX:
                self.duplicates.append(f"line {placed.start_mark.line + 1}: key {json.dumps(text)} already set in map")
            result[text] = value
        for each in merged:
            if not isinstance(each, dict):
                raise yaml.YAMLError("map merge requires map or sequence of maps as the value")
            result = {**each, **result}
        return _Value(result, self._size - before + 1)

    def _scalar(self, event: Any) -> _Value:
        self._count(1)
        tag, text = event.tag, event.value
        if tag is None:
            tag = self._resolver.resolve(yaml.ScalarNode, text, event.implicit)
            if tag == f"{_TAG}str" and event.implicit[0] and _NUMBER.fullmatch(text):
                tag = f"{_TAG}int" if text[:3].lstrip("+-")[:2] == "0o" else f"{_TAG}float"
        elif tag == "!":
            tag = f"{_TAG}str"
        kind = tag.removeprefix(_TAG)
        if kind == "merge":
            return _Value(text, is_merge=event.tag is None)
        try:
            return _Value(_typed(kind, text))
        except (ValueError, OverflowError):
            raise yaml.YAMLError(f"cannot decode {kind} `{text[:40]}`") from None


def _typed(kind: str, text: str) -> Any:
    """A scalar's value by its YAML type; dates stay text, for JSON has none."""
    if kind in ("str", "timestamp", "value"):
        return text
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() in _TRUE
    if ":" in text:
        return text  # YAML 1.1 would read 22:22 as a number to the base of sixty
    if kind == "int":
        return _integer(text.replace("_", ""))
    if kind == "float":
        return _number(text.replace("_", ""))
    raise yaml.YAMLError(f"cannot use the tag !!{kind}")


def _integer(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    digits = text.lstrip("+-")
    if digits.startswith("0") and digits[1:].isdigit():
        return sign * int(digits, 8)
    return sign * int(digits, 0)


def _number(text: str) -> int | float:
    """A number on its way through JSON: what is whole becomes an integer."""
    number = float(text.replace(".inf", "inf").replace(".nan", "nan").replace(".Inf", "inf").replace(".NaN", "nan"))
    if number != number or number in (float("inf"), float("-inf")):
        raise ValueError("no such number in JSON")
    return int(number) if number.is_integer() and abs(number) < _WHOLE_BELOW else number


def _key_text(value: Any) -> str:
    if isinstance(value, dict | list):
        raise yaml.YAMLError("a map or a list cannot be a key")
    return json.dumps(value)


def _check_tag(event: Any, kind: str) -> None:
    if event.tag not in (None, "!", f"{_TAG}{kind}"):
        raise yaml.YAMLError(f"cannot use the tag {event.tag}")
