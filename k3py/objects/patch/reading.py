"""A patch from a request's body: what every decoder of Kubernetes' says of bodies that are none."""

from typing import Any, Final, NoReturn

import orjson

from k3py.model.errors import BadRequest
from k3py.objects.amounts import check_amount
from k3py.objects.decode import may_repeat
from k3py.objects.go_types import json_kind
from k3py.objects.options import FieldValidation, Patch, PatchType
from k3py.objects.patch.json_patch import check_operations
from k3py.objects.plain import load_json

# The deepest Kubernetes object has some 20 levels; what merges patches goes down by calls.
DEPTH_MAX: Final = 100

_A_MAP: Final = "Go value of type map[string]interface {}"


def read_patch(kind: PatchType, data: bytes, validation: FieldValidation) -> Patch:
    """The patch in a body.

    Raises:
        BadRequest: it is no JSON, too deep, or no patch of its type.
        RequestTooLarge: it has too many values.
    """
    check_amount(data)
    is_strict = validation is not FieldValidation.IGNORE
    prefix = "error decoding patch: " if is_strict and kind is not PatchType.STRATEGIC else ""
    try:
        body, duplicates = _loaded(data, is_strict)
    except (ValueError, RecursionError) as error:
        _refuse(prefix, "exceeded max depth" if isinstance(error, RecursionError) else str(error))
    complaints = duplicates
    if kind is PatchType.JSON:
        if is_strict:
            complaints = [f"json patch {each}" for each in duplicates] + check_operations(body)
    elif not isinstance(body, dict | None):
        _refuse(prefix, f"json: cannot unmarshal {json_kind(body)} into {_A_MAP}")
    elif body is None and kind is PatchType.MERGE:
        _refuse("", "Invalid JSON Patch")
    return Patch(kind, body, complaints if is_strict else ())


def _loaded(data: bytes, is_strict: bool) -> tuple[Any, list[str]]:
    """Quick where the text is short of nothing and nothing can stand twice in it."""
    try:
        plain = orjson.loads(data)
    except orjson.JSONDecodeError:
        return load_json(data, DEPTH_MAX)
    if (is_strict and may_repeat(data, plain)) or data.count(b"[") + data.count(b"{") > DEPTH_MAX:
        return load_json(data, DEPTH_MAX)
    return plain, []


def _refuse(prefix: str, why: str) -> NoReturn:
    raise BadRequest(prefix + why) from None
