"""``k3py get``: show resources."""

import sys
from typing import Annotated, Any

import typer

from k3py.cli.access import connect
from k3py.cli.app import USAGE, Failure, app
from k3py.cli.asking import Question, fetch_objects, fetch_table
from k3py.cli.options import AllNamespaces, Context, FieldSelector, Kubeconfig, Namespace, Resources, Selector
from k3py.cli.output import Output, parse_output, print_objects
from k3py.cli.resources import Asked, parse_resources, qualified
from k3py.cli.saying import Errors
from k3py.cli.session import Session
from k3py.cli.tables import Layout, Shown, headings, table_rows
from k3py.cli.watching import watch_objects


@app.command()
def get(
    resources: Resources,
    output: Annotated[
        str, typer.Option("-o", "--output", help="json, yaml, wide, name, jsonpath=..., custom-columns=...")
    ] = "",
    selector: Selector = "",
    field_selector: FieldSelector = "",
    watch: Annotated[bool, typer.Option("-w", "--watch", help="Show changes as they happen.")] = False,
    show_labels: Annotated[bool, typer.Option("--show-labels", help="Add a column with the labels.")] = False,
    no_headers: Annotated[bool, typer.Option("--no-headers", help="Without the headings.")] = False,
    ignore_not_found: Annotated[bool, typer.Option("--ignore-not-found", help="What is absent is no error.")] = False,
    all_namespaces: AllNamespaces = False,
    namespace: Namespace = "",
    kubeconfig: Kubeconfig = "",
    context: Context = "",
) -> None:
    """Show resources: 'get pods', 'get pods,deploy -A', 'get deploy/web -o yaml', 'get all'."""
    shown = parse_output(output)
    asked = parse_resources(resources)
    named = any(each.names for each in asked)
    if named and (selector or field_selector or all_namespaces):
        raise Failure("names go together neither with selectors nor with --all-namespaces", USAGE)
    if watch and len(asked) > 1:
        raise Failure("--watch takes one kind at a time", USAGE)
    session = connect(kubeconfig, context)
    place = "" if all_namespaces else namespace or session.access.namespace
    questions = [Question(each, place, selector, field_selector) for each in asked]
    look = Shown(wide=shown.form == "wide", labels=show_labels, headers=not no_headers)
    errors = Errors(ignore_not_found=ignore_not_found)
    if watch:
        watch_objects(session, questions[0], shown, look)
    elif shown.is_table:
        _print_tables(session, questions, look, errors)
    else:
        _print_objects(session, questions, shown, errors, headers=not no_headers)
    errors.end()


def _print_tables(session: Session, questions: list[Question], look: Shown, errors: Errors) -> None:
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


def _print_objects(
    session: Session, questions: list[Question], shown: Output, errors: Errors, *, headers: bool
) -> None:
    objects: list[dict[str, Any]] = []
    for question in questions:
        objects += fetch_objects(session, question, errors)
    single = sum(len(question.asked.names) for question in questions) == 1
    if objects or not single:
        typer.echo(print_objects(objects, shown, single=single, headers=headers), nl=False)
