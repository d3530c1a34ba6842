"""Which object a write means: what its body says of name, namespace and uid agrees with the URL and the stored object.

Source: apiserver ``endpoints/handlers`` (``checkName``), ``registry/rest/meta.go``, the preconditions of its storage.
"""

from collections.abc import Mapping
from typing import Final

from k3py.model.errors import BadRequest, Problem, conflict
from k3py.model.generated.meta_v1 import ObjectMeta
from k3py.model.registry import Kind

# Kinds whose place in Kubernetes' store is not called after them; messages show it.
_STORED_AS: Final[Mapping[tuple[str, str], str]] = {
    ("", "endpoints"): "services/endpoints",
    ("", "nodes"): "minions",
    ("", "replicationcontrollers"): "controllers",
    ("", "services"): "services/specs",
    ("networking.k8s.io", "ingresses"): "ingress",
}


def place(kind: Kind, namespace: str, meta: ObjectMeta) -> None:
    """Put the object where the request says.

    Raises:
        BadRequest: it says that it is elsewhere.
    """
    if not kind.namespaced:
        meta.namespace = ""
        return
    check_namespace(kind, namespace, meta)
    meta.namespace = namespace


def check_namespace(kind: Kind, namespace: str, meta: ObjectMeta) -> None:
    """A namespace in the object is that of the request; what is said of one elsewhere does not matter.

    Raises:
        BadRequest: it is another one.
    """
    if kind.namespaced and meta.namespace and meta.namespace != namespace:
        raise BadRequest("the namespace of the provided object does not match the namespace sent on the request")


def check_name(name: str, meta: ObjectMeta) -> None:
    """The object says its name, and it is that of the URL.

    Raises:
        BadRequest: it is not.
    """
    if not meta.name:
        raise BadRequest(f"the name of the object ({name} based on URL) was undeterminable: name must be provided")
    if meta.name != name:
        raise BadRequest(f"the name of the object ({meta.name}) does not match the name on the URL ({name})")


def other_uid(kind: Kind, namespace: str, name: str, wanted: str, found: str) -> Problem:
    """What is said of a write of the whole object that means another one; ``found`` is empty when there is none."""
    return _not_met(kind, namespace, name, f"UID in precondition: {wanted}, UID in object meta: {found}")


def other_version(kind: Kind, namespace: str, name: str, wanted: str, found: str) -> Problem:
    """What is said of a binding that means another version of the pod."""
    said = f"ResourceVersion in precondition: {wanted}, ResourceVersion in object meta: {found}"
    return _not_met(kind, namespace, name, said)


def _not_met(kind: Kind, namespace: str, name: str, said: str) -> Problem:
    stored_as = _STORED_AS.get((kind.group, kind.plural), kind.plural)
    key = "/".join(part for part in ("/registry", stored_as, namespace, name) if part)
    return conflict(
        kind.plural, kind.group, name,
        f"StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg:"
        f" Precondition failed: {said}",
    )  # fmt: skip
