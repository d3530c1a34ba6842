"""What a pod gets from its service account: the way to the API as files, and the account's pull secrets.

Source: Kubernetes' admission plugin ServiceAccount, "Configure Service Accounts for Pods".
"""

import random
from collections.abc import Sequence
from typing import Final

from k3py.base.ids import suffix
from k3py.model.errors import forbidden
from k3py.model.generated import core_v1
from k3py.objects.token_requests import POD_SECONDS

# Where every client library looks for token, CA and namespace.
MOUNT_PATH: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
VOLUME_PREFIX: Final = "kube-api-access-"
ROOT_CA_CONFIG_MAP: Final = "kube-root-ca.crt"
ROOT_CA_KEY: Final = "ca.crt"
_FILE_MODE: Final = 0o644


def complete(pod: core_v1.Pod, account: core_v1.ServiceAccount | None, source: random.Random) -> None:
    """Give the pod, in place, what its account has for it.

    ``account`` is None when it is not there yet: it says nothing then. ``source`` names the volume.
    """
    spec = pod.spec
    if _automounts(spec, account):
        _mount(spec, source)
    if account is not None and not spec.image_pull_secrets:
        spec.image_pull_secrets = [core_v1.LocalObjectReference(name=each.name) for each in account.image_pull_secrets]


def check_mirror(pod: core_v1.Pod) -> None:
    """A mirror pod stands for one that a node runs by itself: the API gives it nothing.

    Raises:
        Forbidden: it names a service account or a Secret, or asks for a token.
    """
    sources = [each for volume in pod.spec.volumes if volume.projected for each in volume.projected.sources]
    why = ""
    if pod.spec.service_account_name:
        why = "a mirror pod may not reference service accounts"
    elif any(volume.secret is not None for volume in pod.spec.volumes):
        why = "a mirror pod may not reference secrets"
    elif any(each.service_account_token is not None for each in sources):
        why = "a mirror pod may not use ServiceAccountToken volume projections"
    if why:
        raise forbidden("pods", "", pod.metadata.name, why)


def _automounts(spec: core_v1.PodSpec, account: core_v1.ServiceAccount | None) -> bool:
    """The pod decides, else its account; both may leave it open."""
    if spec.automount_service_account_token is not None:
        return spec.automount_service_account_token
    return account is None or account.automount_service_account_token is not False


def _mount(spec: core_v1.PodSpec, source: random.Random) -> None:
    there = next((each.name for each in spec.volumes if each.name.startswith(VOLUME_PREFIX)), "")
    name = there or VOLUME_PREFIX + suffix(source)
    containers = [each for each in (*spec.init_containers, *spec.containers) if _is_free(each.volume_mounts)]
    for container in containers:
        container.volume_mounts.append(core_v1.VolumeMount(name=name, read_only=True, mount_path=MOUNT_PATH))
    if containers and not there:
        spec.volumes.append(core_v1.Volume(name=name, projected=_volume()))


def _is_free(mounts: Sequence[core_v1.VolumeMount]) -> bool:
    return all(each.mount_path != MOUNT_PATH for each in mounts)


def _volume() -> core_v1.ProjectedVolumeSource:
    own_namespace = core_v1.ObjectFieldSelector(api_version="v1", field_path="metadata.namespace")
    return core_v1.ProjectedVolumeSource(
        default_mode=_FILE_MODE,
        sources=[
            core_v1.VolumeProjection(
                service_account_token=core_v1.ServiceAccountTokenProjection(
                    expiration_seconds=POD_SECONDS, path="token"
                )
            ),
            core_v1.VolumeProjection(
                config_map=core_v1.ConfigMapProjection(
                    name=ROOT_CA_CONFIG_MAP, items=[core_v1.KeyToPath(key=ROOT_CA_KEY, path="ca.crt")]
                )
            ),
            core_v1.VolumeProjection(
                downward_api=core_v1.DownwardAPIProjection(
                    items=[core_v1.DownwardAPIVolumeFile(path="namespace", field_ref=own_namespace)]
                )
            ),
        ],
    )
