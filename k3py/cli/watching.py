"""``get --watch``: the list, then every change, as long as the person looks on. Acts."""

from typing import Any, Final

import msgspec
import typer

from k3py.cli.asking import TABLE, Question
from k3py.cli.output import Output, print_objects
from k3py.cli.session import JSON, Session
from k3py.cli.tables import Layout, Shown, headings, table_rows
from k3py.client.answers import LineSplitter, decode_problem
from k3py.model.errors import Unavailable

# The server sends a bookmark every minute; a watch that is silent for longer than two has lost its server.
SILENCE_SECONDS: Final = 130.0
Plain = dict[str, Any]


def watch_objects(session: Session, question: Question, output: Output, look: Shown) -> None:
    """Print the objects as they are and then each change, until interrupted.

    Raises:
        Problem: the server refuses, or a connection is lost and cannot be had again.
    """
    accept = TABLE if output.is_table else JSON
    query = question.query()
    if question.asked.names:
        query["fieldSelector"] = f"metadata.name={question.asked.names[0]}"
        session.request("GET", question.path(question.asked.names[0]))  # NotFound, if it is not there
    first = session.request("GET", question.path(), query, accept=accept).plain()
    shown = Shown(look.wide, question.namespace == "" and question.asked.kind.namespaced, look.labels, look.headers)
    printer = _Printer(output, shown)
    printer.start(first)
    version = str(first["metadata"]["resourceVersion"])
    while True:
        version = _follow(session, question.path(), query, accept, version, printer)


def _follow(session: Session, path: str, query: dict[str, str], accept: str, version: str, printer: "_Printer") -> str:
    """One watch, until the server ends it; the version it got to."""
    asked = {**query, "watch": "true", "allowWatchBookmarks": "true", "resourceVersion": version}
    splitter = LineSplitter()
    with session.stream(path, asked, accept, SILENCE_SECONDS) as pieces:
        try:
            for piece in pieces:
                for line in splitter.feed(piece):
                    version = printer.event(decode_event(line)) or version
        except TimeoutError:
            pass
    return version


def decode_event(line: bytes) -> tuple[str, Plain]:
    """The type and the object of a watch event.

    Raises:
        Problem: the server reports one.
        Unavailable: it is no event.
    """
    try:
        event = msgspec.json.decode(line)
        kind, obj = event["type"], event["object"]
    except (msgspec.MsgspecError, KeyError, TypeError) as error:
        raise Unavailable(f"cannot read the watch: {error}") from error
    if kind == "ERROR":
        raise decode_problem(msgspec.json.encode(obj), 0)
    return kind, obj


class _Printer:
    """Prints the first list and what follows with the same columns."""

    def __init__(self, output: Output, shown: Shown) -> None:
        self._output = output
        self._shown = shown
        self._layout = Layout()
        self._columns: list[Plain] = []
        self._headed = not shown.headers

    def start(self, first: Plain) -> None:
        if self._output.is_table:
            self._columns = first["columnDefinitions"]
            self._rows(first)
        else:
            for each in first.get("items") or ():
                self._object(each)

    def event(self, event: tuple[str, Plain]) -> str:
        """Print a change; returns the version of its object."""
        kind, obj = event
        if self._output.is_table:
            rows = obj.get("rows") or []
            if kind != "BOOKMARK":
                self._rows(obj)
            obj = rows[0]["object"] if rows else obj
        elif kind != "BOOKMARK":
            self._object(obj)
        return str(((obj or {}).get("metadata") or {}).get("resourceVersion") or "")

    def _rows(self, table: Plain) -> None:
        rows = table_rows(table, self._shown, columns=self._columns)
        if rows and not self._headed:
            rows.insert(0, headings(self._columns, self._shown))
            self._headed = True
        typer.echo(self._layout.format(rows), nl=False)

    def _object(self, obj: Plain) -> None:
        text = print_objects([obj], self._output, single=True, headers=not self._headed, layout=self._layout)
        self._headed = True
        typer.echo(text, nl=not text.endswith("\n"))
