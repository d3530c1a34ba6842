"""What volumes, claims and storage classes may say; everything wrong is said at once."""

import pytest

from k3py.model.generated import core_v1, storage_v1
from k3py.objects.defaults import storage as defaults
from k3py.objects.validation import claims, persistent_volumes, storage_classes
from tests.objects.validation.said import made, said

ONE = {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}}
HOST = {"hostPath": {"path": "/data"}}


def volume(name="v", annotations=None, status=None, **spec):
    meta = {"name": name, "annotations": annotations or {}}
    obj = made(core_v1.PersistentVolume, metadata=meta, spec={**ONE, **spec}, status=status or {})
    defaults.volume(obj)
    return obj


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (HOST, []),
        ({"accessModes": [], "capacity": {}}, [
            "spec.accessModes: Required value", "spec.capacity: Required value",
            'spec.capacity: Unsupported value: null: supported values: "storage"',
            "spec: Required value: must specify a volume type"]),
        ({**HOST, "accessModes": ["ReadWriteOncePod", "ReadOnlyMany", "Odd"]}, [
            'spec.accessModes: Unsupported value: "Odd"', "may not use ReadWriteOncePod with other access modes"]),
        ({**HOST, "capacity": {"storage": "-1", "cpu": "1"}}, [
            "spec.capacity: Unsupported value", "spec.capacity[storage]: Invalid value: -1: must be a valid",
            'spec.capacity[storage]: Invalid value: "-1": must be greater than zero']),
        ({"hostPath": {"path": "/"}, "persistentVolumeReclaimPolicy": "Recycle"}, ["hostPath mount of '/'"]),
        ({"hostPath": {"path": "/a/../b", "type": "Odd"}}, ["must not contain '..'", "spec.hostPath.type: Unsupp"]),
        ({**HOST, "nfs": {}, "cephfs": {}}, ["spec.nfs: Forbidden", "spec.cephFS: Forbidden"]),
        ({**HOST, "flexVolume": {"options": {"a.k8s.io/b": ""}}}, ["flexVolume.driver: Req", "are reserved"]),
        ({"nfs": {"path": "a"}}, ["spec.nfs.server: Required value", "must be an absolute path"]),
        ({"local": {"path": ""}}, ["spec.local.path: Required value", "Local volume requires node affinity"]),
        ({"local": {"path": "/a"}, "nodeAffinity": {}}, ["spec.nodeAffinity.required: Required value"]),
        ({"iscsi": {"targetPortal": "p", "iqn": "iqn.x", "lun": 256, "chapAuthSession": True}}, [
            "spec.iscsi.iqn: Invalid value", "spec.iscsi.lun: Invalid value", "spec.iscsi.secretRef: Required value"]),
        ({"iscsi": {"targetPortal": "p" * 63, "iqn": "iqn.2001-04.com.example:a", "initiatorName": "x"}}, [
            "spec.iscsi.targetportal: Invalid value", "spec.iscsi.initiatorname: Invalid value"]),
        ({"csi": {"driver": "A_", "nodePublishSecretRef": {}}}, [
            "spec.csi.driver: Invalid value", "spec.csi.volumeHandle: Req", "nodePublishSecretRef.name: Required",
            "nodePublishSecretRef.namespace: Required"]),
        ({"fc": {"targetWWNs": ["a"], "wwids": ["b"]}}, ["can not be specified simultaneously", "spec.fc.lun: Req"]),
        ({"gcePersistentDisk": {"partition": 256}}, ["spec.persistentDisk.pdName: Req", "spec.persistentDisk.part"]),
        ({"azureDisk": {"diskName": "a", "diskURI": "x", "kind": "Managed"}}, ["spec.azureDisk.diskURI: Unsupported"]),
        ({"rbd": {}}, ["spec.rbd.monitors: Required value", "spec.rbd.image: Required value"]),
        ({"quobyte": {"registry": "a", "volume": ""}}, ["host:port pair", "spec.quobyte.volume: Required value"]),
        ({"flocker": {"datasetName": "a/b", "datasetUUID": "u"}}, ["simultaneously", "must not contain '/'"]),
        ({**HOST, "storageClassName": "A", "volumeMode": "X", "volumeAttributesClassName": ""}, [
            "spec.storageClassName", "spec.volumeMode", "an empty string is disallowed", "spec.csi: Required value"]),
    ],
)  # fmt: skip
def test_volumes(spec, why):
    found = said(persistent_volumes.volume, volume(**spec))
    assert len(found) == len(why), found
    assert all(part in each for part, each in zip(why, found, strict=True)), found


def test_what_a_volume_is_made_of_stays_and_the_refusal_shows_what_changed():
    found = said(persistent_volumes.volume_update, volume(hostPath={"path": "/b"}), volume(hostPath={"path": "/a"}))
    assert found == [
        "spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation\n"
        "@@ -2,7 +2,7 @@\n"
        '  "GCEPersistentDisk": null,\n  "AWSElasticBlockStore": null,\n  "HostPath": {\n'
        '-  "Path": "/a",\n+  "Path": "/b",\n   "Type": ""\n  },\n  "Glusterfs": null,\n'
    ]


