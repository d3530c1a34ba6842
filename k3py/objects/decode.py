"""A request's body to a typed object: JSON, YAML or Kubernetes' protobuf, and what to do about unknown fields."""

from collections.abc import Callable
from typing import Any, Final, NoReturn, TypeVar

import msgspec
import orjson
import yaml

from k3py.model import codec, protobuf
from k3py.model.errors import BadRequest, UnsupportedMediaType
from k3py.model.generated.meta_v1 import ManagedFieldsEntry
from k3py.model.registry import Kind
from k3py.model.struct import Wire
from k3py.objects.amounts import check_amount
from k3py.objects.collections import is_secret
from k3py.objects.go_types import json_kind, mismatch
from k3py.objects.misplaced import misplaced
from k3py.objects.normalise import normalise
from k3py.objects.options import FieldValidation
from k3py.objects.plain import load_json
from k3py.objects.yaml_values import explained, load_yaml, warnings_of

T = TypeVar("T", bound=Wire)

JSON: Final = "application/json"
YAML: Final = "application/yaml"
PROTOBUF: Final = "application/vnd.kubernetes.protobuf"
ACCEPTED: Final = (JSON, YAML, PROTOBUF)
# What a message shows of a body that cannot be read.
SHOWN_BYTES_MAX: Final = 30
# Who has more unknown fields learns of these first.
UNKNOWN_MAX: Final = 100
_MANAGED_FIELDS: Final = b'"managedFields"'

# Kinds that are known where options are read, beside the options themselves.
_META_KINDS: Final = (
    "CreateOptions", "UpdateOptions", "PatchOptions", "DeleteOptions", "Status", "APIVersions", "APIGroupList",
    "APIGroup", "APIResourceList",
)  # fmt: skip

_NO_VERSION: Final = "couldn't get version/kind; json parse error: "
_TYPE_META: Final = (
    r'struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }'
)


def decode_body(
    kind: Kind, data: bytes, media_type: str, validation: FieldValidation = FieldValidation.STRICT
) -> tuple[Any, list[str]]:
    """The object in a request's body, and warnings for the user.

    ``media_type`` has no parameters; empty means JSON. The object says nothing of its kind, or says the right one.
    Quantities and times stay as they are written: the write that follows gives them their one form.

    Raises:
        BadRequest: the body cannot be read as an object of this kind.
        RequestTooLarge: it has too many values.
        UnsupportedMediaType: it is of another type.
    """
    if media_type in ("", JSON):
        check_amount(data)
        return _from_json(kind, data, validation)
    if media_type == YAML:
        value, duplicates = _loaded(kind, data, load_yaml)
        return _from_plain(kind, value, duplicates, data, validation)
    if media_type == PROTOBUF:
        try:
            value = protobuf.decode(data)
        except ValueError as error:
            _unrecognized(kind, str(error), data)
        return _from_plain(kind, value, [], data, FieldValidation.IGNORE)
    raise _unknown_format()


def _unknown_format() -> UnsupportedMediaType:
    return UnsupportedMediaType(
        "the body of the request was in an unknown format - accepted media types include: " + ", ".join(ACCEPTED)
    )


def decode_options(kind: type[T], data: bytes, media_type: str) -> T:
    """An options object (``DeleteOptions``) from a request's body; an empty body has none, unknown fields are left out.

    Raises:
        BadRequest: the body cannot be read.
        UnsupportedMediaType: it is of another type.
    """
    if not data.strip():
        return kind()
    value = _options_value(data, media_type)
    try:
        _check_options_kind(kind, value.get("kind"), value.get("apiVersion"))
        rest = {key: each for key, each in value.items() if key not in ("kind", "apiVersion")}
        return codec.convert(kind, rest, lenient=True)[0]
    except (ValueError, RecursionError) as error:
        found = mismatch(kind, value)
        raise BadRequest(found.as_json() if found is not None else str(error)) from None


def _check_options_kind(kind: type[Wire], name: Any, version: Any) -> None:
    """Options are options in every version.

    Raises:
        ValueError: it is another kind.
    """
    if name in (None, "", kind.__name__):
        return
    if name in _META_KINDS:
        raise ValueError("decoded object cannot be converted to " + kind.__name__)
    raise ValueError(
        f'no kind "{name}" is registered for version "{version or "meta.k8s.io/v1"}" in scheme '
        '"pkg/apis/meta/internalversion/scheme/register.go:27"'
    )


def _options_value(data: bytes, media_type: str) -> dict[str, Any]:
    prefix = _NO_VERSION
    try:
        if media_type == PROTOBUF:
            prefix = ""
            value = protobuf.decode(data)
        elif media_type in ("", JSON):
            check_amount(data)
            value = load_json(data)[0]
        elif media_type == YAML:
            value = load_yaml(data)[0]
        else:
            raise _unknown_format()
        value = {} if value is None else value
        if not isinstance(value, dict):
            raise ValueError(f"json: cannot unmarshal {json_kind(value)} into Go value of type {_TYPE_META}")
        return value
    except yaml.YAMLError as error:
        raise BadRequest(explained(error)) from None
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"{prefix}{error}") from None


