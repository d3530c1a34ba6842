"""Checks of a pod's volumes: one source each. Sources that PersistentVolumes have too are checked as theirs."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from k3py.model import names
from k3py.model.generated import core_v1, meta_v1
from k3py.objects.fields import Errors
from k3py.objects.validation import remote_volumes
from k3py.objects.validation.claims import claim_spec, claim_template_meta
from k3py.objects.validation.local_paths import descending, file_mode
from k3py.objects.validation.projected_volumes import downward_files, key_files, projected
from k3py.objects.validation.volume_sources import SOURCES as PERSISTENT_SOURCES

MEDIA_PULL_POLICIES: Final = ("Always", "IfNotPresent", "Never")
_ONE_ONLY: Final = "may not specify more than 1 volume type"

Check = Callable[[Any, str, Errors], None]


def volumes(
    found: list[core_v1.Volume], pod: meta_v1.ObjectMeta | None, path: str, wrong: Errors
) -> Mapping[str, core_v1.Volume]:
    """All volumes of a pod; ``pod`` is None for a template. Returns those that are right, by name."""
    known: dict[str, core_v1.Volume] = {}
    for index, each in enumerate(found):
        place = f"{path}[{index}]"
        before = len(wrong.causes)
        _source(each, pod, place, wrong)
        wrong.needs(f"{place}.name", each.name, names.dns_1123_label)
        if each.name in known:
            wrong.duplicate(f"{place}.name", each.name)
        if len(wrong.causes) == before:
            known[each.name] = each
        _not_made_here(each, pod, found, place, wrong)
    return known


def _source(volume: core_v1.Volume, pod: meta_v1.ObjectMeta | None, path: str, wrong: Errors) -> None:
    count = 0
    for attribute, (wire, repeated, check) in _SOURCES.items():
        source = getattr(volume, attribute)
        if source is None:
            continue
        count += 1
        if count > 1:
            wrong.forbidden(f"{path}.{repeated}", _ONE_ONLY)
        else:
            if attribute == "image" and pod is not None and not source.reference:
                wrong.required(f"{path}.{wire}.reference")  # a template may leave it to whoever makes the pod
            check(source, f"{path}.{wire}", wrong)
            if attribute == "ephemeral" and pod is not None:
                _claim_name(pod.name, volume.name, path, wrong)
        if attribute == "iscsi":
            remote_volumes.iscsi_name(source, volume.name, path, wrong)
    if not count:
        wrong.required(path, "must specify a volume type")


def _claim_name(pod: str, volume: str, path: str, wrong: Errors) -> None:
    """The claim that is made for the volume takes its name from pod and volume."""
    if pod and volume:
        claim = f"{pod}-{volume}"
        for said in names.dns_1123_subdomain(claim):
            wrong.invalid(f"{path}.name", volume, f'PVC name "{claim}": {said}')


def _not_made_here(
    volume: core_v1.Volume, pod: meta_v1.ObjectMeta | None, found: list[core_v1.Volume], path: str, wrong: Errors
) -> None:
    """A claim that is made for one volume is not another one's."""
    if volume.persistent_volume_claim is None or pod is None or not pod.name:
        return
    name = volume.persistent_volume_claim.claim_name
    if any(each.ephemeral is not None and name == f"{pod.name}-{each.name}" for each in found):
        detail = "must not reference a PVC that gets created for an ephemeral volume"
        wrong.invalid(f"{path}.persistentVolumeClaim.claimName", name, detail)


def _empty_dir(source: core_v1.EmptyDirVolumeSource, path: str, wrong: Errors) -> None:
    if source.size_limit is not None and str(source.size_limit).startswith("-"):
        wrong.forbidden(f"{path}.sizeLimit", "SizeLimit field must be a valid resource quantity")


def _secret(source: core_v1.SecretVolumeSource, path: str, wrong: Errors) -> None:
    if not source.secret_name:
        wrong.required(f"{path}.secretName")
    file_mode(source.default_mode, f"{path}.defaultMode", wrong)
    key_files(source.items, f"{path}.items", wrong)