def test_a_secret_for_growing_may_be_given_once():
    bare, given = ({"driver": "d", "volumeHandle": "h", **more}
                   for more in ({}, {"controllerExpandSecretRef": {"name": "a", "namespace": "b"}}))  # fmt: skip
    assert said(persistent_volumes.volume_update, volume(csi=given), volume(csi=bare)) == []
    assert len(said(persistent_volumes.volume_update, volume(csi=bare), volume(csi=given))) == 1


def _on(key):
    return {"required": {"nodeSelectorTerms": [{"matchExpressions": [{"key": key, "operator": "Exists"}]}]}}


def test_where_a_volume_can_be_reached_stays_but_for_new_names_of_old_labels():
    old = volume(**HOST, nodeAffinity=_on("beta.kubernetes.io/os"))
    assert said(persistent_volumes.volume_update, volume(**HOST, nodeAffinity=_on("kubernetes.io/os")), old) == []
    found = said(persistent_volumes.volume_update, volume(**HOST, nodeAffinity=_on("a")), old)
    assert found == [
        'nodeAffinity: Invalid value: {"Required":{"NodeSelectorTerms":[{"MatchExpressions":[{"Key":"a",'
        '"Operator":"Exists","Values":null}],"MatchFields":null}]}}: field is immutable, except'
        " for updating from beta label to GA"
    ]
    assert said(persistent_volumes.volume_update, old, volume(**HOST)) == []


def test_sources_and_words_of_the_past_are_warned_of():
    obj = volume(annotations={"volume.beta.kubernetes.io/storage-class": "x"}, rbd={}, glusterfs={},
                 persistentVolumeReclaimPolicy="Recycle", nodeAffinity=_on("beta.kubernetes.io/os"))  # fmt: skip
    found = persistent_volumes.volume_warnings(obj)
    assert [each.partition(":")[0] for each in found] == [
        "metadata.annotations[volume.beta.kubernetes.io/storage-class]", "spec.persistentVolumeReclaimPolicy",
        "spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].key", "spec.glusterfs", "spec.rbd",
    ]  # fmt: skip


def claim(annotations=None, status=None, size="1Gi", **spec):
    wanted = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size} if size else {}}}
    obj = made(core_v1.PersistentVolumeClaim, metadata={"name": "c", "annotations": annotations or {}},
               spec={**wanted, **spec}, status=status or {})  # fmt: skip
    defaults.claim(obj)
    return obj


POD = {"kind": "Pod", "name": "p"}
CLAIM = {"kind": "PersistentVolumeClaim", "name": "p"}


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({}, []),
        ({"accessModes": [], "size": ""}, ["at least 1 access mode", "spec.resources[storage]: Required value"]),
        ({"size": "0"}, ['spec.resources[storage]: Invalid value: "0": must be greater than zero']),
        ({"storageClassName": "A", "volumeMode": "X", "volumeAttributesClassName": "_"}, [
            "spec.storageClassName", "spec.volumeMode", "spec.volumeAttributesClassName"]),
        ({"dataSource": POD, "dataSourceRef": {"kind": "", "name": ""}}, [
            'spec.dataSource: Invalid value: "Pod"', "dataSourceRef.name", "dataSourceRef.kind", "spec.dataSourceRef: ",
            "spec: Invalid value: {}: must match dataSourceRef"]),
        ({"dataSource": {**CLAIM, "apiGroup": "A_"}}, ["spec.dataSource.apiGroup: Invalid value"]),
        ({"dataSource": CLAIM, "dataSourceRef": {**CLAIM, "namespace": "n"}}, ["may not be specified when"]),
    ],
)  # fmt: skip
def test_claims(spec, why):
    found = said(claims.claim, claim(**spec))
    assert len(found) == len(why), found
    assert all(part in each for part, each in zip(why, found, strict=True)), found


BOUND = {"phase": "Bound", "capacity": {"storage": "2Gi"}}


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ({}, {"volumeName": "v", "storageClassName": "fast"}, []),
        ({"volumeName": "v"}, {"volumeName": "w"}, ["spec: Forbidden"]),
        ({"storageClassName": "a"}, {"storageClassName": "b"}, ["spec: Forbidden"]),
        ({"annotations": {claims.STORAGE_CLASS_ANNOTATION: "a"}}, {"storageClassName": "a"}, []),
        ({"annotations": {claims.STORAGE_CLASS_ANNOTATION: "a"}}, {}, ["metadata.annotations.volume.beta"]),
        ({}, {"size": "2Gi"}, ["spec: Forbidden"]),
        ({"status": BOUND, "size": "3Gi"}, {"status": BOUND, "size": "4Gi"}, []),
        ({"status": BOUND, "size": "4Gi"}, {"status": BOUND, "size": "3Gi"}, []),
        ({"status": BOUND, "size": "4Gi"}, {"status": BOUND, "size": "2Gi"}, ["less than status.capacity"]),
        ({}, {"volumeMode": "Block"}, ["spec: Forbidden", 'volumeMode: Invalid value: "Block"']),
        ({"status": BOUND, "volumeAttributesClassName": "a"}, {"status": BOUND, "volumeAttributesClassName": "b"}, []),
        ({"status": BOUND, "volumeAttributesClassName": "a"}, {"status": BOUND}, ["spec: Forb", "to nil is forbidden"]),
    ],
)  # fmt: skip
def test_what_may_become_of_a_claim(old, new, why):
    found = said(claims.claim_update, claim(**new), claim(**old))
    assert len(found) == len(why), found
    assert all(part in each for part, each in zip(why, found, strict=True)), found


