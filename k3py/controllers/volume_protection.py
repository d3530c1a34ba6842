"""Protection of volumes: a claim that a pod uses and a volume that is bound are not deleted under their users' feet.

Admission gives every claim and volume a finalizer; these controllers take it away from what is being deleted once
nobody uses it (Kubernetes, "Storage Object in Use Protection").
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from k3py.controllers.actions import Action, Patch, target
from k3py.controllers.controller import Key, Reads, Turn, itself
from k3py.controllers.informer import Caches
from k3py.model.generated import core_v1
from k3py.model.generated.core_v1 import PersistentVolume as Volume
from k3py.model.generated.core_v1 import PersistentVolumeClaim as Claim
from k3py.objects.storage_admission import CLAIM_FINALIZER, VOLUME_FINALIZER

BOUND: Final = "Bound"
_FINISHED: Final = ("Succeeded", "Failed")


def claims_of(pod: core_v1.Pod) -> Iterable[str]:
    """Names of the claims that a pod's volumes are, those made for its ephemeral volumes included."""
    for volume in pod.spec.volumes:
        if volume.persistent_volume_claim is not None:
            yield volume.persistent_volume_claim.claim_name
        elif volume.ephemeral is not None:
            yield f"{pod.metadata.name}-{volume.name}"


def uses(pod: core_v1.Pod, claim: str) -> bool:
    """Whether a pod holds a claim: it is on a node, or may come there, and has not finished."""
    return pod.status.phase not in _FINISHED and claim in claims_of(pod)


def release(obj: Any, finalizer: str, why: str) -> list[Action]:
    """Take the finalizer from an object that is being deleted."""
    if obj.metadata.deletion_timestamp is None or finalizer not in obj.metadata.finalizers:
        return []
    kept = [each for each in obj.metadata.finalizers if each != finalizer]
    return [Patch(target(obj), {"metadata": {"finalizers": kept or None}}, why)]


def reconcile_claim(claim: Claim, pods: Sequence[core_v1.Pod]) -> list[Action]:
    """A claim that is going goes when none of the namespace's pods uses it."""
    if any(uses(pod, claim.metadata.name) for pod in pods):
        return []
    return release(claim, CLAIM_FINALIZER, "no pod uses the claim")


def reconcile_volume(volume: Volume) -> list[Action]:
    """A volume that is going goes when it is not bound."""
    if volume.status.phase == BOUND:
        return []
    return release(volume, VOLUME_FINALIZER, "the volume is not bound")


def _claims(old: core_v1.Pod | None, new: core_v1.Pod | None, caches: Caches) -> Iterable[Key]:
    """Claims that a pod no longer uses, or no longer as it did."""
    for pod in (old, new):
        if pod is not None:
            for name in claims_of(pod):
                if caches.get(Claim, pod.metadata.namespace, name) is not None:
                    yield pod.metadata.namespace, name


BY_CLAIM: Final = "claim"


def _by_claim(pod: core_v1.Pod) -> Iterable[str]:
    return {f"{pod.metadata.namespace}/{name}" for name in claims_of(pod)}


class ClaimProtectionController:
    """Looks at one PersistentVolumeClaim at a time."""

    name = "persistentvolumeclaim-protection-controller"
    workers = 1
    reads = (Reads(Claim, itself), Reads(core_v1.Pod, _claims, {BY_CLAIM: _by_claim}))
    writes = (Claim,)

    def plan(self, key: Key, caches: Caches, turn: Turn) -> list[Action]:
        """Gather what ``reconcile_claim`` wants to see."""
        del turn
        claim = caches.get(Claim, *key)
        if claim is None or claim.metadata.deletion_timestamp is None:
            return []
        return reconcile_claim(claim, caches.by(core_v1.Pod, BY_CLAIM, f"{key[0]}/{key[1]}"))


class VolumeProtectionController:
    """Looks at one PersistentVolume at a time."""

    name = "persistentvolume-protection-controller"
    workers = 1
    reads = (Reads(Volume, itself),)
    writes = (Volume,)

    def plan(self, key: Key, caches: Caches, turn: Turn) -> list[Action]:
        """Look at the volume alone."""
        del turn
        volume = caches.get(Volume, *key)
        return [] if volume is None else reconcile_volume(volume)
