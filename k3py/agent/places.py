"""Where the agent keeps what belongs to pods, derived from k3py's four folders."""

from dataclasses import dataclass
from pathlib import Path

from k3py.base.paths import Paths
from k3py.model.generated.core_v1 import Pod


@dataclass(frozen=True)
class Places:
    """``objects`` (ConfigMaps and Secrets last seen) lies below ``run``: in memory, so no Secret reaches a disk."""

    pods: Path
    logs: Path
    objects: Path
    node: Path
    cgroup_root: str

    @classmethod
    def of(cls, paths: Paths) -> "Places":
        return cls(
            pods=paths.agent_state / "pods",
            logs=paths.log / "pods",
            objects=paths.run / "agent/objects",
            node=paths.agent_state / "node.json",
            cgroup_root=f"k3py-{paths.instance_id}",
        )

    def folder(self, pod: Pod) -> Path:
        return self.pods / pod.metadata.uid

    def volumes(self, pod: Pod) -> Path:
        return self.folder(pod) / "volumes"

    def etc(self, pod: Pod) -> Path:
        """Where ``hosts``, ``hostname`` and ``resolv.conf`` lie."""
        return self.folder(pod) / "etc"

    def termination_log(self, pod: Pod, container: str, attempt: int) -> Path:
        return self.folder(pod) / "containers" / container / f"termination-log-{attempt}"

    def log_folder(self, pod: Pod) -> Path:
        """``<namespace>_<name>_<uid>``, as kubelet names it: log collectors read this."""
        meta = pod.metadata
        return self.logs / f"{meta.namespace}_{meta.name}_{meta.uid}"

    def log(self, pod: Pod, container: str, attempt: int) -> Path:
        return self.log_folder(pod) / container / f"{attempt}.log"
