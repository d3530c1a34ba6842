"""What a patch leaves, read as an object of its kind."""

from typing import Any

from k3py.model.registry import Kind
from k3py.objects.collections import is_secret
from k3py.objects.decode import keep_empty, typed
from k3py.objects.go_types import json_kind, mismatch
from k3py.objects.misplaced import misplaced
from k3py.objects.options import FieldValidation, Patch, PatchType
from k3py.objects.patch import apply_patch
from k3py.objects.patch.errors import unusable
from k3py.objects.yaml_values import warnings_of


def patched_object(
    kind: Kind, before: dict[str, Any], patch: Patch, validation: FieldValidation
) -> tuple[Any, list[str]]:
    """The object that a patch makes of ``before`` (plain JSON values), and warnings for the user.

    Raises:
        BadRequest, Invalid, PatchFailed, RequestTooLarge: the patch cannot be applied, or leaves no such object.
    """
    after = apply_patch(before, patch, kind)
    why = "" if patch.type is PatchType.STRATEGIC else _other_kind(kind, after)
    new, unknown = None, list[str]()
    if not why:
        try:
            new, unknown = _read(kind, patch, {**after, "apiVersion": kind.api_version, "kind": kind.name})
        except ValueError as error:
            why = _wrong_type(kind, patch, after) or str(error)
        else:
            keep_empty(new, after)
    complaints = [*patch.complaints, *[f'unknown field "{path}"' for path in unknown]]
    if not why and complaints and validation is FieldValidation.STRICT:
        why = f"strict decoding error: {', '.join(complaints)}"
    if why:
        raise unusable(patch, before, after, why, secret=is_secret(kind))
    return new, warnings_of(complaints) if validation is FieldValidation.WARN else []


def _read(kind: Kind, patch: Patch, after: dict[str, Any]) -> tuple[Any, list[str]]:
    try:
        return typed(kind, after)
    except ValueError:
        if patch.type is not PatchType.STRATEGIC:
            raise
        return typed(kind, _with_whole_numbers(after))


def _with_whole_numbers(value: Any) -> Any:
    """3.0 counts as 3 where a strategic merge patch says it; the decoders of JSON are not so kind."""
    if isinstance(value, dict):
        return {key: _with_whole_numbers(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_with_whole_numbers(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _other_kind(kind: Kind, after: dict[str, Any]) -> str:
    """Why the object is no longer of its kind; empty when it is. It may say nothing of its kind."""
    for field in ("apiVersion", "kind"):
        if not isinstance(after.get(field) or "", str):
            why = f"json: cannot unmarshal {json_kind(after[field])} into Go struct field .{field} of type string"
            return f"couldn't get version/kind; json parse error: {why}"
    api_version, name = after.get("apiVersion") or kind.api_version, after.get("kind") or kind.name
    if (api_version, name) == (kind.api_version, kind.name):
        return ""
    why = misplaced(kind, api_version, name, after)
    return why or f"the API version in the data ({api_version}) does not match the expected API version"


def _wrong_type(kind: Kind, patch: Patch, after: dict[str, Any]) -> str:
    is_strategic = patch.type is PatchType.STRATEGIC
    found = mismatch(kind.type, _with_whole_numbers(after) if is_strategic else after)
    if found is None:
        return ""
    return found.as_unstructured() if is_strategic else found.as_json()
