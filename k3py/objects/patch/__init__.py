"""Patches as pure functions over plain JSON values: JSON patch, JSON merge patch, strategic merge patch."""

from typing import Any

from k3py.model.errors import BadRequest
from k3py.model.registry import Kind
from k3py.objects.go_types import json_kind
from k3py.objects.options import Patch, PatchType
from k3py.objects.patch.json_patch import json_patch
from k3py.objects.patch.merge_patch import merge_patch
from k3py.objects.patch.strategic import strategic_merge

__all__ = ["apply_patch", "json_patch", "merge_patch", "strategic_merge"]


def apply_patch(before: dict[str, Any], patch: Patch, kind: Kind) -> dict[str, Any]:
    """The object, as plain JSON values, that the patch makes of ``before``.

    Raises:
        BadRequest, Invalid, PatchFailed: it cannot be applied.
    """
    after: Any
    if patch.type is PatchType.JSON:
        after = json_patch(before, patch.body)
    elif patch.body is None:
        return before
    elif not isinstance(patch.body, dict):
        what = "Go value of type map[string]interface {}"
        raise BadRequest(f"json: cannot unmarshal {json_kind(patch.body)} into {what}")
    elif patch.type is PatchType.MERGE:
        after = merge_patch(before, patch.body)
    else:
        after = strategic_merge(before, patch.body, kind.definition)
    if not isinstance(after, dict):
        raise BadRequest("the patch does not leave an object")
    return after
