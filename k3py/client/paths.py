"""Where things are in the API: the URL paths and query parameters of each call. Decides."""

from typing import Any
from urllib.parse import quote

from k3py.model.kinds import KINDS
from k3py.model.registry import Kind, Registry
from k3py.model.struct import Wire


def kind_of(kind: type[Wire], kinds: Registry = KINDS) -> Kind:
    """The registry's entry of a Struct class.

    Raises:
        TypeError: the class is not registered.
    """
    try:
        return kinds.of(kind)
    except KeyError:
        raise TypeError(f"cannot ask the API for {kind.__name__}: it is not in the registry of kinds") from None


def collection_path(kind: Kind, namespace: str) -> str:
    """``/apis/apps/v1/namespaces/default/deployments``; all namespaces when ``namespace`` is empty."""
    if kind.namespaced and namespace:
        return f"{kind.path}/namespaces/{quote(namespace, safe='')}/{kind.plural}"
    return f"{kind.path}/{kind.plural}"


def object_path(kind: Kind, name: str, namespace: str, subresource: str = "") -> str:
    """``/api/v1/nodes/n1/status``.

    Raises:
        ValueError: no name, or no namespace for a kind that lives in one: the path would mean the whole collection.
    """
    if not name or name in (".", ".."):
        raise ValueError(f"cannot address a {kind.name} by the name {name!r}")
    if kind.namespaced and not namespace:
        raise ValueError(f'cannot address {kind.name} "{name}" without a namespace')
    path = f"{collection_path(kind, namespace)}/{quote(name, safe='')}"
    return f"{path}/{quote(subresource, safe='')}" if subresource else path


def parameters(**values: str | bool | int) -> dict[str, str]:
    """Query parameters in the API's spelling; empty and false ones are left out."""
    return {
        _camel(name): "true" if value is True else str(value)
        for name, value in values.items()
        if value not in ("", False)
    }


def delete_options(grace_period_seconds: int | None, propagation_policy: str | None, uid: str) -> dict[str, Any]:
    """The body of a DELETE (``metav1.DeleteOptions``)."""
    options: dict[str, Any] = {"kind": "DeleteOptions", "apiVersion": "v1"}
    if grace_period_seconds is not None:
        options["gracePeriodSeconds"] = grace_period_seconds
    if propagation_policy is not None:
        options["propagationPolicy"] = propagation_policy
    if uid:
        options["preconditions"] = {"uid": uid}
    return options


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