def typed(kind: Kind, value: Any, validation: FieldValidation = FieldValidation.IGNORE) -> tuple[Any, list[str]]:
    """An object from plain JSON values, e.g. a patched one; the second result names the unknown fields.

    Raises:
        ValueError: a field has the wrong type, a quantity or time is none, or (strict) a field is unknown.
    """
    obj, unknown = codec.convert(kind.type, value, lenient=validation is not FieldValidation.STRICT)
    normalise(obj)
    return obj, unknown[:UNKNOWN_MAX]


def _from_json(kind: Kind, data: bytes, validation: FieldValidation) -> tuple[Any, list[str]]:
    try:
        plain = orjson.loads(data)
        repeats = validation is not FieldValidation.IGNORE and may_repeat(data, plain)
    except orjson.JSONDecodeError:
        repeats = True  # the slow way says what is wrong
    if repeats:
        value, duplicates = _loaded(kind, data, load_json)
        return _from_plain(kind, value, duplicates, data, validation)
    try:
        obj: Any = codec.decoder(kind.type).decode(data)
    except (msgspec.DecodeError, RecursionError):
        return _from_plain(kind, plain, [], data, validation)
    obj.api_version, obj.kind = obj.api_version or kind.api_version, obj.kind or kind.name
    if (obj.api_version, obj.kind) != (kind.api_version, kind.name):
        return _from_plain(kind, plain, [], data, validation)
    if _MANAGED_FIELDS in data:
        keep_empty(obj, plain)
    return obj, []


def keep_empty(obj: Any, plain: Any) -> None:
    """An empty list of managed fields has all ownership forgotten, as one empty entry has; an absent one does not."""
    if "metadata" in plain and (plain["metadata"] or {}).get("managedFields") == []:
        obj.metadata.managed_fields = [ManagedFieldsEntry()]


def may_repeat(data: bytes, plain: Any) -> bool:
    """Whether a field might stand twice in the JSON: then writing it anew gives fewer keys than were read.

    Odd spacing looks like a repetition too; the slow way then finds none. What is too deep to be written is left to the
    slow way, which knows how deep it may be.
    """
    try:
        return orjson.dumps(plain).count(b'":') != data.count(b'":')
    except TypeError:
        return True


def _loaded(kind: Kind, data: bytes, load: Callable[[bytes], tuple[Any, list[str]]]) -> tuple[Any, list[str]]:
    try:
        return load(data)
    except yaml.YAMLError as error:
        _unrecognized(kind, "yaml: the text cannot be read" if is_secret(kind) else explained(error), data)
    except (ValueError, RecursionError) as error:
        _unrecognized(kind, f"{_NO_VERSION}{error}", data)


def _shown(kind: Kind, data: bytes) -> str:
    """The beginning of a body, for a message: text of what seems JSON, else hexadecimal; nothing of what is secret."""
    if is_secret(kind):
        return "..."
    if not data:
        return "<empty>"
    piece, more = data[:SHOWN_BYTES_MAX], " ..." if len(data) > SHOWN_BYTES_MAX else ""
    return (piece.decode("utf-8", "replace") if piece[:1] == b"{" else piece.hex()) + more


def _unrecognized(kind: Kind, why: str, data: bytes) -> NoReturn:
    raise BadRequest(
        f"the object provided is unrecognized (must be of type {kind.name}): {why} ({_shown(kind, data)})"
    ) from None


def _from_plain(
    kind: Kind, value: Any, duplicates: list[str], data: bytes, validation: FieldValidation
) -> tuple[Any, list[str]]:
    value = {} if value is None else value
    if not isinstance(value, dict):
        why = f"json: cannot unmarshal {json_kind(value)} into Go value of type {_TYPE_META}"
        _unrecognized(kind, _NO_VERSION + why, data)
    for field in ("apiVersion", "kind"):
        if not isinstance(value.get(field) or "", str):
            why = f"json: cannot unmarshal {json_kind(value[field])} into Go struct field .{field} of type string"
            _unrecognized(kind, _NO_VERSION + why, data)
    api_version, name = value.get("apiVersion") or kind.api_version, value.get("kind") or kind.name
    _check_kind(kind, api_version, name, value, data)
    try:
        value = {**value, "apiVersion": api_version, "kind": name}
        obj, unknown = codec.convert(kind.type, value, lenient=True)
    except (ValueError, RecursionError) as error:
        found = mismatch(kind.type, value)
        _cannot(kind, str(error) if found is None else found.as_json())
    keep_empty(obj, value)
    complaints = [*duplicates, *[f'unknown field "{path}"' for path in unknown[:UNKNOWN_MAX]]]
    if complaints and validation is FieldValidation.STRICT:
        _cannot(kind, f"strict decoding error: {', '.join(complaints)}")
    return obj, warnings_of(complaints) if validation is FieldValidation.WARN else []


def _check_kind(kind: Kind, api_version: str, name: str, value: Any, data: bytes) -> None:
    if api_version == kind.api_version and name == kind.name:
        return
    if api_version.count("/") > 1:
        _unrecognized(kind, f"unexpected GroupVersion string: {api_version}", data)
    why = misplaced(kind, api_version, name, value)
    if not why:
        raise BadRequest(
            f"the API version in the data ({api_version}) does not match the expected API version ({kind.api_version})"
        )
    version = api_version.rpartition("/")[2]
    raise BadRequest(f'{name} in version "{version}" cannot be handled as a {kind.name}: {why}')


def _cannot(kind: Kind, why: str) -> NoReturn:
    raise BadRequest(f'{kind.name} in version "{kind.version}" cannot be handled as a {kind.name}: {why}') from None
