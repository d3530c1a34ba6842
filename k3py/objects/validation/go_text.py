"""What a refusal shows of two versions of a part that must not change: a unified difference of both, field by field.

The form is that of Kubernetes' internal types as indented JSON: names start with a capital, what is not set is null.
"""

import difflib
import json
from collections.abc import Sequence
from functools import cache
from types import NoneType
from typing import Any, Final, get_args, get_origin

from k3py.model import codec
from k3py.model.codec import fields_of
from k3py.model.struct import Wire

_INITIALISMS: Final = {
    "apiGroup": "APIGroup", "cephfs": "CephFS", "chapAuthDiscovery": "DiscoveryCHAPAuth",
    "chapAuthSession": "SessionCHAPAuth", "csi": "CSI", "fc": "FC", "gcePersistentDisk": "GCEPersistentDisk",
    "awsElasticBlockStore": "AWSElasticBlockStore", "iqn": "IQN", "iscsi": "ISCSI", "iscsiInterface": "ISCSIInterface",
    "nfs": "NFS", "pdName": "PDName", "rbd": "RBD", "storageos": "StorageOS", "targetWWNs": "TargetWWNs",
    "uid": "UID", "wwids": "WWIDs", "diskURI": "DataDiskURI", "fsType": "FSType",
}  # fmt: skip
# Their JSON names are their names in internal types too, and what is not set is left out.
_META: Final = "k3py.model.generated.meta_v1"


def difference(old: Wire, new: Wire, order: Sequence[str] = ()) -> str:
    """Where two values of one type differ, each place with three lines around it.

    ``order``: the JSON names of the fields to look at, in this order; all fields when it is empty.
    """
    before, after = (_lines(each, order) for each in (old, new))
    lines = list(difflib.unified_diff(before, after))
    return "".join(lines[2:])


def _lines(value: Wire, order: Sequence[str]) -> list[str]:
    text = json.dumps(_shown(type(value), value, tuple(order)), indent=1, ensure_ascii=False)
    return [f"{line}\n" for line in text.split("\n")]


def _shown(hint: Any, value: Any, order: tuple[str, ...] = ()) -> Any:
    if isinstance(value, Wire):
        if type(value).__module__ == _META:
            return codec.to_plain(value)
        attributes = dict(zip(value.__struct_encode_fields__, value.__struct_fields__, strict=True))
        hints = _hints(type(value))
        return {
            _INITIALISMS.get(wire, wire[:1].upper() + wire[1:]): _shown(hints[wire], getattr(value, attributes[wire]))
            for wire in order or attributes
        }
    if value is None or (not value and get_origin(hint) in (list, dict)):
        return None
    if isinstance(value, dict):
        return {key: _shown(None, value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_shown(None, each) for each in value]
    return value


@cache
def _hints(kind: type[Wire]) -> dict[str, Any]:
    """JSON name -> type without None."""
    found = {}
    for wire, hint in fields_of(kind).items():
        rest = [each for each in get_args(hint) if each is not NoneType]
        found[wire] = rest[0] if NoneType in get_args(hint) and len(rest) == 1 else hint
    return found
