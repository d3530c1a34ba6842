"""Fields of pods that Kubernetes knows but does not take yet: they are behind gates that are closed.

Source: Kubernetes ``pkg/api/pod`` (``dropDisabledFields``) with the gates as 1.36 has them.
"""

from k3py.model.generated import core_v1
from k3py.objects.validation.operating_systems import each_container


def drop_closed(spec: core_v1.PodSpec) -> None:
    """Take out what is not taken yet: stop signals, trust bundles, certificates of pods, groups of pods."""
    spec.scheduling_group = None
    for _, container in each_container(spec, ""):
        hooks = container.lifecycle
        if hooks is not None and hooks.stop_signal is not None:
            hooks.stop_signal = None
            if hooks.post_start is None and hooks.pre_stop is None:
                container.lifecycle = None
    for volume in spec.volumes:
        for source in volume.projected.sources if volume.projected is not None else ():
            source.cluster_trust_bundle = None
            source.pod_certificate = None
