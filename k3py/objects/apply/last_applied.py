"""kubectl's older client-side apply: the annotation in which it kept what was applied last.

When ``kubectl`` applies server-side it may take over what that annotation says was its own, and the annotation goes on
saying what was applied. Source: Kubernetes' "Server-Side Apply", section "Upgrading from client-side apply".
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from k3py.objects.apply.comparing import compare
from k3py.objects.apply.fieldset import Tree, difference
from k3py.objects.apply.schema import Node
from k3py.objects.apply.values import Unfit, field_set

MANAGER: Final = "kubectl"
ANNOTATION: Final = "kubectl.kubernetes.io/last-applied-configuration"
# All annotations of an object together; a larger one is left out instead.
ANNOTATIONS_BYTES_MAX: Final = 256 << 10

Plain = Mapping[str, Any]


def _annotations(obj: Plain) -> Mapping[str, Any]:
    metadata = obj.get("metadata")
    found = metadata.get("annotations") if isinstance(metadata, dict) else None
    return found if isinstance(found, dict) else {}


def takeable(live: Plain, node: Node, api_version: str) -> Tree:
    """The fields (set, root) that were applied client-side and still have the value of then."""
    text = _annotations(live).get(ANNOTATION)
    try:
        last = msgspec.json.decode(text or "null")
    except (msgspec.DecodeError, RecursionError):
        return {}
    if not isinstance(last, dict) or last.get("apiVersion") != api_version:
        return {}
    try:
        claimed = field_set(last, node)
    except Unfit:
        return {}
    made = compare(last, live, node)
    return difference(difference(claimed, made.changed), made.removed)


def renewed(obj: Plain, patch: Plain) -> Plain:
    """The object with the patch in its annotation, if it has that one."""
    annotations = _annotations(obj)
    if not annotations.get(ANNOTATION):
        return obj
    new = {**annotations, ANNOTATION: _text(patch)}
    if sum(len(name.encode()) + len(str(value).encode()) for name, value in new.items()) > ANNOTATIONS_BYTES_MAX:
        del new[ANNOTATION]
    return {**obj, "metadata": {**obj["metadata"], "annotations": new}}


def _text(patch: Plain) -> str:
    """The patch without the annotation, as Go writes JSON: keys in order, ``<``, ``>`` and ``&`` escaped, a newline."""
    metadata = patch.get("metadata")
    if isinstance(metadata, dict) and isinstance(metadata.get("annotations"), dict):
        rest = {name: value for name, value in metadata["annotations"].items() if name != ANNOTATION}
        patch = {**patch, "metadata": {**metadata, "annotations": rest}}
    text = msgspec.json.encode(patch, order="sorted").decode()
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return f"{text}\n"
