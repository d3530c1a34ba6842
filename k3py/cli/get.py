"""``k3py get``: show resources."""

from typing import Annotated

import typer

from k3py.cli.access import connect
from k3py.cli.app import USAGE, Failure, app
from k3py.cli.asking import Question
from k3py.cli.options import AllNamespaces, Context, FieldSelector, Kubeconfig, Namespace, Resources, Selector
from k3py.cli.output import parse_output
from k3py.cli.resources import parse_resources
from k3py.cli.saying import Errors
from k3py.cli.showing import print_tables, show_objects
from k3py.cli.tables import Shown
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
        print_tables(session, questions, look, errors)
    else:
        show_objects(session, questions, shown, errors, headers=not no_headers)
    errors.end()
