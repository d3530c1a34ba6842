"""Checks of namespaces, config maps, secrets, events and leases."""

import json
from typing import Final

from k3py.model import names
from k3py.model.generated import coordination_v1, core_v1
from k3py.objects.fields import Errors

DATA_BYTES_MAX: Final = 1 << 20
_IMMUTABLE: Final = "field is immutable when `immutable` is set"

# Keys without which a secret of a type is of no use to anybody.
_REQUIRED_KEYS: Final = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
}
_JSON_KEYS: Final = (".dockercfg", ".dockerconfigjson")
_ACCOUNT_TOKEN: Final = "kubernetes.io/service-account-token"
_ACCOUNT_NAME: Final = "kubernetes.io/service-account.name"


def namespace(obj: core_v1.Namespace, wrong: Errors) -> None:
    """Finalizers have a domain, but for Kubernetes' own."""
    for finalizer in obj.spec.finalizers:
        wrong.each_invalid("spec.finalizers", finalizer, names.qualified_name(finalizer))
        if "/" not in finalizer and finalizer != "kubernetes":
            detail = "name is neither a standard finalizer name nor is it fully qualified"
            wrong.invalid("spec.finalizers", finalizer, detail)


def config_map(obj: core_v1.ConfigMap, wrong: Errors) -> None:
    """Keys are file names; a key is text or bytes, not both; all together are bounded."""
    size = 0
    for key, text in obj.data.items():
        wrong.each_invalid(f"data[{key}]", key, names.config_key(key))
        if key in obj.binary_data:
            wrong.invalid(f"data[{key}]", key, "duplicate of key present in binaryData")
        size += len(text.encode())
    for key, data in obj.binary_data.items():
        wrong.each_invalid(f"binaryData[{key}]", key, names.config_key(key))
        size += len(data)
    if size > DATA_BYTES_MAX:
        wrong.too_long("", DATA_BYTES_MAX)


def config_map_update(new: core_v1.ConfigMap, old: core_v1.ConfigMap, wrong: Errors) -> None:
    """What is immutable stays."""
    if old.immutable:
        if not new.immutable:
            wrong.forbidden("immutable", _IMMUTABLE)
        if new.data != old.data:
            wrong.forbidden("data", _IMMUTABLE)
        if new.binary_data != old.binary_data:
            wrong.forbidden("binaryData", _IMMUTABLE)


def secret(obj: core_v1.Secret, wrong: Errors) -> None:
    """Keys are file names, types have what they need, all together is bounded."""
    size = 0
    for key, data in obj.data.items():
        wrong.each_invalid(f"data[{key}]", key, names.config_key(key))
        size += len(data)
    if size > DATA_BYTES_MAX:
        wrong.too_long("data", DATA_BYTES_MAX)
    for key in _REQUIRED_KEYS.get(obj.type, ()):
        if key not in obj.data:
            wrong.required(f"data[{key}]")
        elif key in _JSON_KEYS and not _is_json_object(obj.data[key]):
            wrong.invalid(f"data[{key}]", "<secret contents redacted>", "invalid character")
    if obj.type == _ACCOUNT_TOKEN and not obj.metadata.annotations.get(_ACCOUNT_NAME):
        wrong.required(f"metadata.annotations[{_ACCOUNT_NAME}]")
    if obj.type == "kubernetes.io/basic-auth" and not {"username", "password"} & obj.data.keys():
        wrong.required("data[username]")
        wrong.required("data[password]")


def _is_json_object(data: bytes) -> bool:
    try:
        return isinstance(json.loads(data), dict)
    except (ValueError, RecursionError):
        return False


def secret_update(new: core_v1.Secret, old: core_v1.Secret, wrong: Errors) -> None:
    """The type stays, and what is immutable."""
    wrong.immutable("type", new.type, old.type)
    if old.immutable:
        if not new.immutable:
            wrong.forbidden("immutable", _IMMUTABLE)
        if new.data != old.data:
            wrong.forbidden("data", _IMMUTABLE)


def event(obj: core_v1.Event, wrong: Errors) -> None:
    """An event lives in the namespace of what it is about."""
    about = obj.involved_object
    if about.namespace:
        if about.namespace != obj.metadata.namespace:
            wrong.invalid("involvedObject.namespace", about.namespace, "does not match event.namespace")
    elif obj.metadata.namespace not in ("default", "kube-system"):
        wrong.invalid("involvedObject.namespace", "", "does not match event.namespace")


def lease(obj: coordination_v1.Lease, wrong: Errors) -> None:
    """Durations are greater than zero; transitions are never negative."""
    spec = obj.spec
    if spec.lease_duration_seconds is not None and spec.lease_duration_seconds <= 0:
        wrong.invalid("spec.leaseDurationSeconds", spec.lease_duration_seconds, "must be greater than 0")
    if spec.lease_transitions is not None and spec.lease_transitions < 0:
        wrong.invalid("spec.leaseTransitions", spec.lease_transitions, "must be greater than or equal to 0")
