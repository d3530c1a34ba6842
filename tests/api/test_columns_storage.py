"""How volumes, claims, quotas, replication controllers and what belongs to them are shown."""

from typing import Any

import pytest

from k3py.api.columns.table import COLUMNS
from k3py.base.clock import rfc3339
from k3py.model.generated import core_v1, storage_v1
from tests.objects.validation.said import made

NOW = 1_700_000_000.0


def cells(kind: Any, meta: dict[str, Any] | None = None, **fields: Any) -> list[Any]:
    metadata = {"name": "a", "creationTimestamp": rfc3339(NOW - 60), **(meta or {})}
    return COLUMNS[kind].cells(made(kind, metadata=metadata, **fields), NOW)


def test_a_volume() -> None:
    spec = {
        "capacity": {"storage": "1024Mi"},
        "accessModes": ["ReadOnlyMany", "ReadWriteOnce", "ReadWriteOnce"],
        "persistentVolumeReclaimPolicy": "Retain",
        "claimRef": {"namespace": "n", "name": "c"},
        "storageClassName": "fast",
        "volumeMode": "Block",
    }
    shown = cells(core_v1.PersistentVolume, spec=spec, status={"phase": "Bound", "reason": "R"})
    assert shown == ["a", "1Gi", "RWO,ROX", "Retain", "Bound", "n/c", "fast", "<unset>", "R", "60s", "Block"]


def test_a_volume_without_anything_that_is_being_deleted() -> None:
    shown = cells(core_v1.PersistentVolume, {"deletionTimestamp": rfc3339(NOW)})
    assert shown == ["a", "0", "", "", "Terminating", "", "", "<unset>", "", "60s", "<unset>"]


def test_a_claim_shows_what_it_has_once_it_is_bound() -> None:
    spec = {"storageClassName": "fast", "volumeMode": "Filesystem", "volumeAttributesClassName": "gold"}
    status = {"phase": "Bound", "accessModes": ["ReadWriteOncePod"], "capacity": {"storage": "1Gi"}}
    waiting = cells(core_v1.PersistentVolumeClaim, spec=spec, status={"phase": "Pending"})
    assert waiting == ["a", "Pending", "", "", "", "fast", "gold", "60s", "Filesystem"]
    bound = cells(core_v1.PersistentVolumeClaim, spec={**spec, "volumeName": "v"}, status=status)
    assert bound == ["a", "Bound", "v", "1Gi", "RWOP", "fast", "gold", "60s", "Filesystem"]


def test_the_default_class_is_marked() -> None:
    key = {"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}
    assert cells(storage_v1.StorageClass, key, provisioner="p") == [
        "a (default)", "p", "Delete", "Immediate", False, "60s",
    ]  # fmt: skip


def test_a_quota_shows_requests_apart_from_limits() -> None:
    status = {"hard": {"pods": "4", "requests.cpu": "1", "limits.cpu": "2"}, "used": {"requests.cpu": "100m"}}
    shown = cells(core_v1.ResourceQuota, status=status)
    assert shown == ["a", "pods: 0/4, requests.cpu: 100m/1", "limits.cpu: 0/2", "60s"]


def test_a_limit_range_shows_when_it_was_made() -> None:
    assert cells(core_v1.LimitRange) == ["a", rfc3339(NOW - 60)]


def test_a_replication_controller_and_a_pod_template() -> None:
    template = {
        "metadata": {"labels": {"b": "c"}},
        "spec": {"containers": [{"name": "c", "image": "x"}, {"name": "d", "image": "y"}]},
    }
    spec = {"replicas": 3, "selector": {"b": "c"}, "template": template}
    shown = cells(core_v1.ReplicationController, spec=spec, status={"replicas": 2, "readyReplicas": 1})
    assert shown == ["a", 3, 2, 1, "60s", "c,d", "x,y", "b=c"]
    assert cells(core_v1.PodTemplate, template=template) == ["a", "c,d", "x,y", "b=c"]


@pytest.mark.parametrize(
    ("subsets", "text"),
    [
        ([], "<none>"),
        ([{"addresses": [{"ip": "10.0.0.1"}]}], "10.0.0.1"),
        ([{"notReadyAddresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80}]}], ""),
        ([{"addresses": [{"ip": "fd00::1"}], "ports": [{"port": 80}]}], "[fd00::1]:80"),
        ([{"addresses": [{"ip": "10.0.0.1"}, {"ip": "10.0.0.2"}], "ports": [{"port": 1}, {"port": 2}]}],
         "10.0.0.1:1,10.0.0.2:1,10.0.0.1:2 + 1 more..."),
    ],
)  # fmt: skip
def test_the_first_addresses_of_endpoints(subsets: list[Any], text: str) -> None:
    assert cells(core_v1.Endpoints, subsets=subsets) == ["a", text, "60s"]


def test_who_reports_an_event() -> None:
    about = {"kind": "Pod", "name": "p"}
    old = cells(core_v1.Event, involvedObject=about, source={"component": "c"}, reportingInstance="i")
    assert (old[3], old[5], old[8]) == ("pod/p", "c, i", 1)
    assert cells(core_v1.Event, involvedObject=about, reportingComponent="r")[5] == "r"