def _config_map(source: core_v1.ConfigMapVolumeSource, path: str, wrong: Errors) -> None:
    if not source.name:
        wrong.required(f"{path}.name")
    file_mode(source.default_mode, f"{path}.defaultMode", wrong)
    key_files(source.items, f"{path}.items", wrong)


def _claim(source: core_v1.PersistentVolumeClaimVolumeSource, path: str, wrong: Errors) -> None:
    if not source.claim_name:
        wrong.required(f"{path}.claimName")


def _git(source: core_v1.GitRepoVolumeSource, path: str, wrong: Errors) -> None:
    if not source.repository:
        wrong.required(f"{path}.repository")
    descending(source.directory, f"{path}.directory", wrong)


def _downward(source: core_v1.DownwardAPIVolumeSource, path: str, wrong: Errors) -> None:
    file_mode(source.default_mode, f"{path}.defaultMode", wrong)
    downward_files(source.items, path, wrong)


def _image(source: core_v1.ImageVolumeSource, path: str, wrong: Errors) -> None:
    if source.pull_policy not in MEDIA_PULL_POLICIES:
        if not source.pull_policy:
            wrong.required(f"{path}.pullPolicy")
        else:
            wrong.unsupported(f"{path}.pullPolicy", source.pull_policy, MEDIA_PULL_POLICIES)


def _ephemeral(source: core_v1.EphemeralVolumeSource, path: str, wrong: Errors) -> None:
    if source.volume_claim_template is None:
        wrong.required(f"{path}.volumeClaimTemplate")
        return
    place = f"{path}.volumeClaimTemplate"
    claim_template_meta(source.volume_claim_template.metadata, f"{place}.metadata", wrong)
    claim_spec(source.volume_claim_template.spec, f"{place}.spec", wrong)


def _persistent(attribute: str) -> Check:
    check = PERSISTENT_SOURCES[attribute][1]
    assert check is not None
    return check


def _same(wire: str, check: Check) -> tuple[str, str, Check]:
    return wire, wire, check


# Attribute -> name in paths, the same when it is one source too many, and the check; in the order in which Kubernetes
# looks. Where the two names differ they are Kubernetes' own slips.
_SOURCES: Final[Mapping[str, tuple[str, str, Check]]] = {
    "empty_dir": _same("emptyDir", _empty_dir),
    "host_path": _same("hostPath", _persistent("host_path")),
    "git_repo": _same("gitRepo", _git),
    "gce_persistent_disk": _same("gcePersistentDisk", _persistent("gce_persistent_disk")),
    "aws_elastic_block_store": _same("awsElasticBlockStore", _persistent("aws_elastic_block_store")),
    "secret": _same("secret", _secret),
    "nfs": _same("nfs", _persistent("nfs")),
    "iscsi": _same("iscsi", remote_volumes.iscsi),
    "glusterfs": _same("glusterfs", remote_volumes.glusterfs),
    "flocker": _same("flocker", _persistent("flocker")),
    "persistent_volume_claim": _same("persistentVolumeClaim", _claim),
    "rbd": _same("rbd", _persistent("rbd")),
    "cinder": _same("cinder", remote_volumes.cinder),
    "cephfs": ("cephfs", "cephFS", _persistent("cephfs")),
    "quobyte": _same("quobyte", _persistent("quobyte")),
    "downward_api": ("downwardAPI", "downwarAPI", _downward),
    "fc": _same("fc", _persistent("fc")),
    "flex_volume": _same("flexVolume", _persistent("flex_volume")),
    "config_map": _same("configMap", _config_map),
    "azure_file": _same("azureFile", remote_volumes.azure_file),
    "vsphere_volume": _same("vsphereVolume", _persistent("vsphere_volume")),
    "photon_persistent_disk": _same("photonPersistentDisk", _persistent("photon_persistent_disk")),
    "portworx_volume": _same("portworxVolume", _persistent("portworx_volume")),
    "azure_disk": _same("azureDisk", _persistent("azure_disk")),
    "storageos": _same("storageos", remote_volumes.storage_os),
    "projected": _same("projected", projected),
    "scale_io": _same("scaleIO", _persistent("scale_io")),
    "csi": _same("csi", remote_volumes.csi),
    "ephemeral": _same("ephemeral", _ephemeral),
    "image": _same("image", _image),
}