def test_the_status_of_a_claim():
    status = {"capacity": {"storage": "-1"}, "allocatedResourceStatuses": {"cpu": "X"},
              "allocatedResources": {"a b": "1", "storage": "-1"}}  # fmt: skip
    found = said(claims.claim_status, claim(status=status), claim())
    assert [each.partition(":")[0] for each in found] == [
        "status.capacity[storage]", "status.allocatedResourceStatus", "status.allocatedResourceStatus",
        "status.allocatedResources", "status.allocatedResources[storage]",
    ]  # fmt: skip


def test_parts_of_bytes_are_warned_of():
    assert claims.claim_warnings(claim(size="1500m")) == [
        'spec.resources.requests[storage]: fractional byte value "1500m" is invalid, must be an integer'
    ]


def test_the_data_source_is_said_in_both_fields_and_unknown_ones_are_dropped():
    obj = claim(dataSource=CLAIM)
    defaults.new_claim(obj)
    assert (obj.spec.data_source_ref.kind, obj.spec.data_source_ref.name) == ("PersistentVolumeClaim", "p")
    obj = claim(dataSource=POD)
    defaults.new_claim(obj)
    assert obj.spec.data_source is obj.spec.data_source_ref is None
    obj = claim(dataSourceRef={**POD, "apiGroup": "a.b"})
    defaults.new_claim(obj)
    assert obj.spec.data_source.api_group == "a.b"
    obj = claim(dataSourceRef={**CLAIM, "namespace": "other"})
    defaults.new_claim(obj)
    assert obj.spec.data_source_ref is None


def test_a_client_that_knows_one_of_the_fields_finds_it_in_both():
    old = claim(dataSource=CLAIM, dataSourceRef=CLAIM)
    new = claim(dataSource=CLAIM)
    defaults.keep_claim_source(new, old)
    assert new.spec == old.spec
    garbage = claim(dataSource=POD)
    defaults.keep_claim_source(garbage, claim())
    assert garbage.spec == claim().spec


def storage_class(**fields):
    obj = made(storage_v1.StorageClass, metadata={"name": "s"}, **{"provisioner": "a.b/c", **fields})
    defaults.storage_class(obj)
    return obj


def _topology(*pairs):
    return {"matchLabelExpressions": [{"key": key, "values": values} for key, values in pairs]}


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, []),
        ({"provisioner": ""}, ["provisioner: Required value"]),
        ({"provisioner": "A B", "reclaimPolicy": "Recycle", "volumeBindingMode": "Odd"}, [
            'provisioner: Invalid value: "a b"', "reclaimPolicy: Unsupported", "volumeBindingMode: Unsupported"]),
        ({"parameters": {"": "x"}}, ["field can not be empty."]),
        ({"parameters": {str(each): "" for each in range(storage_classes.PARAMETERS_MAX)}}, []),
        ({"parameters": {str(each): "" for each in range(storage_classes.PARAMETERS_MAX + 1)}}, ["Too long"]),
        ({"parameters": {"a": "x" * (storage_classes.PARAMETERS_BYTES_MAX - 1)}}, []),
        ({"parameters": {"a": "x" * storage_classes.PARAMETERS_BYTES_MAX}}, ["Too long"]),
        ({"allowedTopologies": [_topology(("z", ["a", "a"]), ("z", []))]}, [
            "values[1]: Duplicate value", "[1].values: Required value", "[1].key: Duplicate value"]),
        ({"allowedTopologies": [_topology(("z", ["a", "b"])), _topology(("z", ["b", "a"]))]}, [
            'allowedTopologies[1].matchLabelExpressions: Duplicate value: ""']),
    ],
)  # fmt: skip
def test_storage_classes(fields, why):
    found = said(storage_classes.storage_class, storage_class(**fields))
    assert len(found) == len(why), found
    assert all(part in each for part, each in zip(why, found, strict=True)), found


def test_what_volumes_of_a_class_have_in_common_stays():
    new = storage_class(provisioner="x.y/z", parameters={"a": "b"}, reclaimPolicy="Retain")
    found = said(storage_classes.storage_class_update, new, storage_class())
    assert [each.partition(":")[0] for each in found] == ["parameters", "provisioner", "reclaimPolicy"]
    assert said(storage_classes.storage_class_update, storage_class(allowVolumeExpansion=True), storage_class()) == []
