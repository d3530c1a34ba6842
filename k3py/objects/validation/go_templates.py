"""Pod templates as messages show them: Kubernetes prints its own type, whose fields stand in another order.

The metadata's fields stand beside the spec, and what a pod says of the host's namespaces is in its security context.
"""

from typing import Any, Final

import msgspec

from k3py.model import codec
from k3py.model.generated import core_v1
from k3py.objects.validation.go_names import go_names

_SPEC: Final = (
    "Volumes", "InitContainers", "Containers", "EphemeralContainers", "RestartPolicy", "TerminationGracePeriodSeconds",
    "ActiveDeadlineSeconds", "DNSPolicy", "NodeSelector", "ServiceAccountName", "AutomountServiceAccountToken",
    "NodeName", "SecurityContext", "ImagePullSecrets", "Hostname", "Subdomain", "SetHostnameAsFQDN", "Affinity",
    "SchedulerName", "Tolerations", "HostAliases", "PriorityClassName", "Priority", "PreemptionPolicy", "DNSConfig",
    "ReadinessGates", "RuntimeClassName", "Overhead", "EnableServiceLinks", "TopologySpreadConstraints", "OS",
    "SchedulingGates", "ResourceClaims", "Resources", "HostnameOverride", "SchedulingGroup",
)  # fmt: skip
_CONTAINER: Final = (
    "Name", "Image", "Command", "Args", "WorkingDir", "Ports", "EnvFrom", "Env", "Resources", "ResizePolicy",
    "RestartPolicy", "RestartPolicyRules", "VolumeMounts", "VolumeDevices", "LivenessProbe", "ReadinessProbe",
    "StartupProbe", "Lifecycle", "TerminationMessagePath", "TerminationMessagePolicy", "ImagePullPolicy",
    "SecurityContext", "Stdin", "StdinOnce", "TTY",
)  # fmt: skip
_SECURITY: Final = (
    "HostNetwork", "HostPID", "HostIPC", "ShareProcessNamespace", "HostUsers", "SELinuxOptions", "WindowsOptions",
    "RunAsUser", "RunAsGroup", "RunAsNonRoot", "SupplementalGroups", "SupplementalGroupsPolicy", "FSGroup",
    "FSGroupChangePolicy", "Sysctls", "SeccompProfile", "AppArmorProfile", "SELinuxChangePolicy",
)  # fmt: skip
_OF_HOST: Final = ("HostNetwork", "HostPID", "HostIPC", "ShareProcessNamespace", "HostUsers")


def template_names(template: core_v1.PodTemplateSpec) -> msgspec.Raw:
    """JSON of a template with the names and the order that its type has in Go."""
    spec = msgspec.json.decode(bytes(go_names(template.spec)))
    for sort in ("InitContainers", "Containers"):
        spec[sort] = [_in_order(each, _CONTAINER) for each in spec[sort]] if spec[sort] else None
    if spec["SecurityContext"] is not None:
        spec["SecurityContext"].update({name: spec.get(name) for name in _OF_HOST})
        spec["SecurityContext"] = _in_order(spec["SecurityContext"], _SECURITY)
    shown = {**codec.to_plain(template.metadata), "Spec": _in_order(spec, _SPEC)}
    return msgspec.Raw(msgspec.json.encode(shown))


def _in_order(value: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value.get(name) for name in names}
