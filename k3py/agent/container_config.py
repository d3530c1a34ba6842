"""A container as the runtime wants it, from the pod, the image and the node: values in, values out."""

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from k3py.agent.environment import ConfigProblem, NodeFacts, Objects, command_line, environment, expand
from k3py.agent.resources import container_resources, oom_score_adj
from k3py.agent.security import Accounts, capabilities, no_new_privileges, run_as, seccomp
from k3py.image.image import Image
from k3py.model.generated.core_v1 import Container, Pod, VolumeMount
from k3py.runtime.port import ContainerConfig, Mount, Propagation, Seccomp

DEFAULT_TERMINATION_LOG: Final = "/dev/termination-log"
_PROPAGATIONS: Final = {
    "None": Propagation.PRIVATE,
    "HostToContainer": Propagation.HOST_TO_CONTAINER,
    "Bidirectional": Propagation.BIDIRECTIONAL,
}


@dataclass(frozen=True, kw_only=True)
class HostFiles:
    """Files and folders of the host that one container is given. ``etc``: destination -> file of the pod."""

    log: Path
    termination_log: Path
    etc: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the node decides for all its containers."""

    memory_capacity_bytes: int
    seccomp_default: Seccomp = Seccomp.UNCONFINED
    pids_limit: int | None = None


def container_config(
    pod: Pod,
    container: Container,
    attempt: int,
    image: Image,
    *,
    objects: Objects,
    node: NodeFacts,
    accounts: Accounts,
    mounts: Sequence[Mount],
    files: HostFiles,
    settings: Settings,
    process_namespace_of: str = "",
) -> ContainerConfig:
    """The whole configuration. ``process_namespace_of`` is the id of the container whose processes it is to see.

    Raises:
        ConfigProblem: the pod asks for what image, cluster or node do not have.
    """
    values = environment(pod, container, image.config.env, objects, node)
    values.setdefault("HOSTNAME", _hostname(pod, node))
    context = container.security_context
    add, drop = capabilities(context)
    unmasked = context is not None and context.proc_mount == "Unmasked"
    return ContainerConfig(
        name=container.name,
        attempt=attempt,
        image_layers=tuple(image.layers),
        args=tuple(command_line(container, image.config.entrypoint, image.config.cmd, values)),
        log_path=files.log,
        env=tuple(values.items()),
        working_dir=container.working_dir or image.config.working_dir or "/",
        user=run_as(pod.spec, container, image.config.user, accounts),
        mounts=_with_files(container, mounts, files),
        resources=container_resources(container.resources, settings.pids_limit),
        tty=container.tty,
        stdin=container.stdin,
        stdin_once=container.stdin_once,
        read_only_root=bool(context and context.read_only_root_filesystem),
        privileged=bool(context and context.privileged),
        capabilities_add=add,
        capabilities_drop=drop,
        no_new_privileges=no_new_privileges(context),
        seccomp=seccomp(pod.spec, container, settings.seccomp_default),
        masked_paths=() if unmasked else None,
        readonly_paths=() if unmasked else None,
        oom_score_adj=oom_score_adj(pod, container, settings.memory_capacity_bytes),
        process_namespace_of=process_namespace_of,
        stop_signal=stop_signal(container, image.config.stop_signal),
    )


def _hostname(pod: Pod, node: NodeFacts) -> str:
    return node.name if pod.spec.host_network else pod.spec.hostname or pod.metadata.name


def _with_files(container: Container, mounts: Sequence[Mount], files: HostFiles) -> tuple[Mount, ...]:
    """The volumes, and the pod's files where no volume has taken their place."""
    taken = {each.destination.rstrip("/") for each in mounts}
    own = {**files.etc, container.termination_message_path or DEFAULT_TERMINATION_LOG: files.termination_log}
    return (*mounts, *(Mount(source, place) for place, source in own.items() if place not in taken))


def volume_mounts(
    container: Container, values: Mapping[str, str], places: Mapping[str, Path]
) -> list[tuple[VolumeMount, Path, str]]:
    """Each mount of the container, its volume's place on the host, and its subPath with variables replaced.

    Raises:
        ConfigProblem: no volume of that name.
    """
    result = []
    for each in container.volume_mounts:
        if each.name not in places:
            raise ConfigProblem(f"cannot find volume {each.name!r} to mount into container {container.name!r}")
        wanted = expand(each.sub_path_expr, values) if each.sub_path_expr else each.sub_path
        result.append((each, places[each.name], wanted))
    return result


def mount_of(wanted: VolumeMount, source: Path) -> Mount:
    """One volume mount in the runtime's terms; the order of ``volumeMounts`` is kept by the caller."""
    destination = wanted.mount_path if wanted.mount_path.startswith("/") else f"/{wanted.mount_path}"
    return Mount(
        source=source,
        destination=destination,
        read_only=wanted.read_only,
        propagation=_PROPAGATIONS.get(wanted.mount_propagation or "None", Propagation.PRIVATE),
    )


def stop_signal(container: Container, image_signal: str) -> int:
    """The signal that asks the container to end: the pod's, the image's, or SIGTERM."""
    given = container.lifecycle.stop_signal if container.lifecycle and container.lifecycle.stop_signal else image_signal
    if given.isdigit() and 0 < int(given) < signal.NSIG:
        return int(given)
    name = given.upper()
    name = name if name.startswith("SIG") else f"SIG{name}"
    # Real-time signals are written SIGRTMIN+3.
    base, _, offset = name.partition("+")
    if base in signal.Signals.__members__ and (not offset or offset.isdigit()):
        return int(signal.Signals[base]) + int(offset or 0)
    return int(signal.SIGTERM)
