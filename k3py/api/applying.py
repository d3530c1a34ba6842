"""What a server-side apply brings by HTTP: its options and its body (Kubernetes' "Server-Side Apply")."""

import re
from typing import Any, Final

import orjson
import yaml

from k3py.model.errors import BadRequest
from k3py.objects.amounts import check_amount
from k3py.objects.decode import may_repeat
from k3py.objects.go_types import json_kind
from k3py.objects.options import FieldValidation
from k3py.objects.yaml_values import DEPTH_MAX, explained, load_yaml, warnings_of

# What means something else to YAML within JSON, or nothing: characters that are not printable (tabs, line breaks of
# other scripts) and characters beyond U+FFFF as two escapes.
_ODD: Final = re.compile(
    rb"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f]|\\u[dD][89a-fA-F]"
    rb"|\xc2[\x80-\x9f]|\xe2\x80[\xa8\xa9]|\xef\xbb\xbf|\xef\xbf[\xbe\xbf]"
)


def apply_body(data: bytes, validation: FieldValidation) -> tuple[dict[str, Any], list[str]]:
    """The applied configuration, as plain values, and warnings (fields that stand twice).

    Raises:
        BadRequest: it is no YAML (or JSON) object, or fields stand twice and the validation is strict.
        RequestTooLarge: it has too many values.
    """
    try:
        value, duplicates = _loaded(data)
    except yaml.YAMLError as error:
        raise BadRequest(f"error decoding YAML: error converting YAML to JSON: {explained(error)}") from None
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"error decoding YAML: {error}") from None
    if value is None:
        value = {}
    if not isinstance(value, dict):
        raise BadRequest(
            "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal"
            f" {json_kind(value)} into Go value of type map[string]interface {{}}"
        )
    if duplicates and validation is FieldValidation.STRICT:
        raise BadRequest(f"error strict decoding YAML: error converting YAML to JSON: {', '.join(duplicates)}")
    return value, warnings_of(duplicates) if validation is FieldValidation.WARN else []


def is_json(data: bytes) -> bool:
    """Whether a text seems to be JSON that says the same as YAML: what clients send, and what is read quickly."""
    return data[:1] == b"{" and _ODD.search(data) is None


def _loaded(data: bytes) -> tuple[Any, list[str]]:
    if is_json(data):
        check_amount(data)
        try:
            plain = orjson.loads(data)
        except orjson.JSONDecodeError:
            return load_yaml(data)
        if not may_repeat(data, plain) and _is_same(plain, DEPTH_MAX):
            return plain, []
    return load_yaml(data)


def _is_same(value: Any, depth: int) -> bool:
    """Whether YAML reads the same: 1.0 is a whole number there. ``depth``: how many levels there may be below."""
    kind = type(value)
    if kind is dict:
        return depth > 0 and all(_is_same(each, depth - 1) for each in value.values())
    if kind is list:
        return depth > 0 and all(_is_same(each, depth - 1) for each in value)
    return kind is not float
