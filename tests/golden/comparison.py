"""How an answer is held against the recorded one, and what of it counts. See README.md."""

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.golden.recording import Answer, Step, drop, pick, pick_or_none

_SHOWN_MAX = 300


@dataclass(frozen=True)
class Judgement:
    """One step: ``differences`` are lines that say what is not the same; ``message`` is None where no error was
    recorded whose words count."""

    differences: tuple[str, ...]
    status_and_reason: bool
    message: bool | None = None


def is_compared(step: Step) -> bool:
    """Whether a step has an answer at all."""
    return "compact" not in step and step.get("compare") != "none"


def selected(step: Step, answer: Answer) -> Answer:
    """The answer without what the step says is not to be compared."""
    answer = copy.deepcopy(answer)
    if "body" in answer and answer["status"] < 400:
        if "select" in step:
            answer["body"] = _selection(answer["body"], step["select"])
        for path in step.get("sort", ()):
            found = pick_or_none(answer["body"], path)
            if isinstance(found, list):
                found.sort(key=_text)
    for part in ("body", "events"):
        for path in step.get("ignore", ()):
            drop(answer.get(part), path)
    return answer


def judge(step: Step, got: Answer) -> Judgement:
    """Compare an answer (marked, ``selected``) with the one that was recorded."""
    want: Answer = step["answer"]
    how = step.get("compare", "full")
    if how == "status":
        found = differences({"status": want["status"]}, {"status": got["status"]})
    elif how == "keys":
        found = differences(_shape(want), _shape(got))
    else:
        if step.get("unordered"):
            want, got = _unordered(want), _unordered(got)
        found = differences(want, got)
    wanted, ours = _status(want), _status(got)
    same_status = want["status"] == got["status"]
    reason = same_status and (how == "status" or wanted.get("reason") == ours.get("reason"))
    message = None
    if want["status"] >= 400 and how == "full":
        message = wanted.get("message") == ours.get("message") and want.get("text") == got.get("text")
    return Judgement(tuple(found), reason, message)


def differences(want: Any, got: Any, place: str = "") -> Iterator[str]:
    """Lines that say where two JSON values differ: ``-`` is missing, ``+`` is too much, ``~`` is another."""
    if isinstance(want, dict) and isinstance(got, dict):
        for key in dict.fromkeys((*want, *got)):
            yield from _member(want, got, key, f"{place}.{key}" if place else str(key))
    elif isinstance(want, list) and isinstance(got, list):
        ours, theirs = dict(enumerate(got)), dict(enumerate(want))
        for number in range(max(len(want), len(got))):
            yield from _member(theirs, ours, number, f"{place}[{number}]")
    elif want != got or isinstance(want, bool) != isinstance(got, bool):
        yield f"~ {place}: {_shown(want)} -> {_shown(got)}"


def _member(want: dict[Any, Any], got: dict[Any, Any], key: Any, place: str) -> Iterator[str]:
    if key not in got:
        yield f"- {place}: {_shown(want[key])}"
    elif key not in want:
        yield f"+ {place}: {_shown(got[key])}"
    else:
        yield from differences(want[key], got[key], place)


def _selection(body: Any, select: str | list[str]) -> Any:
    """Of one path its value; of several an object from path to value, None when one of them leads nowhere."""
    if isinstance(select, str):
        return pick_or_none(body, select)
    try:
        return {path: pick(body, path) for path in select}
    except (KeyError, IndexError, TypeError):
        return None


def _status(answer: Answer) -> dict[str, Any]:
    body = answer.get("body")
    return body if isinstance(body, dict) and body.get("kind") == "Status" else {}


def _unordered(answer: Answer) -> Answer:
    """The answer without the order of several errors: the recorded server gives them in any."""
    answer = copy.deepcopy(answer)
    body = _status(answer)
    if body:
        body["message"] = _words(body.get("message", ""))
        causes = (body.get("details") or {}).get("causes") or []
        for cause in causes:
            cause["message"] = _words(cause.get("message", ""))
        causes.sort(key=_text)
    answer.get("headers", {}).get("warning", []).sort()
    return answer


def _words(text: str) -> str:
    return " ".join(sorted(re.split(r"[\[\],\s]+", text)))


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shape(each) for key, each in value.items()}
    return [_shape(each) for each in value] if isinstance(value, list) else type(value).__name__


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}..."
