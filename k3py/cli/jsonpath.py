"""The part of kubectl's JSONPath templates that people use. Text to a tree, tree and object to text. Decides.

``{.a.b}``, ``{.a[0]}``, ``{.a[-1]}``, ``{.a[*].b}``, ``{.a['b.c']}``, ``{.a.b\\.c}``,
``{.a[?(@.b=="c")].d}`` (also ``!=``, and ``?(@.b)`` for "has b"), ``{"text"}`` and ``{range .items[*]}...{end}``.
Source: Kubernetes' page "JSONPath Support".
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

TEMPLATE_CHARACTERS_MAX: Final = 64 * 1024  # a command line has no more

_TOKEN: Final = re.compile(
    r"""\.(?P<field>(?:\\.|[^.\[\]\s{}\\])+)        # .name, with \. for a dot in it
      | \[\s*'(?P<quoted>[^']*)'\s*\]               # ['name']
      | \[\s*(?P<index>-?\d+)\s*\]                  # [0]
      | (?P<all>\[\s*\*\s*\]|\.\*)                  # [*]
      | \[\?\(\s*@(?P<path>(?:\.(?:\\.|[\w/-])+|\['[^']*'\])+)\s*
          (?:(?P<operator>==|!=)\s*(?P<value>"[^"]*"|'[^']*'|-?\d+(?:\.\d+)?|true|false)\s*)?\)\]
      | (?P<dot>\.)$                                # {.}: the object itself
    """,
    re.VERBOSE,
)


class BadPath(ValueError):
    """The text is no template that is understood; says where."""


@dataclass(frozen=True)
class Step:
    """One step of a path: a field, an index (None: all elements), or a filter of elements."""

    field: str | None = None
    index: int | None = None
    filter: "Filter | None" = None


@dataclass(frozen=True)
class Filter:
    """``?(@.path operator value)``; without an operator, that there is such a path."""

    path: tuple[Step, ...]
    operator: str = ""
    value: Any = None


@dataclass(frozen=True)
class Path:
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Range:
    """Its nodes are repeated for each thing the path finds."""

    path: Path
    nodes: "tuple[Node, ...]"


Node = str | Path | Range


def parse_template(text: str) -> tuple[Node, ...]:
    """A template: text with ``{...}`` in it. A text without braces is one path, as kubectl takes it.

    Raises:
        BadPath: it is none.
    """
    if len(text) > TEMPLATE_CHARACTERS_MAX:
        raise BadPath(f"it has more than {TEMPLATE_CHARACTERS_MAX} characters")
    if "{" not in text:
        return (parse_path(text),)
    open_ranges: list[tuple[Path, list[Node]]] = []
    nodes: list[Node] = []
    for literal, action in _pieces(text):
        if literal:
            nodes.append(literal)
        elif action == "end":
            if not open_ranges:
                raise BadPath("an {end} without its {range}")
            path, outer = open_ranges.pop()
            outer.append(Range(path, tuple(nodes)))
            nodes = outer
        elif action.startswith("range "):
            open_ranges.append((parse_path(action[6:].strip()), nodes))
            nodes = []
        else:
            nodes.append(_text(action) if action[:1] in ("'", '"') else parse_path(action))
    if open_ranges:
        raise BadPath("a {range} without its {end}")
    return tuple(nodes)


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    """Literal texts and the insides of braces, in order. Braces in quotes do not count."""
    position = 0
    for match in re.finditer(r"""\{((?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^{}"'])*)\}""", text):
        yield from _literal(text[position : match.start()])
        yield "", match[1].strip()
        position = match.end()
    yield from _literal(text[position:])


def _literal(text: str) -> Iterator[tuple[str, str]]:
    if "{" in text or "}" in text:
        raise BadPath(f"a brace without its partner in {text!r}")
    if text:
        yield text, ""


def _text(quoted: str) -> str:
    inner = quoted[1:-1].replace('"', '\\"') if quoted[0] == "'" else quoted[1:-1]
    try:
        return str(json.loads(f'"{inner}"', strict=False))
    except ValueError:
        raise BadPath(f"cannot read the text {quoted}") from None


def parse_path(text: str) -> Path:
    """One path; a leading ``$`` or ``@`` may stand there, and the first dot be missing.

    Raises:
        BadPath: it is none, or uses a part of JSONPath that is not supported.
    """
    rest = text.strip().removeprefix("$").removeprefix("@")
    if rest and rest[0] not in ".[":
        rest = f".{rest}"
    if not rest and not text.strip():
        raise BadPath("an empty path")
    rest = rest.replace(".[", "[")
    steps: list[Step] = []
    position = 0
    while position < len(rest):
        match = _TOKEN.match(rest, position)
        if match is None:
            raise BadPath(f"cannot understand {rest[position:]!r} in {text!r}")
        if match["dot"] is None:
            steps.append(_step(match))
        position = match.end()
    return Path(tuple(steps))


def _step(match: "re.Match[str]") -> Step:
    if match["field"] is not None:
        return Step(field=re.sub(r"\\(.)", r"\1", match["field"]))
    if match["quoted"] is not None:
        return Step(field=match["quoted"])
    if match["index"] is not None:
        return Step(index=int(match["index"]))
    if match["all"] is not None:
        return Step()
    value = match["value"]
    plain = None if value is None else value[1:-1] if value[0] in "\"'" else json.loads(value)
    return Step(filter=Filter(parse_path(match["path"]).steps, match["operator"] or "", plain))


def find(path: Path, value: Any) -> list[Any]:
    """Everything in ``value`` that the path leads to; what is absent is left out."""
    found = [value]
    for step in path.steps:
        found = [each for holder in found for each in _taken(step, holder)]
    return found


def _taken(step: Step, holder: Any) -> Sequence[Any]:
    if step.field is not None:
        return [holder[step.field]] if isinstance(holder, dict) and step.field in holder else []
    if step.filter is not None:
        return [each for each in _elements(holder) if _passes(step.filter, each)]
    if step.index is None:
        return _elements(holder)
    inside = isinstance(holder, list) and -len(holder) <= step.index < len(holder)
    return [holder[step.index]] if inside else []


def _elements(holder: Any) -> Sequence[Any]:
    if isinstance(holder, list):
        return holder
    return list(holder.values()) if isinstance(holder, dict) else []


def _passes(condition: Filter, value: Any) -> bool:
    found = find(Path(condition.path), value)
    if not condition.operator:
        return bool(found)
    equal = any(type(each) is type(condition.value) and each == condition.value for each in found)
    return equal if condition.operator == "==" else bool(found) and not equal


def render(nodes: Sequence[Node], value: Any) -> str:
    """The template's text for an object. Several results of a path stand with blanks between them."""
    parts = []
    for node in nodes:
        if isinstance(node, str):
            parts.append(node)
        elif isinstance(node, Path):
            parts.append(" ".join(text_of(each) for each in find(node, value)))
        else:
            parts += [render(node.nodes, each) for each in find(node.path, value)]
    return "".join(parts)


def text_of(value: Any) -> str:
    """A result as text: texts as they are, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
