"""What the cheap look every few seconds finds: pods to be looked at closely. Decides."""

from collections.abc import Mapping

from k3py.vpc.kernel import entries, layout, names
from k3py.vpc.kernel.values import Programs
from k3py.vpc.wanted import NodeConfig, Wanted


def suspects(
    config: NodeConfig,
    wanted: Wanted,
    indexes: Mapping[str, int],
    programs: Mapping[str, Programs],
    local_pods: Mapping[bytes, bytes],
    base: bytes,
) -> list[str]:
    """The uids of pods whose device, programs or map entry are not as they should be.

    Args:
        indexes: interface numbers by device, 0 for what has vanished.
        programs: what is pinned, by pin name.
        local_pods: that map's entries.
        base: of which objects and maps programs are made now.
    """
    found = []
    for uid, pod in wanted.pods.items():
        index = indexes.get(names.device(config, pod), 0)
        mark = layout.programs_mark(base, layout.pod_settings(wanted, pod))
        local = local_pods.get(entries.local_key(pod))
        right = Programs(index, index, mark)
        if not index or programs.get(names.pin_name(uid)) != right or local != entries.local_pod(pod, index):
            found.append(uid)
    return found


def strange_pins(wanted: Wanted, programs: Mapping[str, Programs]) -> list[str]:
    """Pins of pods that nobody wants."""
    known = {names.pin_name(uid) for uid in wanted.pods}
    return sorted(programs.keys() - known)
