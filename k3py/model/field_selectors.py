"""Field selectors: the text of a request, compiled to something that matches.

Grammar and messages are those of the Kubernetes API (apimachinery ``pkg/fields``; the refusals of fields are those of
each kind's ``conversion.go``).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from k3py.model.errors import BadRequest

# A selector is asked of every object of a list: a bound on its terms keeps one request from asking too much.
REQUIREMENTS_MAX: Final = 1_000
NAME_FIELD: Final = "metadata.name"
NAMESPACE_FIELD: Final = "metadata.namespace"
_FIELD_TERM = re.compile(r"((?:[^=!]|!(?!=))*)(!=|==|=)(.*)", re.DOTALL)
_NOT_SUPPORTED: Final = "field label not supported: {}"


@dataclass(frozen=True, slots=True)
class FieldTerm:
    """One term of a field selector as it was written: no kind was asked yet whether it has such a field."""

    name: str
    value: str
    negated: bool = False


@dataclass(frozen=True)
class FieldLabels:
    """Which fields a kind can be selected by, beside its name.

    Attributes:
        supported: the kind's ``selectable``, in its order; empty for kinds that know name and namespace only.
        namespaced: whether ``metadata.namespace`` is one; kinds that know nothing else have it in any case.
        aliases: other names of a supported field.
        unset: fields that may be asked for although no object has a value there.
        refusal: what is said of any other field, with ``{}`` for its name, by a kind with fields of its own.
    """

    supported: Sequence[str] = ()
    namespaced: bool = True
    aliases: Mapping[str, str] = field(default_factory=dict)
    unset: frozenset[str] = frozenset()
    refusal: str = _NOT_SUPPORTED

    def position(self, name: str) -> int:
        """Where a field's value is found.

        Raises:
            BadRequest: objects of this kind cannot be selected by it.
        """
        name = self.aliases.get(name, name)
        if name == NAME_FIELD:
            return _NAME_POSITION
        if name == NAMESPACE_FIELD and (self.namespaced or not self.supported):
            return _NAMESPACE_POSITION
        if name and name in self.supported:
            return list(self.supported).index(name)
        if name in self.unset:
            return _UNSET_POSITION
        if self.supported:
            raise BadRequest(self.refusal.format(name))
        raise BadRequest(f'"{name}" is not a known field selector: only "metadata.name", "metadata.namespace"')


@dataclass(frozen=True, slots=True)
class FieldRequirement:
    """One term of a field selector; ``position`` is the field's place in the kind's ``selectable``."""

    name: str
    position: int
    value: str
    negated: bool = False

    def __str__(self) -> str:
        return f"{self.name}{'!=' if self.negated else '='}{_escaped(self.value)}"


_UNSET_POSITION: Final = -3
_NAME_POSITION: Final = -2
_NAMESPACE_POSITION: Final = -1


@dataclass(frozen=True, slots=True)
class FieldSelector:
    """All requirements must match; without any it matches everything."""

    requirements: tuple[FieldRequirement, ...] = field(default=())

    def matches(self, name: str, namespace: str, fields: Sequence[str]) -> bool:
        """Whether the object is selected; ``fields`` are the values of the kind's ``selectable``, in its order."""
        for each in self.requirements:
            if each.position >= 0:
                value = fields[each.position]
            elif each.position == _NAME_POSITION:
                value = name
            else:
                value = namespace if each.position == _NAMESPACE_POSITION else ""
            if (value == each.value) is each.negated:
                return False
        return True

    def exact_name(self) -> str | None:
        """The one name that can match, when the selector says ``metadata.name=...``: then a list is a lookup."""
        for each in self.requirements:
            if each.position == _NAME_POSITION and not each.negated:
                return each.value
        return None

    def __str__(self) -> str:
        return ",".join(str(requirement) for requirement in self.requirements)


def parse_field_terms(text: str) -> tuple[FieldTerm, ...]:
    """The terms of a selector as requests write it: ``spec.nodeName=n1,status.phase!=Running``.

    Raises:
        BadRequest: the text is no selector; the words are Kubernetes'.
    """
    found = []
    for term in sorted(_split_terms(text)):
        parts = _FIELD_TERM.fullmatch(term)
        if parts is None:
            raise BadRequest(f"invalid selector: '{text}'; can't understand '{term}'")
        found.append(FieldTerm(parts[1], _unescaped(parts[3]), parts[2] == "!="))
    if len(found) > REQUIREMENTS_MAX:
        raise BadRequest(f"field selector has more than {REQUIREMENTS_MAX} requirements")
    return tuple(found)


def field_selector(terms: Iterable[FieldTerm], labels: FieldLabels) -> FieldSelector:
    """The terms as a selector of one kind's objects.

    Raises:
        BadRequest: a term names a field that the kind does not offer.
    """
    return FieldSelector(
        tuple(FieldRequirement(each.name, labels.position(each.name), each.value, each.negated) for each in terms)
    )


def parse_fields(text: str, supported: Sequence[str]) -> FieldSelector:
    """Both at once, for a kind whose ``selectable`` is ``supported``; name and namespace are always known.

    Raises:
        BadRequest: the text is no selector, or names a field that the kind does not offer.
    """
    return field_selector(parse_field_terms(text), FieldLabels(supported))


def _split_terms(text: str) -> list[str]:
    """At commas that no backslash hides; empty terms say nothing."""
    terms, start, escaped = [], 0, False
    for index, character in enumerate(text):
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == ",":
            terms.append(text[start:index])
            start = index + 1
    return [term for term in [*terms, text[start:]] if term]


def _unescaped(value: str) -> str:
    if "\\" not in value and "=" not in value:
        return value
    result, characters = [], iter(value)
    for character in characters:
        if character == "\\":
            following = next(characters, "")
            if following not in ("\\", ",", "="):
                raise BadRequest(f"invalid field selector: invalid escape sequence: \\{following}")
            result.append(following)
        elif character == "=":
            raise BadRequest(f"invalid field selector: unescaped character in value: {ord(character)}")
        else:
            result.append(character)
    return "".join(result)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace(",", "\\,").replace("=", "\\=")
