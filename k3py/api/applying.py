"""What a server-side apply brings by HTTP: its options and its body (Kubernetes' "Server-Side Apply")."""

from typing import Any

import yaml

from k3py.model.errors import BadRequest
from k3py.objects.go_types import json_kind
from k3py.objects.options import FieldValidation
from k3py.objects.yaml_values import explained, load_yaml, warnings_of


def apply_body(data: bytes, validation: FieldValidation) -> tuple[dict[str, Any], list[str]]:
    """The applied configuration, as plain values, and warnings (fields that stand twice).

    Raises:
        BadRequest: it is no YAML (or JSON) object, or fields stand twice and the validation is strict.
    """
    try:
        value, duplicates = load_yaml(data)
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
