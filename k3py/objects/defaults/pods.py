"""Defaults of pods and pod templates. Source: Kubernetes ``pkg/apis/core/v1/defaults.go``."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from k3py.model import codec
from k3py.model.generated import core_v1, meta_v1
from k3py.objects.defaults.amounts import rounded
from k3py.objects.defaults.app_armor import copy_profiles
from k3py.objects.defaults.closed_gates import drop_closed
from k3py.objects.defaults.storage import claim_spec
from k3py.objects.qos import qos_class
from k3py.objects.resource_totals import container_limits, container_requests

FILE_MODE: Final = 0o644
TOKEN_SECONDS: Final = 3600
GRACE_SECONDS: Final = 30
CERTIFICATE_SECONDS: Final = 86_400
_COMPUTE: Final = ("cpu", "memory")
_HUGE: Final = "hugepages-"
# The grammar of image references (distribution ``reference``): domain, path, tag, digest.
_PART: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST: Final = (
    r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[a-fA-F0-9:]+\])"
)
_IMAGE: Final = re.compile(
    rf"(?:{_HOST}(?::[0-9]+)?/)?{_PART}(?:/{_PART})*(?::(?P<tag>\w[\w.-]{{0,127}}))?"
    r"(?P<digest>@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?", re.ASCII,
)  # fmt: skip
_HEXADECIMAL: Final = re.compile("[a-f0-9]{64}")
# Longer than any reference; the pattern is not tried on more.
_IMAGE_LENGTH_MAX: Final = 1_024

_Container = core_v1.Container | core_v1.EphemeralContainer


def pod(obj: core_v1.Pod) -> None:
    """A pod's own defaults, on top of those that its template would have."""
    for container in _containers(obj.spec):
        resources = container.resources
        if resources.limits or resources.requests:
            for name, amount in resources.limits.items():
                resources.requests.setdefault(name, amount)
    if obj.spec.resources is not None:
        _pod_resources(obj.spec, obj.spec.resources)
    _default_host_ports(obj.spec)
    _default_addresses(obj.status)
    if obj.spec.enable_service_links is None:
        obj.spec.enable_service_links = True
    pod_spec(obj.spec)


def new_pod(obj: core_v1.Pod) -> None:
    """What a new pod's status begins with."""
    drop_closed(obj.spec)
    obj.status = core_v1.PodStatus(phase="Pending", qos_class=qos_class(obj.spec))
    if obj.spec.scheduling_gates:
        obj.status.conditions.append(
            core_v1.PodCondition(
                type="PodScheduled",
                status="False",
                reason="SchedulingGated",
                message="Scheduling is blocked due to non-empty scheduling gates",
                last_transition_time=obj.metadata.creation_timestamp,
            )
        )
    _apply_label_keys(obj)
    copy_profiles(obj)


def changed_pod(new: core_v1.Pod, _: core_v1.Pod) -> None:
    """What a change cannot bring either."""
    drop_closed(new.spec)


def _apply_label_keys(obj: core_v1.Pod) -> None:
    """Keys whose values are the pod's own become part of the selectors."""
    labels, affinity = obj.metadata.labels, obj.spec.affinity
    for each in (affinity.pod_affinity, affinity.pod_anti_affinity) if affinity is not None else ():
        if each is not None:
            preferred = each.preferred_during_scheduling_ignored_during_execution
            terms = (*(weighted.pod_affinity_term for weighted in preferred),
                     *each.required_during_scheduling_ignored_during_execution)  # fmt: skip
            for term in terms:
                _add_keys(term.label_selector, term.match_label_keys, "In", labels)
                _add_keys(term.label_selector, term.mismatch_label_keys, "NotIn", labels)
    for constraint in obj.spec.topology_spread_constraints:
        _add_keys(constraint.label_selector, constraint.match_label_keys, "In", labels)


def _add_keys(
    selector: meta_v1.LabelSelector | None, keys: Iterable[str], operator: str, labels: Mapping[str, str]
) -> None:
    for key in keys:
        if selector is not None and key in labels:
            added = meta_v1.LabelSelectorRequirement(key=key, operator=operator, values=[labels[key]])
            selector.match_expressions.append(added)


