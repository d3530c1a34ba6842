"""What a user should hear of a pod or template that works, but not as it looks. Source: ``pkg/api/pod/warnings.go``."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from k3py.model import names, quantity
from k3py.model.generated import core_v1, meta_v1
from k3py.objects.defaults.app_armor import profile_of
from k3py.objects.validation.claims import claim_spec_warnings
from k3py.objects.validation.node_labels import DEPRECATED, node_term_warnings
from k3py.objects.validation.operating_systems import Container, each_container
from k3py.objects.validation.pod_annotations import APP_ARMOR, SECCOMP_CONTAINER, SECCOMP_POD

_ANNOTATIONS: Final = {
    "scheduler.alpha.kubernetes.io/critical-pod": 'non-functional in v1.16+; use the "priorityClassName" field instead',
    "security.alpha.kubernetes.io/sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
    "security.alpha.kubernetes.io/unsafe-sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
}
_VOLUMES: Final = {
    "photon_persistent_disk": ("photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"),
    "git_repo": ("gitRepo", "deprecated in v1.11, and disabled by default in v1.33+"),
    "scale_io": ("scaleIO", "deprecated in v1.16, non-functional in v1.22+"),
    "flocker": ("flocker", "deprecated in v1.22, non-functional in v1.25+"),
    "storageos": ("storageOS", "deprecated in v1.22, non-functional in v1.25+"),
    "quobyte": ("quobyte", "deprecated in v1.22, non-functional in v1.25+"),
    "glusterfs": ("glusterfs", "deprecated in v1.25, non-functional in v1.26+"),
    "cephfs": ("cephfs", "deprecated in v1.28, non-functional in v1.31+"),
    "rbd": ("rbd", "deprecated in v1.28, non-functional in v1.31+"),
}
_SECCOMP: Final = 'non-functional in v1.27+; use the "seccompProfile" field instead'
_APP_ARMOR: Final = 'deprecated since v1.30; use the "appArmorProfile" field instead'
_IN_BYTES: Final = ("memory", "ephemeral-storage")


def of_pod(obj: core_v1.Pod) -> list[str]:
    """Warnings of a new pod."""
    said = list(_app_armor_annotations(obj)) if obj.metadata.annotations else []
    if wrong := names.dns_1123_label(obj.metadata.name):
        said.append(
            "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is"
            f" recommended: [{' '.join(wrong)}]"
        )
    return [*said, *_of(obj.spec, obj.metadata, "spec", "metadata", is_template=False)]


def _app_armor_annotations(obj: core_v1.Pod) -> Iterator[str]:
    """Annotations that were copied into fields, or could not be; the copies cannot be told from what users write."""
    if obj.spec.os is not None and obj.spec.os.name == "windows":
        return
    for _, container in each_container(obj.spec, "spec"):
        key = f"{APP_ARMOR}{container.name}"
        if key in obj.metadata.annotations:
            own = container.security_context.app_armor_profile if container.security_context is not None else None
            named = profile_of(obj.metadata.annotations[key])
            if own == named:
                yield f"metadata.annotations[{key}]: {_APP_ARMOR}"


def of_template(spec: core_v1.PodSpec, meta: meta_v1.ObjectMeta, path: str) -> list[str]:
    """Warnings of a template whose spec is at ``path``."""
    return list(_of(spec, meta, path, f"{path.removesuffix('spec')}metadata", is_template=True))


def _of(spec: core_v1.PodSpec, meta: meta_v1.ObjectMeta, path: str, meta_path: str, is_template: bool) -> Iterator[str]:
    yield from _scheduling(spec, path)
    for key, detail in _ANNOTATIONS.items() if meta.annotations else ():
        if key in meta.annotations:
            yield f"{meta_path}.annotations[{key}]: {detail}"
    if spec.volumes:
        yield from _volumes(spec.volumes, f"{path}.volumes")
        yield from _token_files(spec.volumes, f"{path}.volumes")
    if spec.host_aliases:
        yield from _repeated(((each.ip, "ip") for each in spec.host_aliases), f"{path}.hostAliases")
    if spec.image_pull_secrets:
        yield from _repeated(((each.name, "name") for each in spec.image_pull_secrets), f"{path}.imagePullSecrets")
    for index, secret in enumerate(spec.image_pull_secrets):
        if not secret.name:
            yield f'{path}.imagePullSecrets[{index}].name: invalid empty name ""'
    if spec.overhead:
        yield from _fractions(spec.overhead, f"{path}.overhead")
    context = spec.security_context
    if (context is None or context.seccomp_profile is None) and SECCOMP_POD in meta.annotations:
        yield f"{meta_path}.annotations[{SECCOMP_POD}]: {_SECCOMP}"
    for place, container in each_container(spec, path):
        yield from _profiles(container, spec, meta.annotations, f"{meta_path}.annotations", is_template)
        for side in ("limits", "requests"):
            yield from _fractions(getattr(container.resources, side), f"{place}.resources.{side}")
        yield from _hidden(container.env, f"{place}.env")
    yield from _ports(spec, path)
    if spec.termination_grace_period_seconds is not None and spec.termination_grace_period_seconds < 0:
        detail = "must be >= 0; negative values are invalid and will be treated as 1"
        yield f"{path}.terminationGracePeriodSeconds: {detail}"
    yield from _affinity_terms(spec, path)


def _scheduling(spec: core_v1.PodSpec, path: str) -> Iterator[str]:
    for key in sorted(spec.node_selector):
        if key in DEPRECATED:
            yield f"{path}.nodeSelector[{key}]: {DEPRECATED[key]}"
    affinity = spec.affinity.node_affinity if spec.affinity is not None else None
    if affinity is not None:
        place = f"{path}.affinity.nodeAffinity"
        required = affinity.required_during_scheduling_ignored_during_execution
        for index, term in enumerate(required.node_selector_terms if required is not None else ()):
            where = f"{place}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[{index}]"
            yield from node_term_warnings(term, where)
        for index, preferred in enumerate(affinity.preferred_during_scheduling_ignored_during_execution):
            where = f"{place}.preferredDuringSchedulingIgnoredDuringExecution[{index}].preference"
            yield from node_term_warnings(preferred.preference, where)
    for index, each in enumerate(spec.topology_spread_constraints):
        where = f"{path}.topologySpreadConstraints[{index}]"
        if each.topology_key in DEPRECATED:
            yield f"{where}.topologyKey: {each.topology_key} is {DEPRECATED[each.topology_key]}"
        if each.label_selector is None:
            yield f"{where}.labelSelector: a null labelSelector results in matching no pod"


def _affinity_terms(spec: core_v1.PodSpec, path: str) -> Iterator[str]:
    """Terms that select no pod at all."""
    if spec.affinity is None:
        return
    for word, found in (
        ("podAffinity", spec.affinity.pod_affinity),
        ("podAntiAffinity", spec.affinity.pod_anti_affinity),
    ):
        if found is None:
            continue
        place = f"{path}.affinity.{word}"
        for index, term in enumerate(found.required_during_scheduling_ignored_during_execution):
            if term.label_selector is None:
                where = f"{place}.requiredDuringSchedulingIgnoredDuringExecution[{index}]"
                yield f"{where}.labelSelector: a null labelSelector results in matching no pod"
        for index, preferred in enumerate(found.preferred_during_scheduling_ignored_during_execution):
            if preferred.pod_affinity_term.label_selector is None:
                where = f"{place}.preferredDuringSchedulingIgnoredDuringExecution[{index}].podAffinityTerm"
                yield f"{where}.labelSelector: a null labelSelector results in matching no pod"


def _volumes(found: list[core_v1.Volume], path: str) -> Iterator[str]:
    for index, volume in enumerate(found):
        for attribute, (wire, detail) in _VOLUMES.items():
            if getattr(volume, attribute) is not None:
                yield f"{path}[{index}].{wire}: {detail}"
        if volume.ephemeral is not None and volume.ephemeral.volume_claim_template is not None:
            place = f"{path}[{index}].ephemeral.volumeClaimTemplate.spec"
            yield from claim_spec_warnings(volume.ephemeral.volume_claim_template.spec, place)


def _token_files(found: list[core_v1.Volume], path: str) -> Iterator[str]:
    """Files that stand where a token will be."""
    tokens = {
        source.service_account_token.path
        for volume in found if volume.projected is not None
        for source in volume.projected.sources if source.service_account_token is not None
    }  # fmt: skip
    for index, volume in enumerate(found if tokens else ()):
        for source in volume.projected.sources if volume.projected is not None else ():
            place = f"{path}[{index}].projected.sources"
            for word, files in (
                ("configMap", [each.path for each in source.config_map.items] if source.config_map else ()),
                ("secrets", [each.path for each in source.secret.items] if source.secret else ()),
                ("downwardAPI", [each.path for each in source.downward_api.items] if source.downward_api else ()),
            ):
                for position, file in enumerate(files):
                    if file in tokens:
                        yield f'{place}.{word}[{position}]: has duplicated path with ServiceAccountToken "{file}"'
            bundle = source.cluster_trust_bundle
            if bundle is not None and bundle.path in tokens:
                yield f'{place}.ClusterTrustBundle: has duplicated path with ServiceAccountToken "{bundle.path}"'


def _repeated(found: Iterable[tuple[str, str]], path: str) -> Iterator[str]:
    taken: set[str] = set()
    for index, (value, wire) in enumerate(found):
        if value in taken:
            yield f'{path}[{index}].{wire}: duplicate {wire} "{value}"'
        taken.add(value)


def _fractions(amounts: Mapping[str, str | int | float], path: str) -> Iterator[str]:
    for name in _IN_BYTES:
        amount = amounts.get(name)
        if amount is not None and quantity.milli(amount) % 1000:
            yield f'{path}[{name}]: fractional byte value "{amount}" is invalid, must be an integer'


def _profiles(
    container: Container, spec: core_v1.PodSpec, annotations: Mapping[str, str], path: str, is_template: bool
) -> Iterator[str]:
    """Annotations whose place fields have taken."""
    security = container.security_context
    key = f"{SECCOMP_CONTAINER}{container.name}"
    if (security is None or security.seccomp_profile is None) and key in annotations:
        yield f"{path}[{key}]: {_SECCOMP}"
    of_pod = spec.security_context is not None and spec.security_context.app_armor_profile is not None
    has_profile = of_pod or (security is not None and security.app_armor_profile is not None)
    key = f"{APP_ARMOR}{container.name}"
    if is_template and not has_profile and key in annotations:
        yield f"{path}[{key}]: {_APP_ARMOR}"


def _hidden(variables: list[core_v1.EnvVar], path: str) -> Iterator[str]:
    """Variables that are given twice, unless the second one builds on the first."""
    taken: set[str] = set()
    for index, variable in enumerate(variables):
        if variable.name in taken:
            reference = f"$({variable.name})"
            builds = variable.value_from is None and reference in variable.value and variable.value != reference
            if not builds:
                yield (
                    f'{path}[{index}]: hides previous definition of "{variable.name}",'
                    " which may be dropped when using apply"
                )
        taken.add(variable.name)


def _ports(spec: core_v1.PodSpec, path: str) -> Iterator[str]:
    """Ports that are said twice, or in ways that overlap."""
    known: dict[tuple[int, str], list[tuple[str, core_v1.ContainerPort]]] = {}
    for place, container in each_container(spec, path):
        for index, port in enumerate(container.ports):
            where = f"{place}.ports[{index}]"
            if port.host_ip and not port.host_port:
                shown = (
                    f"{{Name:{port.name} HostPort:{port.host_port} ContainerPort:{port.container_port}"
                    f" Protocol:{port.protocol} HostIP:{port.host_ip}}}"
                )
                yield f"{where}: hostIP set without hostPort: {shown}"
            others = known.setdefault((port.container_port, port.protocol), [])
            for other_place, other in others:
                if (port.host_ip, port.host_port) == (other.host_ip, other.host_port):
                    yield f"{where}: duplicate port definition with {other_place}"
                elif not port.host_port or not other.host_port:
                    yield f"{where}: overlapping port definition with {other_place}"
                elif port.host_port == other.host_port and bool(port.host_ip) != bool(other.host_ip):
                    yield f"{where}: dangerously ambiguous port definition with {other_place}"
            others.append((where, port))
