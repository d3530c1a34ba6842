"""A request's body to a typed object: JSON, YAML or Kubernetes' protobuf, and what to do about unknown fields."""

from collections.abc import Callable
from typing import Any, Final, NoReturn, TypeVar

import msgspec
import orjson
import yaml

from k3py.model import codec, protobuf
from k3py.model.errors import BadRequest, UnsupportedMediaType
from k3py.model.kinds import KINDS
from k3py.model.registry import Kind
from k3py.model.struct import Wire
from k3py.objects.collections import is_secret
from k3py.objects.normalise import normalise
from k3py.objects.options import FieldValidation
from k3py.objects.plain import load_json
from k3py.objects.yaml_values import load_yaml

T = TypeVar("T", bound=Wire)

JSON: Final = "application/json"
YAML: Final = "application/yaml"
PROTOBUF: Final = "application/vnd.kubernetes.protobuf"
ACCEPTED: Final = (JSON, YAML, PROTOBUF)
# What a message shows of a body that cannot be read.
SHOWN_BYTES_MAX: Final = 30


def decode_body(
    kind: Kind, data: bytes, media_type: str, validation: FieldValidation = FieldValidation.STRICT
) -> tuple[Any, list[str]]:
    """The object in a request's body, and warnings for the user.

    ``media_type`` has no parameters; empty means JSON. The object says nothing of its kind, or says the right one.
    Quantities and times stay as they are written: the write that follows gives them their one form.

    Raises:
        BadRequest: the body cannot be read as an object of this kind.
        UnsupportedMediaType: it is of another type.
    """
    if media_type in ("", JSON):
        return _from_json(kind, data, validation)
    if media_type in (YAML, "application/x-yaml", "text/yaml"):
        value, duplicates = _loaded(kind, data, load_yaml)
        return _from_plain(kind, value, duplicates, data, validation)
    if media_type == PROTOBUF:
        try:
            value = protobuf.decode(data)
        except ValueError as error:
            raise BadRequest(f"the object provided is unrecognized (must be of type {kind.name}): {error}") from None
        return _from_plain(kind, value, [], data, FieldValidation.IGNORE)
    raise UnsupportedMediaType(
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
    try:
        if media_type == PROTOBUF:
            value = protobuf.decode(data)
        elif media_type in ("", JSON):
            value = msgspec.json.decode(data)
        elif media_type in (YAML, "application/x-yaml", "text/yaml"):
            value = load_yaml(data)[0]
        else:
            raise UnsupportedMediaType(
                "the body of the request was in an unknown format - accepted media types include: "
                + ", ".join(ACCEPTED)
            )
        if not isinstance(value, dict):
            raise ValueError("expected an object")
        rest = {key: each for key, each in value.items() if key not in ("kind", "apiVersion")}
        return codec.convert(kind, rest, lenient=True)[0]
    except ValueError as error:
        raise BadRequest(f"cannot read the body as {kind.__name__}: {error}") from None


def typed(kind: Kind, value: Any, validation: FieldValidation = FieldValidation.IGNORE) -> tuple[Any, list[str]]:
    """An object from plain JSON values, e.g. a patched one; the second result names the unknown fields.

    Raises:
        ValueError: a field has the wrong type, a quantity or time is none, or (strict) a field is unknown.
    """
    obj, unknown = codec.convert(kind.type, value, lenient=validation is not FieldValidation.STRICT)
    normalise(obj)
    return obj, unknown


def _from_json(kind: Kind, data: bytes, validation: FieldValidation) -> tuple[Any, list[str]]:
    try:
        plain = orjson.loads(data)
        repeats = validation is not FieldValidation.IGNORE and _may_repeat(data, plain)
    except (orjson.JSONDecodeError, TypeError):
        repeats = True  # the slow way says what is wrong
    if repeats:
        value, duplicates = _loaded(kind, data, load_json)
        return _from_plain(kind, value, duplicates, data, validation)
    try:
        obj: Any = codec.decoder(kind.type).decode(data)
    except (msgspec.DecodeError, RecursionError):
        return _from_plain(kind, plain, [], data, validation)
    obj.api_version, obj.kind = obj.api_version or kind.api_version, obj.kind or kind.name
    _check_kind(kind, obj.api_version, obj.kind, data)
    return obj, []


def _may_repeat(data: bytes, plain: Any) -> bool:
    """Whether a field might stand twice in the JSON: then writing it anew gives fewer keys than were read.

    Odd spacing looks like a repetition too; the slow way then finds none.
    """
    return orjson.dumps(plain).count(b'":') != data.count(b'":')


def _loaded(kind: Kind, data: bytes, load: Callable[[bytes], tuple[Any, list[str]]]) -> tuple[Any, list[str]]:
    try:
        return load(data)
    except yaml.YAMLError as error:
        why = "the text cannot be read" if is_secret(kind) else " ".join(str(error).split())
        _unrecognized(kind, f"yaml: {why}")
    except (ValueError, RecursionError) as error:
        _unrecognized(kind, f"couldn't get version/kind; json parse error: {error} ({_shown(kind, data)})")


def _shown(kind: Kind, data: bytes) -> str:
    """The beginning of a body, for a message; nothing of what is secret."""
    if is_secret(kind):
        return "..."
    return data[:SHOWN_BYTES_MAX].decode("utf-8", "replace") + (" ..." if len(data) > SHOWN_BYTES_MAX else "")


def _unrecognized(kind: Kind, why: str) -> NoReturn:
    raise BadRequest(f"the object provided is unrecognized (must be of type {kind.name}): {why}")


def _from_plain(
    kind: Kind, value: Any, duplicates: list[str], data: bytes, validation: FieldValidation
) -> tuple[Any, list[str]]:
    value = {} if value is None else value
    if not isinstance(value, dict):
        _unrecognized(kind, "couldn't get version/kind; json parse error: the body is no object")
    api_version, name = value.get("apiVersion") or kind.api_version, value.get("kind") or kind.name
    _check_kind(kind, str(api_version), str(name), data)
    try:
        value = {**value, "apiVersion": api_version, "kind": name}
        obj, unknown = codec.convert(kind.type, value, lenient=True)
    except (ValueError, RecursionError) as error:
        _cannot(kind, str(error))
    complaints = [*duplicates, *[f'unknown field "{path}"' for path in unknown]]
    if complaints and validation is FieldValidation.STRICT:
        _cannot(kind, f"strict decoding error: {', '.join(complaints)}")
    warnings = complaints if validation is FieldValidation.WARN else []
    return obj, warnings


def _check_kind(kind: Kind, api_version: str, name: str, data: bytes) -> None:
    if api_version == kind.api_version and name == kind.name:
        return
    if api_version.count("/") > 1:
        _unrecognized(kind, f"unexpected GroupVersion string: {api_version} ({_shown(kind, data)})")
    if KINDS.named(api_version, name) is not None:
        raise BadRequest(
            f"the API version in the data ({api_version}) does not match the expected API version ({kind.api_version})"
            if api_version != kind.api_version
            else f'{name} in version "{kind.version}" cannot be handled as a {kind.name}: it is of another kind'
        )
    version = api_version.rpartition("/")[2]
    raise BadRequest(
        f'{name} in version "{version}" cannot be handled as a {kind.name}: no kind "{name}" is registered for version'
        f' "{api_version}"'
    )


def _cannot(kind: Kind, why: str) -> NoReturn:
    raise BadRequest(f'{kind.name} in version "{kind.version}" cannot be handled as a {kind.name}: {why}')