def keep_status_values(new: core_v1.Pod, old: core_v1.Pod) -> None:
    """A status that leaves these out does not know of them; old kubelets damaged owner references."""
    new.metadata.owner_references = old.metadata.owner_references
    after, before = new.status, old.status
    after.qos_class = after.qos_class or before.qos_class
    after.observed_generation = after.observed_generation or before.observed_generation
    generations: dict[str, list[int]] = {}
    for condition in before.conditions:
        generations.setdefault(condition.type, []).append(condition.observed_generation)
    for condition in after.conditions:
        known = generations.get(condition.type)
        generation = known.pop(0) if known else 0
        condition.observed_generation = condition.observed_generation or generation


def keep_metadata_and_status(new: core_v1.Pod, old: core_v1.Pod) -> None:
    """What only the main resource and ``status`` write, for the other subresources."""
    for name in ("labels", "annotations", "finalizers", "owner_references"):
        setattr(new.metadata, name, getattr(old.metadata, name))
    new.status = old.status


def keep_all_but_ephemeral_containers(new: core_v1.Pod, old: core_v1.Pod) -> None:
    """The new pod is the old one with the new ephemeral containers."""
    keep_metadata_and_status(new, old)
    found = new.spec.ephemeral_containers
    new.spec = codec.decode(core_v1.PodSpec, codec.encode(old.spec))
    new.spec.ephemeral_containers = found


def template_spec(spec: core_v1.PodSpec) -> None:
    """Defaults of templates."""
    pod_spec(spec)
    drop_closed(spec)


def pod_spec(spec: core_v1.PodSpec) -> None:
    """Defaults that pods and templates share."""
    spec.restart_policy = spec.restart_policy or "Always"
    spec.dns_policy = spec.dns_policy or "ClusterFirst"
    spec.scheduler_name = spec.scheduler_name or "default-scheduler"
    if spec.termination_grace_period_seconds is None:
        spec.termination_grace_period_seconds = GRACE_SECONDS
    if spec.security_context is None:
        spec.security_context = core_v1.PodSecurityContext()
    if spec.service_account and not spec.service_account_name:
        spec.service_account_name = spec.service_account
    elif spec.service_account_name:
        spec.service_account = spec.service_account_name
    for volume in spec.volumes:
        _volume(volume)
    for container in _containers(spec):
        _container(container)


def _containers(spec: core_v1.PodSpec) -> Iterable[_Container]:
    yield from spec.containers
    yield from spec.init_containers
    yield from spec.ephemeral_containers


def _pod_resources(spec: core_v1.PodSpec, resources: core_v1.ResourceRequirements) -> None:
    """What the whole pod asks for: the sum of its containers where they ask, else its own limit."""
    for name, amount in container_limits(spec).items():
        if name.startswith(_HUGE):
            resources.limits.setdefault(name, amount)
    if not resources.limits:
        return
    for name, amount in container_requests(spec).items():
        if name in _COMPUTE:
            resources.requests.setdefault(name, amount)
    for name, limit in resources.limits.items():
        if name in _COMPUTE or name.startswith(_HUGE):
            resources.requests.setdefault(name, limit)


def _default_host_ports(spec: core_v1.PodSpec) -> None:
    """On the host's network a container's port is the host's."""
    if spec.host_network:
        for container in (*spec.containers, *spec.init_containers):
            for port in container.ports:
                port.host_port = port.host_port or port.container_port


def _default_addresses(status: core_v1.PodStatus) -> None:
    """``podIP`` counts: it is the first of ``podIPs``."""
    if status.pod_ip and (not status.pod_ips or status.pod_ips[0].ip != status.pod_ip):
        status.pod_ips = [core_v1.PodIP(ip=status.pod_ip)]
    elif status.pod_ips and not status.pod_ip:
        status.pod_ip = status.pod_ips[0].ip


def _container(container: _Container) -> None:
    rounded(container.resources.limits)
    rounded(container.resources.requests)
    container.termination_message_path = container.termination_message_path or "/dev/termination-log"
    container.termination_message_policy = container.termination_message_policy or "File"
    container.image_pull_policy = container.image_pull_policy or _pull_policy(container.image)
    for port in container.ports:
        port.protocol = port.protocol or "TCP"
    for probe in (container.liveness_probe, container.readiness_probe, container.startup_probe):
        if probe is not None:
            _probe(probe)
    if container.lifecycle is not None:
        for handler in (container.lifecycle.post_start, container.lifecycle.pre_stop):
            if handler is not None:
                _http_get(handler.http_get)
    for variable in container.env:
        if variable.value_from is not None and variable.value_from.field_ref is not None:
            _field_reference(variable.value_from.field_ref)
        if variable.value_from is not None and variable.value_from.resource_field_ref is not None:
            _divisor(variable.value_from.resource_field_ref)


