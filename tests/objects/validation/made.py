"""Good objects, defaulted as on their way in, and changes of them."""

import copy
from typing import Any

from k3py.model import codec
from k3py.objects.fields import Errors
from k3py.objects.kinds.table import rules_of

TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "x"}]}}
ENDING = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x"}]}}
SELECTOR = {"matchLabels": {"a": "b"}}
UID = "11111111-2222-3333-4444-555555555555"


def merged(body: Any, changes: Any) -> Any:
    """A body with changes as a JSON merge patch has them."""
    if not isinstance(changes, dict):
        return changes
    result = copy.deepcopy(body) if isinstance(body, dict) else {}
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def new_object(kind: Any, body: Any, **changes: Any) -> Any:
    """An object as it is when checks look at it for the first time."""
    plain = merged({"metadata": {"name": "x", "namespace": "default", "uid": UID}, **body}, changes)
    made = codec.convert(kind, plain)[0]
    rules = rules_of(kind)
    rules.default(made)
    rules.prepare_create(made)
    made.metadata.generation = 1
    return made


def checked(new: Any, old: Any = None) -> list[str]:
    """Everything that is said of a new or changed object, as field and message."""
    wrong, rules = Errors(), rules_of(type(new))
    rules.check(new, wrong)
    if old is None:
        rules.check_create(new, wrong)
    else:
        rules.check_update(new, old, wrong)
    return list(dict.fromkeys(f"{each.field}: {each.message}" for each in wrong.causes))


def status_checked(new: Any, old: Any) -> list[str]:
    """Everything that is said of a changed status."""
    wrong = Errors()
    rules_of(type(new)).check_status(new, old, wrong)
    return [f"{each.field}: {each.message}" for each in wrong.causes]
