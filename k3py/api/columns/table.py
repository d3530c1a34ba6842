"""Tables: what ``kubectl get`` asks for, for get, list and watch (API Concepts, "Receiving resources as Tables")."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from k3py.api.columns import (
    access,
    autoscaling,
    batch,
    classes,
    cluster,
    config,
    metrics,
    networking,
    pods,
    quotas,
    replication,
    storage,
    vpc,
    workloads,
)
from k3py.api.columns.column import AGE, NAME, Columns, only_name_and_age
from k3py.model import codec
from k3py.model.generated import meta_v1
from k3py.model.registry import Kind
from k3py.model.struct import Wire
from k3py.objects.views import shown

COLUMNS: Mapping[type[Wire], Columns] = {
    **access.COLUMNS,
    **autoscaling.COLUMNS,
    **batch.COLUMNS,
    **classes.COLUMNS,
    **cluster.COLUMNS,
    **config.COLUMNS,
    **metrics.COLUMNS,
    **networking.COLUMNS,
    **pods.COLUMNS,
    **quotas.COLUMNS,
    **replication.COLUMNS,
    **storage.COLUMNS,
    **vpc.COLUMNS,
    **workloads.COLUMNS,
}
_OTHERS = Columns((NAME, AGE), only_name_and_age)


class _Metadata(msgspec.Struct):
    """The one part of an object that a row repeats."""

    metadata: msgspec.Raw


_metadata = msgspec.json.Decoder(_Metadata)


def partial_metadata(raw: bytes, version: str = "v1") -> bytes:
    """``PartialObjectMetadata`` of a stored object, as JSON, in a version of ``meta.k8s.io``."""
    return b'{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/%b","metadata":%b}' % (
        version.encode(),
        bytes(_metadata.decode(raw).metadata),
    )


def row(kind: Kind, raw: bytes, now: float, include: str, version: str = "v1") -> bytes:
    """One row as JSON. ``include`` says how much of the object comes along: ``None``, ``Metadata`` or ``Object``."""
    stored = kind.view_of or kind.type
    columns = COLUMNS.get(stored, _OTHERS)
    obj = codec.decode(stored, raw)
    cells = msgspec.json.encode(columns.cells(obj, now))
    if columns.conditions is not None and (said := columns.conditions(obj)):
        cells += b',"conditions":' + msgspec.json.encode(said)
    if include == "None":
        return b'{"cells":' + cells + b',"object":null}'
    raw = shown(kind, raw)
    body = raw if include == "Object" else partial_metadata(raw, version)
    return b'{"cells":' + cells + b',"object":' + body + b"}"


def definitions(kind: Kind) -> bytes:
    """``columnDefinitions`` as JSON."""
    columns = COLUMNS.get(kind.view_of or kind.type, _OTHERS)
    return msgspec.json.encode(
        [
            {
                "name": each.name,
                "type": each.type,
                "format": each.format,
                "description": each.description,
                "priority": each.priority,
            }
            for each in columns.definitions
        ]
    )


def table(
    kind: Kind, rows: Iterable[bytes], metadata: dict[str, Any], *, with_columns: bool = True, version: str = "v1"
) -> bytes:
    """A whole ``Table`` as JSON. In a watch only the first event carries the columns."""
    return b'{"kind":"Table","apiVersion":"meta.k8s.io/%b","metadata":%b,"columnDefinitions":%b,"rows":[%b]}' % (
        version.encode(),
        msgspec.json.encode(metadata),
        definitions(kind) if with_columns else b"null",
        b",".join(rows),
    )


def list_metadata(revision: str, continue_token: str = "", remaining: int | None = None) -> dict[str, Any]:
    """``ListMeta`` as plain values."""
    made = meta_v1.ListMeta(resource_version=revision, continue_=continue_token, remaining_item_count=remaining)
    plain: dict[str, Any] = codec.to_plain(made)
    return plain