def _divisor(reference: core_v1.ResourceFieldSelector) -> None:
    reference.divisor = reference.divisor or "0"


def _pull_policy(image: str) -> str:
    """``Always`` for images whose tag is or means ``latest``; a digest never changes, and no name has no tag."""
    found = _IMAGE.fullmatch(image)
    if found is None or len(image) > _IMAGE_LENGTH_MAX or _HEXADECIMAL.fullmatch(image):
        return "IfNotPresent"
    latest = found["tag"] == "latest" or (found["tag"] is None and found["digest"] is None)
    return "Always" if latest else "IfNotPresent"


def _probe(probe: core_v1.Probe) -> None:
    probe.timeout_seconds = probe.timeout_seconds or 1
    probe.period_seconds = probe.period_seconds or 10
    probe.success_threshold = probe.success_threshold or 1
    probe.failure_threshold = probe.failure_threshold or 3
    _http_get(probe.http_get)
    if probe.grpc is not None and probe.grpc.service is None:
        probe.grpc.service = ""


def _http_get(action: core_v1.HTTPGetAction | None) -> None:
    if action is not None:
        action.path = action.path or "/"
        action.scheme = action.scheme or "HTTP"


def _field_reference(reference: core_v1.ObjectFieldSelector) -> None:
    reference.api_version = reference.api_version or "v1"


_SOURCES: Final = tuple(name for name in core_v1.Volume.__struct_fields__ if name != "name")


def _volume(volume: core_v1.Volume) -> None:
    for files in (volume.config_map, volume.secret):
        if files is not None and files.default_mode is None:
            files.default_mode = FILE_MODE
    if volume.host_path is not None and volume.host_path.type is None:
        volume.host_path.type = ""
    if volume.downward_api is not None:
        if volume.downward_api.default_mode is None:
            volume.downward_api.default_mode = FILE_MODE
        _downward_items(volume.downward_api.items)
    if volume.projected is not None:
        _projected(volume.projected)
    if volume.ephemeral is not None and volume.ephemeral.volume_claim_template is not None:
        claim_spec(volume.ephemeral.volume_claim_template.spec)
    if volume.image is not None:
        volume.image.pull_policy = volume.image.pull_policy or _pull_policy(volume.image.reference)
    _remote_volume(volume)


def _downward_items(items: Iterable[core_v1.DownwardAPIVolumeFile]) -> None:
    for item in items:
        if item.field_ref is not None:
            _field_reference(item.field_ref)
        if item.resource_field_ref is not None:
            _divisor(item.resource_field_ref)


def _projected(volume: core_v1.ProjectedVolumeSource) -> None:
    if volume.default_mode is None:
        volume.default_mode = FILE_MODE
    for source in volume.sources:
        if source.service_account_token is not None and source.service_account_token.expiration_seconds is None:
            source.service_account_token.expiration_seconds = TOKEN_SECONDS
        if source.downward_api is not None:
            _downward_items(source.downward_api.items)
        if source.pod_certificate is not None and source.pod_certificate.max_expiration_seconds is None:
            source.pod_certificate.max_expiration_seconds = CERTIFICATE_SECONDS


def _remote_volume(volume: core_v1.Volume) -> None:
    """Volumes that hardly anybody uses; one that names no source at all is an emptyDir."""
    if volume.iscsi is not None:
        volume.iscsi.iscsi_interface = volume.iscsi.iscsi_interface or "default"
    if volume.rbd is not None:
        volume.rbd.pool = volume.rbd.pool or "rbd"
        volume.rbd.user = volume.rbd.user or "admin"
        volume.rbd.keyring = volume.rbd.keyring or "/etc/ceph/keyring"
    if volume.azure_disk is not None:
        volume.azure_disk.caching_mode = volume.azure_disk.caching_mode or "ReadWrite"
        volume.azure_disk.kind = volume.azure_disk.kind or "Shared"
        volume.azure_disk.fs_type = volume.azure_disk.fs_type or "ext4"
        if volume.azure_disk.read_only is None:
            volume.azure_disk.read_only = False
    if volume.scale_io is not None:
        volume.scale_io.storage_mode = volume.scale_io.storage_mode or "ThinProvisioned"
        volume.scale_io.fs_type = volume.scale_io.fs_type or "xfs"
    if all(getattr(volume, source) is None for source in _SOURCES):
        volume.empty_dir = core_v1.EmptyDirVolumeSource()
