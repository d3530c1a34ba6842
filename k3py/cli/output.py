"""``-o``: what objects look like. Decides."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from k3py.cli.app import USAGE, Failure
from k3py.cli.jsonpath import BadPath, Node, Path, find, parse_path, parse_template, render, text_of
from k3py.cli.resources import qualified
from k3py.cli.tables import Layout
from k3py.model.kinds import KINDS


class Form(StrEnum):
    """The forms; TABLE and WIDE are the server's tables."""

    TABLE = ""
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"
    JSONPATH = "jsonpath"
    CUSTOM_COLUMNS = "custom-columns"


_WITH_ARGUMENT: Final = (Form.JSONPATH, Form.CUSTOM_COLUMNS)


@dataclass(frozen=True)
class Output:
    """A form and, for two of them, what it is to show."""

    form: Form = Form.TABLE
    template: tuple[Node, ...] = ()
    columns: tuple[tuple[str, Path], ...] = ()

    @property
    def is_table(self) -> bool:
        return self.form in (Form.TABLE, Form.WIDE)


def parse_output(text: str) -> Output:
    """``wide``, ``jsonpath={.status}``, ``custom-columns=NAME:.metadata.name`` ...

    Raises:
        Failure: there is no such form, or its argument cannot be understood.
    """
    word, equals, argument = text.partition("=")
    try:
        form = Form(word)
        if bool(equals) != (form in _WITH_ARGUMENT):
            raise ValueError
    except ValueError:
        forms = ", ".join(f"{each}=..." if each in _WITH_ARGUMENT else each for each in Form if each)
        raise Failure(f"cannot use -o {text}: it is one of {forms}", USAGE) from None
    try:
        if form is Form.JSONPATH:
            return Output(form, template=parse_template(argument))
        if form is Form.CUSTOM_COLUMNS:
            return Output(form, columns=_columns(argument))
    except BadPath as error:
        raise Failure(f"cannot use -o {text}: {error}", USAGE) from None
    return Output(form)


def _columns(text: str) -> tuple[tuple[str, Path], ...]:
    columns = []
    for each in text.split(","):
        name, colon, path = each.partition(":")
        if not colon or not name or not path:
            raise BadPath(f"{each!r} is not HEADING:PATH")
        columns.append((name, parse_path(path.strip("{}"))))
    return tuple(columns)


def print_objects(
    objects: Sequence[dict[str, Any]],
    output: Output,
    *,
    single: bool,
    headers: bool = True,
    layout: Layout | None = None,
) -> str:
    """The objects as text. ``single`` shows one object as itself; otherwise json and yaml show a List."""
    if output.form is Form.NAME:
        return "".join(f"{name_of(each)}\n" for each in objects)
    if output.form is Form.CUSTOM_COLUMNS:
        rows = [[_cell(path, each) for _, path in output.columns] for each in objects]
        heading = [[name for name, _ in output.columns]] if headers else []
        return (layout or Layout()).format([*heading, *rows])
    shown = [without_managed_fields(each) for each in objects]
    whole: Any = shown[0] if single and len(shown) == 1 else list_of(shown)
    if output.form is Form.JSONPATH:
        return render(output.template, whole)
    if output.form is Form.YAML:
        import yaml

        return str(yaml.safe_dump(whole, default_flow_style=False, sort_keys=True, allow_unicode=True, width=10_000))
    return json.dumps(whole, indent=4, sort_keys=True, ensure_ascii=False) + "\n"


def list_of(objects: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A ``List``, which may hold objects of several kinds."""
    return {"apiVersion": "v1", "items": list(objects), "kind": "List", "metadata": {"resourceVersion": ""}}


def without_managed_fields(obj: dict[str, Any]) -> dict[str, Any]:
    """An object without the record of who owns which field, which nobody reads."""
    metadata = {key: value for key, value in (obj.get("metadata") or {}).items() if key != "managedFields"}
    return {**obj, "metadata": metadata}


def name_of(obj: dict[str, Any]) -> str:
    """``deployment.apps/web``."""
    kind = KINDS.named(str(obj.get("apiVersion")), str(obj.get("kind")))
    word = qualified(kind) if kind else str(obj.get("kind", "")).lower()
    return f"{word}/{(obj.get('metadata') or {}).get('name', '')}"


def _cell(path: Path, obj: dict[str, Any]) -> str:
    return ",".join(text_of(each) for each in find(path, obj)) or "<none>"
