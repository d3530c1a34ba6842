"""``k3py wait``: until objects are something."""

import time
from collections.abc import Callable
from typing import Annotated, Any

import typer

from k3py.cli.access import connect
from k3py.cli.app import NOT_FOUND, USAGE, Failure, app
from k3py.cli.asking import Question, fetch_objects
from k3py.cli.durations import parse_duration
from k3py.cli.jsonpath import BadPath, find, parse_path, text_of
from k3py.cli.options import Context, Kubeconfig, Namespace, Resources, Selector
from k3py.cli.resources import parse_resources, qualified
from k3py.cli.saying import Errors
from k3py.cli.waiting import wait_until

Plain = dict[str, Any]
Done = Callable[[Plain | None], bool]
# kubectl's word for "as long as it takes" is a negative time; it then waits for a week.
_WEEK_SECONDS = 7 * 24 * 3600.0


@app.command()
def wait(
    resources: Resources,
    for_: Annotated[
        str, typer.Option("--for", help="condition=NAME[=VALUE], delete, create, or jsonpath={PATH}=VALUE")
    ],
    timeout: Annotated[str, typer.Option("--timeout", help="How long; negative for a week, 0 to look once.")] = "30s",
    selector: Selector = "",
    all_: Annotated[bool, typer.Option("--all", help="All objects of the kind in the namespace.")] = False,
    namespace: Namespace = "",
    kubeconfig: Kubeconfig = "",
    context: Context = "",
) -> None:
    """Wait until objects are as asked: 'wait pod/web --for=condition=Ready', 'wait deploy/web --for=delete'."""
    done = parse_wanted(for_)
    seconds = parse_duration(timeout)
    deadline = time.monotonic() + (_WEEK_SECONDS if seconds < 0 else seconds)
    chosen = bool(selector or all_)
    session = connect(kubeconfig, context)
    place = namespace or session.access.namespace
    errors = Errors()
    for asked in parse_resources(resources):
        if bool(asked.names) == chosen:
            raise Failure("say which objects: names, or else --selector or --all", USAGE)
        names = asked.names or tuple(
            each["metadata"]["name"] for each in fetch_objects(session, Question(asked, place, selector), errors)
        )
        if not names and for_ != "delete":
            errors.add("no matching resources found", NOT_FOUND)
        for name in names:
            with errors.kept():
                wait_until(session, asked.kind, place, name, done, deadline - time.monotonic())
                typer.echo(f"{qualified(asked.kind)}/{name} condition met")
    errors.end()


def parse_wanted(text: str) -> Done:
    """What ``--for`` waits for, as a question to an object (None: it is not there). Decides.

    Raises:
        Failure: it is none of the forms.
    """
    word, _, rest = text.partition("=")
    if text == "delete":
        return lambda obj: obj is None
    if text == "create":
        return lambda obj: obj is not None
    if word == "condition" and rest:
        name, _, value = rest.partition("=")
        return lambda obj: _has_condition(_there(obj), name, value or "True")
    if word == "jsonpath" and rest:
        return _of_path(rest)
    raise Failure(
        f"cannot wait for {text!r}: say condition=NAME[=VALUE], delete, create or jsonpath={{PATH}}=VALUE", USAGE
    )


def _there(obj: Plain | None) -> Plain:
    if obj is None:
        raise Failure("cannot wait: there is no such object", NOT_FOUND)
    return obj


def _has_condition(obj: Plain, name: str, value: str) -> bool:
    """Whether the condition has the value, and is not about an older generation of the object."""
    for each in (obj.get("status") or {}).get("conditions") or ():
        if str(each.get("type", "")).lower() == name.lower():
            seen = each.get("observedGeneration") or (obj.get("status") or {}).get("observedGeneration") or 0
            is_old = bool(seen) and seen < (obj["metadata"].get("generation") or 0)
            return not is_old and str(each.get("status", "")).lower() == value.lower()
    return False


def _of_path(text: str) -> Done:
    path_text, closing, value = text.partition("}")
    if closing:
        path_text, value = path_text.removeprefix("{"), value.removeprefix("=") if value else ""
    else:
        path_text, _, value = text.partition("=")
    try:
        path = parse_path(path_text)
    except BadPath as error:
        raise Failure(f"cannot wait for jsonpath={text}: {error}", USAGE) from None
    wanted = value.strip("'\"")
    if not wanted:
        return lambda obj: bool(find(path, _there(obj)))
    return lambda obj: any(text_of(each) == wanted for each in find(path, _there(obj)))
