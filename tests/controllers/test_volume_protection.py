"""Claims and volumes in use stay until nobody uses them."""

import pytest

from k3py.controllers.volume_protection import ClaimProtectionController, VolumeProtectionController
from k3py.model.generated import core_v1, meta_v1
from k3py.model.generated.core_v1 import PersistentVolume as Volume
from k3py.model.generated.core_v1 import PersistentVolumeClaim as Claim
from k3py.model.generated.core_v1 import Pod
from k3py.objects.storage_admission import CLAIM_FINALIZER, VOLUME_FINALIZER
from tests.controllers.toy import Toy


def claim(name: str = "data", *finalizers: str) -> Claim:
    kept = [CLAIM_FINALIZER, *finalizers]
    return Claim(metadata=meta_v1.ObjectMeta(name=name, namespace="shop", finalizers=kept))


def pod(volume: core_v1.Volume, phase: str = "Running") -> Pod:
    made = Pod(metadata=meta_v1.ObjectMeta(name="db", namespace="shop"), spec=core_v1.PodSpec(volumes=[volume]))
    made.status.phase = phase
    return made


BY_NAME = core_v1.Volume(name="v", persistent_volume_claim=core_v1.PersistentVolumeClaimVolumeSource(claim_name="data"))
EPHEMERAL = core_v1.Volume(name="v", ephemeral=core_v1.EphemeralVolumeSource())


def names(toy: Toy, kind: type) -> list[str]:
    return [name for found, _, name in toy.objects if found is kind]


def test_a_claim_nobody_uses_goes_at_once() -> None:
    toy = Toy(ClaimProtectionController())
    toy.put(claim())
    toy.settle()
    assert names(toy, Claim) == ["data"], "it is not being deleted"
    toy.delete(Claim, "shop", "data")
    toy.settle()
    assert names(toy, Claim) == []


@pytest.mark.parametrize(("volume", "name"), [(BY_NAME, "data"), (EPHEMERAL, "db-v")])
def test_a_claim_waits_for_its_pod(volume: core_v1.Volume, name: str) -> None:
    toy = Toy(ClaimProtectionController())
    toy.put(claim(name))
    toy.put(pod(volume))
    toy.delete(Claim, "shop", name)
    toy.settle()
    assert names(toy, Claim) == [name]
    toy.change(Pod, "shop", "db", {"status": {"phase": "Succeeded"}})
    toy.settle()
    assert names(toy, Claim) == [], "a finished pod holds nothing"


def test_other_finalizers_stay() -> None:
    toy = Toy(ClaimProtectionController())
    toy.put(claim("data", "example.com/mine"))
    toy.delete(Claim, "shop", "data")
    toy.settle()
    assert toy.get(Claim, "shop", "data").metadata.finalizers == ["example.com/mine"]


def test_a_volume_waits_until_it_is_not_bound() -> None:
    toy = Toy(VolumeProtectionController())
    volume = Volume(metadata=meta_v1.ObjectMeta(name="disk", finalizers=[VOLUME_FINALIZER]))
    volume.status.phase = "Bound"
    toy.put(volume)
    toy.delete(Volume, "", "disk")
    toy.settle()
    assert names(toy, Volume) == ["disk"]
    toy.change(Volume, "", "disk", {"status": {"phase": "Released"}})
    toy.settle()
    assert names(toy, Volume) == []
