"""Label selectors: the text of a request or the struct in an object, compiled to something that matches.

Grammar and messages are those of the Kubernetes API (apimachinery ``pkg/labels``). Field selectors, which mostly go
along with them, can be had from here too.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from k3py.model import names
from k3py.model.errors import BadRequest
from k3py.model.field_selectors import REQUIREMENTS_MAX, FieldSelector, parse_fields
from k3py.model.generated import meta_v1

__all__ = [
    "EVERYTHING", "NOTHING", "REQUIREMENTS_MAX", "FieldSelector", "LabelPairs", "Operator", "Requirement", "Selector",
    "from_map", "from_struct", "parse_fields", "parse_labels",
]  # fmt: skip

LabelPairs = Iterable[tuple[str, str]]


class Operator(Enum):
    """How a requirement asks; the values are how selectors write it."""

    IN = "in"
    NOT_IN = "notin"
    EQUALS = "="
    DOUBLE_EQUALS = "=="
    NOT_EQUALS = "!="
    EXISTS = "exists"
    DOES_NOT_EXIST = "!"
    GREATER_THAN = ">"
    LESS_THAN = "<"


_POSITIVE: Final = (Operator.IN, Operator.EQUALS, Operator.DOUBLE_EQUALS)
_NEGATIVE: Final = (Operator.NOT_IN, Operator.NOT_EQUALS)
_OPERATORS_SAID: Final = "in, notin, =, ==, !=, gt, lt"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One term of a label selector."""

    key: str
    operator: Operator
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels is meant."""
        value = labels.get(self.key)
        operator = self.operator
        if operator in _POSITIVE:
            return value in self.values
        if operator in _NEGATIVE:
            return value is None or value not in self.values
        if operator is Operator.EXISTS:
            return value is not None
        if operator is Operator.DOES_NOT_EXIST:
            return value is None
        return self._compares(value)

    def _compares(self, value: str | None) -> bool:
        wanted = int(next(iter(self.values)))
        if value is None or not _INTEGER.fullmatch(value):
            return False
        return int(value) > wanted if self.operator is Operator.GREATER_THAN else int(value) < wanted

    def __str__(self) -> str:
        if self.operator is Operator.EXISTS:
            return self.key
        if self.operator is Operator.DOES_NOT_EXIST:
            return f"!{self.key}"
        values = ",".join(sorted(self.values))
        if self.operator in (Operator.IN, Operator.NOT_IN):
            return f"{self.key} {self.operator.value} ({values})"
        return f"{self.key}{self.operator.value}{values}"


@dataclass(frozen=True, slots=True)
class Selector:
    """All requirements must match. Without any it matches everything; ``nothing`` matches no object at all."""

    requirements: tuple[Requirement, ...] = ()
    nothing: bool = False

    def matches(self, labels: Mapping[str, str] | LabelPairs) -> bool:
        """Whether an object with these labels, a mapping or pairs, is selected."""
        if self.nothing:
            return False
        if not self.requirements:
            return True
        known = labels if isinstance(labels, Mapping) else _mapping(labels)
        return all(requirement.matches(known) for requirement in self.requirements)

    @property
    def everything(self) -> bool:
        """Whether every object is selected."""
        return not self.requirements and not self.nothing

    def __str__(self) -> str:
        return ",".join(str(requirement) for requirement in self.requirements)


# The pairs asked about last, and the same as a mapping: a thousand selectors are asked about one object in a row.
_last: tuple[LabelPairs, Mapping[str, str]] = ((), {})


def _mapping(pairs: LabelPairs) -> Mapping[str, str]:
    global _last
    if not isinstance(pairs, tuple):
        return dict(pairs)
    if pairs is not _last[0]:
        _last = (pairs, dict(pairs))
    return _last[1]


EVERYTHING: Final = Selector()
NOTHING: Final = Selector(nothing=True)

_FROM_STRUCT: Final = {
    "In": Operator.IN,
    "NotIn": Operator.NOT_IN,
    "Exists": Operator.EXISTS,
    "DoesNotExist": Operator.DOES_NOT_EXIST,
}


def from_map(labels: Mapping[str, str]) -> Selector:
    """Objects that have all these labels; an empty mapping selects everything."""
    return Selector(
        tuple(Requirement(key, Operator.EQUALS, frozenset((value,))) for key, value in sorted(labels.items()))
    )


def from_struct(selector: meta_v1.LabelSelector | None) -> Selector:
    """A ``LabelSelector`` as objects carry it: None selects nothing, an empty one everything. What it demands is
    ordered by key, so that it is always written the same.

    Raises:
        ValueError: an operator is unknown.
    """
    if selector is None:
        return NOTHING
    requirements = list(from_map(selector.match_labels).requirements)
    for expression in selector.match_expressions:
        operator = _FROM_STRUCT.get(expression.operator)
        if operator is None:
            raise ValueError(f'"{expression.operator}" is not a valid label selector operator')
        requirements.append(Requirement(expression.key, operator, frozenset(expression.values)))
    return Selector(tuple(sorted(requirements, key=lambda each: each.key)))


def parse_labels(text: str) -> Selector:
    """A selector as requests write it: ``app=web,tier in (a,b),!old``.

    Raises:
        BadRequest: the text is no selector; the words are Kubernetes'.
    """
    return Selector(tuple(sorted(_Parser(text).requirements(), key=lambda each: each.key)))


class _Token(Enum):
    END = 0
    IDENTIFIER = 1
    SYMBOL = 2


_TOKEN = re.compile(r"\s*([^\s=!(),<>]+|==|!=|[=!(),<>]|$)")
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
_BY_SYMBOL: Final = {each.value: each for each in Operator if each is not Operator.EXISTS}


class _Parser:
    """Kubernetes' recursive descent, token by token, so that the messages are the same."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0

    def requirements(self) -> list[Requirement]:
        found: list[Requirement] = []
        kind, literal = self._look()
        if kind is _Token.END:
            return found
        while True:
            if kind is not _Token.IDENTIFIER and literal != "!":
                after = "identifier after ','" if found else "!, identifier, or 'end of string'"
                raise BadRequest(f"found '{literal}', expected: {after}")
            try:
                found.append(self._requirement())
            except ValueError as error:
                raise BadRequest(f"unable to parse requirement: {error}") from None
            if len(found) > REQUIREMENTS_MAX:
                raise BadRequest(f"label selector has more than {REQUIREMENTS_MAX} requirements")
            kind, literal = self._take()
            if kind is _Token.END:
                return found
            if literal != ",":
                raise BadRequest(f"found '{literal}', expected: ',' or 'end of string'")
            kind, literal = self._look()

    def _look(self) -> tuple[_Token, str]:
        before = self._position
        token = self._take()
        self._position = before
        return token

    def _take(self) -> tuple[_Token, str]:
        found = _TOKEN.match(self._text, self._position)
        literal = found[1] if found else ""
        if found:
            self._position = found.end()
        if not literal:
            return _Token.END, ""
        return (_Token.SYMBOL if literal[0] in "=!(),<>" else _Token.IDENTIFIER), literal

    def _requirement(self) -> Requirement:
        kind, literal = self._take()
        absent = literal == "!"
        if absent:
            kind, literal = self._take()
        if kind is not _Token.IDENTIFIER:
            raise ValueError(f"found '{literal}', expected: identifier")
        key = literal
        _check(
            [f"<nil>: Invalid value: {_quoted(key)}: {'; '.join(said)}" for said in [names.qualified_name(key)] if said]
        )
        if absent:
            return Requirement(key, Operator.DOES_NOT_EXIST)
        if self._look()[0] is _Token.END or self._look()[1] == ",":
            return Requirement(key, Operator.EXISTS)
        literal = self._take()[1]
        operator = _BY_SYMBOL.get(literal)
        if operator is None or operator is Operator.DOES_NOT_EXIST:
            raise ValueError(f"found '{literal}', expected: {_OPERATORS_SAID}")
        values = self._values() if operator in (Operator.IN, Operator.NOT_IN) else self._exact_value()
        _check_values(key, operator, values)
        return Requirement(key, operator, values)

    def _exact_value(self) -> frozenset[str]:
        kind, literal = self._look()
        if kind is _Token.END or literal == ",":
            return frozenset(("",))
        self._take()
        if kind is not _Token.IDENTIFIER:
            raise ValueError(f"found '{literal}', expected: identifier")
        return frozenset((literal,))

    def _values(self) -> frozenset[str]:
        literal = self._take()[1]
        if literal != "(":
            raise ValueError(f"found '{literal}' expected: '('")
        kind, literal = self._look()
        if literal == ")":
            self._take()
            return frozenset()
        if kind is not _Token.IDENTIFIER and literal != ",":
            raise ValueError(f"found '{literal}', expected: ',', ')' or identifier")
        values = self._listed()
        self._take()
        return values

    def _listed(self) -> frozenset[str]:
        """What stands before the closing parenthesis: between commas that follow each other is an empty value."""
        values: set[str] = set()
        while True:
            kind, literal = self._take()
            following = self._look()[1]
            if kind is _Token.IDENTIFIER:
                values.add(literal)
                if following not in (",", ")"):
                    raise ValueError(f"found '{following}', expected: ',' or ')'")
            elif literal != ",":
                raise ValueError(f"found '{literal}', expected: ',', or identifier")
            elif not values or following in (",", ")"):
                values.add("")
                if following == ",":
                    self._take()
            if following == ")":
                return frozenset(values)


def _check_values(key: str, operator: Operator, values: frozenset[str]) -> None:
    ordered = sorted(values)
    if operator in (Operator.IN, Operator.NOT_IN) and not ordered:
        raise ValueError("values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty")
    if operator in (Operator.GREATER_THAN, Operator.LESS_THAN) and not _INTEGER.fullmatch(ordered[0]):
        raise ValueError(
            f"values[0]: Invalid value: {_quoted(ordered[0])}: for 'Gt', 'Lt' operators, the value must be an integer"
        )
    _check(
        [
            f"values[{index}][{key}]: Invalid value: {_quoted(value)}: {'; '.join(said)}"
            for index, value in enumerate(ordered)
            if (said := names.label_value(value))
        ]
    )


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _check(wrong: Sequence[str]) -> None:
    if len(wrong) == 1:
        raise ValueError(wrong[0])
    if wrong:
        raise ValueError(f"[{', '.join(wrong)}]")
