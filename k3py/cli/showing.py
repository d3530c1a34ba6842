"""Prints what was asked for: the server's tables, or the objects. Acts."""

import sys
from typing import Any

import typer

from k3py.cli.asking import Question, fetch_objects, fetch_table
from k3py.cli.output import Output, print_objects
from k3py.cli.resources import Asked, qualified
from k3py.cli.saying import Errors
from k3py.cli.session import Session
from k3py.cli.tables import Layout, Shown, headings, table_rows


def print_tables(session: Session, questions: list[Question], look: Shown, errors: Errors) -> None:
    """The server's tables; with several kinds each under its own headings."""
    several = len({qualified(question.asked.kind) for question in questions}) > 1
    printed = 0
    for question in _together(questions):
        table = fetch_table(session, question, errors)
        if not table.get("rows"):
            continue
        kind = question.asked.kind
        shown = Shown(
            look.wide, question.namespace == "" and kind.namespaced, look.labels, look.headers,
            qualified(kind) if several else "",
        )  # fmt: skip
        if printed:
            typer.echo()
        rows = table_rows(table, shown)
        heading = [headings(table["columnDefinitions"], shown)] if look.headers else []
        typer.echo(Layout().format([*heading, *rows]), nl=False)
        printed += len(rows)
    if not printed and not errors.any and not any(question.asked.names for question in questions):
        where = questions[0].namespace
        namespaced = any(question.asked.kind.namespaced for question in questions)
        print(f"No resources found{f' in {where} namespace' if where and namespaced else ''}.", file=sys.stderr)


def _together(questions: list[Question]) -> list[Question]:
    """Names of one kind in one question, so that they come under the same headings."""
    merged: dict[str, Question] = {}
    for question in questions:
        kind = question.asked.kind
        before = merged.get(qualified(kind))
        names = (*before.asked.names, *question.asked.names) if before else question.asked.names
        merged[qualified(kind)] = Question(Asked(kind, names), question.namespace, question.labels, question.fields)
    return list(merged.values())


def show_objects(session: Session, questions: list[Question], shown: Output, errors: Errors, *, headers: bool) -> None:
    """The objects in another form than a table: json, yaml, name ..."""
    objects: list[dict[str, Any]] = []
    for question in questions:
        objects += fetch_objects(session, question, errors)
    single = sum(len(question.asked.names) for question in questions) == 1
    if objects or not single:
        typer.echo(print_objects(objects, shown, single=single, headers=headers), nl=False)
