"""Writes what the OpenAPI documents say beyond the schemas: defaults, enumerations, parameters of requests.

Sources: Go's type data for defaults and for which field has which named type; ``enums.json`` beside this file for the
values of those types (from Kubernetes' published OpenAPI of 1.23, the last whose clients name them, brought up to
date by hand); the docstrings of the official Python client for the parameters.
"""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tools.model.go_types import GoField
from tools.model.kinds import definition_name
from tools.model.structs import SPECIAL_TYPES

Types = Mapping[str, list[GoField]]
ENUMS = Path(__file__).with_name("enums.json")
_ZERO: dict[str, Any] = {
    "string": "", "bool": False, "int": 0, "int32": 0, "int64": 0, "uint8": 0, "uint32": 0, "uint64": 0,
    "float32": 0, "float64": 0,
}  # fmt: skip
# Defaults that stand as markers in Kubernetes' Go sources, by (type, JSON name).
_CORE = "k8s.io/api/core/v1."
_MARKED: dict[tuple[str, str], Any] = {
    (_CORE + "ContainerPort", "protocol"): "TCP",
    (_CORE + "ServicePort", "protocol"): "TCP",
    (_CORE + "LocalObjectReference", "name"): "",
    (_CORE + "GRPCAction", "service"): "",
    (_CORE + "FileKeySelector", "optional"): False,
    (_CORE + "AzureDiskVolumeSource", "cachingMode"): "ReadWrite",
    (_CORE + "AzureDiskVolumeSource", "fsType"): "ext4",
    (_CORE + "AzureDiskVolumeSource", "kind"): "Shared",
    (_CORE + "AzureDiskVolumeSource", "readOnly"): False,
    (_CORE + "ISCSIVolumeSource", "iscsiInterface"): "default",
    (_CORE + "ISCSIPersistentVolumeSource", "iscsiInterface"): "default",
    (_CORE + "RBDVolumeSource", "pool"): "rbd",
    (_CORE + "RBDVolumeSource", "user"): "admin",
    (_CORE + "RBDVolumeSource", "keyring"): "/etc/ceph/keyring",
    (_CORE + "RBDPersistentVolumeSource", "pool"): "rbd",
    (_CORE + "RBDPersistentVolumeSource", "user"): "admin",
    (_CORE + "RBDPersistentVolumeSource", "keyring"): "/etc/ceph/keyring",
    (_CORE + "ScaleIOVolumeSource", "storageMode"): "ThinProvisioned",
    (_CORE + "ScaleIOVolumeSource", "fsType"): "xfs",
    (_CORE + "ScaleIOPersistentVolumeSource", "storageMode"): "ThinProvisioned",
    (_CORE + "ScaleIOPersistentVolumeSource", "fsType"): "xfs",
}
# Kubernetes' document says of a repeated parameter only what one value is.
_JSON_TYPES = {"str": "string", "List": "string", "bool": "boolean", "int": "integer"}
_PARAMETER = re.compile(r":param (?:\w+ )?(\w+): ?([^\n]*)\n\s*:type \w+: (\w+)")
# Parameters that paths have, or that only the client has, and the spelling of those that snake case hides.
_NOT_IN_QUERY = ("name", "namespace", "body", "async_req", "path2")
_SPELLED = {
    "_continue": "continue",
    "insecure_skip_tls_verify_backend": "insecureSkipTLSVerifyBackend",
}


def document_table(types: Types, names: Iterable[str]) -> dict[str, Any]:
    """Everything for one file: ``defaults`` and ``enums`` by definition and field, ``values`` of the enumerations with
    their meaning, ``parameters`` by name, ``options`` by what a connecting subresource speaks."""
    values = json.loads(ENUMS.read_text())
    defaults: dict[str, dict[str, Any]] = {}
    enums: dict[str, dict[str, str]] = {}
    for name in sorted(names):
        definition = definition_name(name)
        for owner, each in _flat(types, name):
            found = _default(owner, each, types)
            if found is not None:
                defaults.setdefault(definition, {})[each.json_name] = found
            if each.alias in values:
                enums.setdefault(definition, {})[each.json_name] = each.alias
    return {"defaults": defaults, "enums": enums, "values": values, **parameters()}


def _flat(types: Types, name: str) -> Iterable[tuple[str, GoField]]:
    """The fields of a struct with those of the structs in it that JSON does not show, and whose they are."""
    for each in types[name]:
        if "inline" in each.options and not each.type.startswith("*"):
            yield from _flat(types, each.type)
        elif each.json_name:
            yield name, each


def _default(owner: str, field: GoField, types: Types) -> Any:
    """What kube-openapi writes for a value that Go never leaves out; None for none."""
    marked = _MARKED.get((owner, field.json_name))
    if marked is not None:
        return marked
    if field.type in types and field.type not in SPECIAL_TYPES:
        return {}
    return None if field.options & {"omitempty", "omitzero"} else _ZERO.get(field.type)


def parameters() -> dict[str, dict[str, Any]]:
    """``parameters``: name -> type and description; ``options``: subresource's kind -> the same."""
    from kubernetes.client import CoreV1Api

    common: dict[str, Any] = {}
    for method in ("list_namespaced_pod", "delete_namespaced_pod", "patch_namespaced_pod", "create_namespaced_pod"):
        common |= {key: value for key, value in _documented(CoreV1Api, method).items() if key != "fieldManager"}
    common["fieldManager"] = _documented(CoreV1Api, "create_namespaced_pod")["fieldManager"]
    common["fieldManager (patch)"] = _documented(CoreV1Api, "patch_namespaced_pod")["fieldManager"]
    connecting = {
        "PodExecOptions": "connect_get_namespaced_pod_exec",
        "PodAttachOptions": "connect_get_namespaced_pod_attach",
        "PodPortForwardOptions": "connect_get_namespaced_pod_portforward",
        "PodProxyOptions": "connect_get_namespaced_pod_proxy",
        "ServiceProxyOptions": "connect_get_namespaced_service_proxy",
        "NodeProxyOptions": "connect_get_node_proxy",
        "PodLogOptions": "read_namespaced_pod_log",
    }
    return {
        "parameters": dict(sorted(common.items())),
        "options": {kind: _documented(CoreV1Api, method) for kind, method in connecting.items()},
    }


def _documented(api: type, method: str) -> dict[str, dict[str, str]]:
    found = {}
    for name, text, kind in _PARAMETER.findall(getattr(api, method).__doc__ or ""):
        if name in _NOT_IN_QUERY or (name.startswith("_") and name not in _SPELLED):
            continue
        first, *rest = name.split("_")
        spelled = _SPELLED.get(name) or first + "".join(each.capitalize() for each in rest)
        found[spelled] = {"type": _JSON_TYPES[kind], "description": text.replace('\\"', '"').replace("  ", "\n\n")}
    return found
