"""Values as messages show them that Kubernetes prints from a type without names of its own: Go's field names.

Types of ``meta`` keep the names that they have on the wire.
"""

from typing import Any, Final

import msgspec

from k3py.model import codec
from k3py.model.generated import meta_v1
from k3py.model.struct import Wire

# Where Go's name is not the JSON name with a capital letter.
_SPELLED: Final = {
    "uid": "UID", "ip": "IP", "tty": "TTY", "dnsPolicy": "DNSPolicy", "dnsConfig": "DNSConfig",
    "apiGroup": "APIGroup", "cephfs": "CephFS", "chapAuthDiscovery": "DiscoveryCHAPAuth",
    "chapAuthSession": "SessionCHAPAuth", "csi": "CSI", "fc": "FC", "gcePersistentDisk": "GCEPersistentDisk",
    "awsElasticBlockStore": "AWSElasticBlockStore", "iqn": "IQN", "iscsi": "ISCSI",
    "iscsiInterface": "ISCSIInterface", "nfs": "NFS", "pdName": "PDName", "rbd": "RBD", "storageos": "StorageOS",
    "wwids": "WWIDs", "seLinuxOptions": "SELinuxOptions",
    "setHostnameAsFQDN": "SetHostnameAsFQDN", "os": "OS", "hostPID": "HostPID", "hostIPC": "HostIPC",
    "fsGroup": "FSGroup", "fsGroupChangePolicy": "FSGroupChangePolicy", "seLinuxChangePolicy": "SELinuxChangePolicy",
    "diskURI": "DataDiskURI", "fsType": "FSType",
}  # fmt: skip


def go_names(value: Any) -> msgspec.Raw:
    """JSON with Go's field names, in the order of the fields; what is unset or empty is null."""
    return msgspec.Raw(codec.encode(_named(value)))


def _named(value: Any) -> Any:
    if isinstance(value, Wire):
        if type(value).__module__ == meta_v1.__name__:
            return codec.to_plain(value)
        names = zip(value.__struct_encode_fields__, value.__struct_fields__, strict=True)
        return {_SPELLED.get(wire, wire[0].upper() + wire[1:]): _named(getattr(value, name)) for wire, name in names}
    if isinstance(value, list):
        return [_named(each) for each in value] or None
    if isinstance(value, dict):
        return {key: _named(value[key]) for key in sorted(value)} or None
    return value
