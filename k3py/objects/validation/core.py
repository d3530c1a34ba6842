"""Checks of namespaces, config maps, secrets and service accounts."""

from typing import Final

from k3py.model import names
from k3py.model.generated import core_v1
from k3py.objects.fields import Errors
from k3py.objects.json_syntax import syntax_error
from k3py.objects.meta import STANDARD_FINALIZERS
from k3py.objects.validation.key_pairs import key_pair_mistake

DATA_BYTES_MAX: Final = 1 << 20
_IMMUTABLE: Final = "field is immutable when `immutable` is set"

# Type of a login to a registry -> the key that has it, as JSON.
_REGISTRY_KEYS: Final = {
    "kubernetes.io/dockercfg": ".dockercfg",
    "kubernetes.io/dockerconfigjson": ".dockerconfigjson",
}
_ACCOUNT_TOKEN: Final = "kubernetes.io/service-account-token"
_ACCOUNT_NAME: Final = "kubernetes.io/service-account.name"
_MOUNTABLE: Final = "kubernetes.io/enforce-mountable-secrets"


def namespace(obj: core_v1.Namespace, wrong: Errors) -> None:
    """Finalizers have a domain, but for Kubernetes' own."""
    for finalizer in obj.spec.finalizers:
        _finalizer(finalizer, "spec.finalizers", wrong)


def namespace_finalize(new: core_v1.Namespace, old: core_v1.Namespace, wrong: Errors) -> None:
    """As ``namespace``, with the place of each."""
    for index, finalizer in enumerate(new.spec.finalizers):
        _finalizer(finalizer, f"spec.finalizers[{index}]", wrong)


def _finalizer(finalizer: str, path: str, wrong: Errors) -> None:
    wrong.each_invalid(path, finalizer, names.qualified_name(finalizer))
    if "/" not in finalizer and finalizer not in STANDARD_FINALIZERS:
        wrong.invalid(path, finalizer, "name is neither a standard finalizer name nor is it fully qualified")


def namespace_status(new: core_v1.Namespace, old: core_v1.Namespace, wrong: Errors) -> None:
    """The phase says whether it is being deleted."""
    del old
    phase = new.status.phase
    if new.metadata.deletion_timestamp is None:
        if phase != "Active":
            wrong.invalid("status.Phase", phase, "may only be 'Active' if `deletionTimestamp` is empty")
    elif phase != "Terminating":
        wrong.invalid("status.Phase", phase, "may only be 'Terminating' if `deletionTimestamp` is not empty")


def config_map(obj: core_v1.ConfigMap, wrong: Errors) -> None:
    """Keys are file names; a key is text or bytes, not both; all together are bounded."""
    size = 0
    for key, text in sorted(obj.data.items()):
        wrong.each_invalid(f"data[{key}]", key, names.config_key(key))
        if key in obj.binary_data:
            wrong.invalid(f"data[{key}]", key, "duplicate of key present in binaryData")
        size += len(text.encode())
    for key, data in sorted(obj.binary_data.items()):
        wrong.each_invalid(f"binaryData[{key}]", key, names.config_key(key))
        size += len(data)
    if size > DATA_BYTES_MAX:
        wrong.too_long("[]", DATA_BYTES_MAX)  # how Kubernetes writes the whole object


def config_map_update(new: core_v1.ConfigMap, old: core_v1.ConfigMap, wrong: Errors) -> None:
    """What is immutable stays; the rest is as in a new one."""
    if old.immutable:
        if not new.immutable:
            wrong.forbidden("immutable", _IMMUTABLE)
        if new.data != old.data:
            wrong.forbidden("data", _IMMUTABLE)
        if new.binary_data != old.binary_data:
            wrong.forbidden("binaryData", _IMMUTABLE)
    config_map(new, wrong)


def secret(obj: core_v1.Secret, wrong: Errors) -> None:
    """Keys are file names, types have what they need, all together is bounded."""
    size = 0
    for key, data in sorted(obj.data.items()):
        wrong.each_invalid(f"data[{key}]", key, names.config_key(key))
        size += len(data)
    if size > DATA_BYTES_MAX:
        wrong.too_long("data", DATA_BYTES_MAX)
    if obj.type == _ACCOUNT_TOKEN:
        if not obj.metadata.annotations.get(_ACCOUNT_NAME):
            wrong.required(f"metadata.annotations[{_ACCOUNT_NAME}]")
    elif obj.type == "kubernetes.io/basic-auth":
        if not {"username", "password"} & obj.data.keys():
            wrong.required("data[username]")
            wrong.required("data[password]")
    elif obj.type == "kubernetes.io/ssh-auth":
        if not obj.data.get("ssh-privatekey"):
            wrong.required("data[ssh-privatekey]")
    elif obj.type == "kubernetes.io/tls":
        for key in ("tls.crt", "tls.key"):
            if key not in obj.data:
                wrong.required(f"data[{key}]")
    elif obj.type in _REGISTRY_KEYS:
        _registry_login(obj, _REGISTRY_KEYS[obj.type], wrong)


def _registry_login(obj: core_v1.Secret, key: str, wrong: Errors) -> None:
    if key not in obj.data:
        wrong.required(f"data[{key}]")
    elif said := _no_object(obj.data[key]):
        wrong.invalid(f"data[{key}]", "<secret contents redacted>", said)


def _no_object(data: bytes) -> str:
    """Why the bytes are no JSON object; empty when they are."""
    if said := syntax_error(data):
        return said
    first = data.lstrip(b" \t\r\n")[:1]
    if first in b"{n":
        return ""
    found = {b"[": "array", b'"': "string", b"t": "bool", b"f": "bool"}.get(first, "number")
    return f"json: cannot unmarshal {found} into Go value of type map[string]interface {{}}"


def secret_update(new: core_v1.Secret, old: core_v1.Secret, wrong: Errors) -> None:
    """The type stays, and what is immutable; the rest is as in a new one."""
    wrong.immutable("type", new.type, old.type)
    if old.immutable:
        if not new.immutable:
            wrong.forbidden("immutable", _IMMUTABLE)
        if new.data != old.data:
            wrong.forbidden("data", _IMMUTABLE)
    secret(new, wrong)


def secret_warnings(obj: core_v1.Secret) -> list[str]:
    """A certificate and a key that do not belong together."""
    if obj.type != "kubernetes.io/tls":
        return []
    said = key_pair_mistake(obj.data.get("tls.crt", b""), obj.data.get("tls.key", b""))
    return [said] if said else []


def service_account_warnings(obj: core_v1.ServiceAccount) -> list[str]:
    """An annotation that is going."""
    if _MOUNTABLE not in obj.metadata.annotations:
        return []
    return [
        f"metadata.annotations[{_MOUNTABLE}]: deprecated in v1.32+; prefer separate namespaces to isolate access to"
        " mounted secrets"
    ]


def service_account_update_warnings(new: core_v1.ServiceAccount, old: core_v1.ServiceAccount) -> list[str]:
    """Said when the annotation comes, not while it stays."""
    return [] if _MOUNTABLE in old.metadata.annotations else service_account_warnings(new)
