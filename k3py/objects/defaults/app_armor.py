"""AppArmor profiles that a pod's annotations choose, as the fields that have taken their place.

Source: Kubernetes ``pkg/registry/core/pod`` (``applyAppArmorVersionSkew``).
"""

from typing import Final

from k3py.model.generated import core_v1
from k3py.objects.validation.operating_systems import each_container
from k3py.objects.validation.pod_annotations import APP_ARMOR

_LOCALHOST: Final = "localhost/"


def copy_profiles(obj: core_v1.Pod) -> None:
    """Containers that say nothing themselves get the profile of their annotation, where it can be read."""
    spec = obj.spec
    if spec.os is not None and spec.os.name == "windows":
        return
    of_pod = spec.security_context.app_armor_profile if spec.security_context is not None else None
    for _, container in each_container(spec, ""):
        value = obj.metadata.annotations.get(f"{APP_ARMOR}{container.name}")
        security = container.security_context
        if value is None or (security is not None and security.app_armor_profile is not None):
            continue
        profile = profile_of(value)
        if profile is None or profile == of_pod:
            continue
        if security is None:
            container.security_context = security = core_v1.SecurityContext()
        security.app_armor_profile = profile


def profile_of(annotation: str) -> core_v1.AppArmorProfile | None:
    """The profile that an annotation names; None when it names none that can be used."""
    if annotation == "unconfined":
        return core_v1.AppArmorProfile(type="Unconfined")
    if annotation == "runtime/default":
        return core_v1.AppArmorProfile(type="RuntimeDefault")
    file = annotation.removeprefix(_LOCALHOST)
    if not annotation.startswith(_LOCALHOST) or not file or file != file.strip():
        return None
    return core_v1.AppArmorProfile(type="Localhost", localhost_profile=file)
