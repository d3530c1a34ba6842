"""What a refusal shows of two versions of a part that must not change: a unified difference of both, field by field.

The form is that of Kubernetes' internal types as indented JSON: names start with a capital, what is not set is null.
"""

import difflib
import json
from collections.abc import Sequence

from k3py.model.struct import Wire
from k3py.objects.validation.go_names import go_names


def difference(old: Wire, new: Wire, order: Sequence[str] = ()) -> str:
    """Where two values of one type differ, each place with three lines around it.

    ``order``: the fields to look at by Go's names, in this order; all fields when it is empty.
    """
    before, after = (_lines(each, order) for each in (old, new))
    lines = list(difflib.unified_diff(before, after))
    return "".join(lines[2:])


def _lines(value: Wire, order: Sequence[str]) -> list[str]:
    shown = json.loads(bytes(go_names(value)))
    if order:
        shown = {name: shown[name] for name in order}
    return [f"{line}\n" for line in json.dumps(shown, indent=1, ensure_ascii=False).split("\n")]
