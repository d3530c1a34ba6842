"""What a pod's volumes are to be on the host: values only. ``volume_files.py`` makes them.

Source: Kubernetes, "Volumes" and "Projected Volumes"; texts of errors are kubelet's.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Final

from k3py.agent.environment import ConfigProblem, NodeFacts, Objects, field_value, resource_value
from k3py.agent.token_plan import NoToken, file_mode, file_user, token_key
from k3py.model import quantity
from k3py.model.generated import core_v1
from k3py.model.generated.core_v1 import DownwardAPIVolumeFile, KeyToPath, Pod, Volume, VolumeProjection

DEFAULT_MODE: Final = 0o644


class VolumeProblem(Exception):
    """The volume cannot be made (yet): the event ``FailedMount`` says why, and it is tried again."""


@dataclass(frozen=True)
class EmptyDir:
    """An empty folder that lives as long as the pod; in memory as a tmpfs. ``size_limit`` in bytes."""

    memory: bool = False
    size_limit: int | None = None


@dataclass(frozen=True)
class HostPath:
    """A path of the host; ``kind`` is the ``type`` of the API, empty for "no check"."""

    path: str
    kind: str = ""


@dataclass(frozen=True)
class Files:
    """Files that are kept up to date. ``entries``: relative path -> content and mode. ``secret``: never on disk.

    ``owners``: relative path -> uid, for files that are not root's.
    """

    entries: Mapping[str, tuple[bytes, int]] = field(default_factory=dict)
    secret: bool = False
    owners: Mapping[str, int] = field(default_factory=dict)


Source = EmptyDir | HostPath | Files


def sources(pod: Pod, objects: Objects, node: NodeFacts) -> dict[str, Source]:
    """Every volume of the pod by name.

    Raises:
        VolumeProblem: something referred to is missing, or a kind of volume is not supported.
    """
    result: dict[str, Source] = {}
    for volume in pod.spec.volumes:
        try:
            result[volume.name] = _source(pod, volume, objects, node)
        except (ConfigProblem, VolumeProblem) as problem:
            text = f'MountVolume.SetUp failed for volume "{volume.name}" : {problem}'
            raise VolumeProblem(text) from problem
    return result


def _source(pod: Pod, volume: Volume, objects: Objects, node: NodeFacts) -> Source:
    if volume.host_path is not None:
        return HostPath(volume.host_path.path, volume.host_path.type or "")
    if volume.config_map is not None:
        own = volume.config_map
        found = objects.config_maps.get(own.name)
        return Files(dict(_config_map(own.name, found, own.items, own.optional, _mode(own.default_mode))))
    if volume.secret is not None:
        secret = volume.secret
        value = objects.secrets.get(secret.secret_name)
        mode = _mode(secret.default_mode)
        return Files(dict(_secret(secret.secret_name, value, secret.items, secret.optional, mode)), secret=True)
    if volume.downward_api is not None:
        mode = _mode(volume.downward_api.default_mode)
        return Files(dict(_downward(pod, volume.downward_api.items, mode, node)))
    if volume.projected is not None:
        mode = _mode(volume.projected.default_mode)
        entries: dict[str, tuple[bytes, int]] = {}
        for projection in volume.projected.sources:
            entries.update(_projection(pod, projection, mode, objects, node))
        projected = volume.projected.sources
        hidden = any(each.secret or each.service_account_token for each in projected)
        return Files(entries, secret=hidden, owners=_owners(pod, projected))
    if volume.empty_dir is not None or not _names_a_kind(volume):
        given = volume.empty_dir or core_v1.EmptyDirVolumeSource()
        size = None if given.size_limit is None else quantity.whole(given.size_limit) or None
        return EmptyDir(given.medium == "Memory", size)
    raise VolumeProblem("this kind of volume is not supported on this node")


def _names_a_kind(volume: Volume) -> bool:
    return any(getattr(volume, name) is not None for name in volume.__struct_fields__ if name != "name")


def _mode(default: int | None) -> int:
    return DEFAULT_MODE if default is None else default


def _projection(
    pod: Pod, projection: VolumeProjection, mode: int, objects: Objects, node: NodeFacts
) -> Iterator[tuple[str, tuple[bytes, int]]]:
    if projection.config_map is not None:
        own = projection.config_map
        yield from _config_map(own.name, objects.config_maps.get(own.name), own.items, own.optional, mode)
    elif projection.secret is not None:
        secret = projection.secret
        yield from _secret(secret.name, objects.secrets.get(secret.name), secret.items, secret.optional, mode)
    elif projection.downward_api is not None:
        yield from _downward(pod, projection.downward_api.items, mode, node)
    elif projection.service_account_token is not None:
        token = objects.tokens.get(token_key(projection.service_account_token), NoToken("failed to fetch token"))
        if isinstance(token, NoToken):
            raise VolumeProblem(token.why)
        path = checked_path(projection.service_account_token.path)
        yield path, (token.encode(), file_mode(pod, mode))
    else:
        raise VolumeProblem("this source of a projected volume is not supported on this node")


def _owners(pod: Pod, projections: Sequence[VolumeProjection]) -> dict[str, int]:
    """Tokens belong to the pod's user, everything else to root."""
    user = file_user(pod)
    tokens = [each.service_account_token for each in projections if each.service_account_token is not None]
    return {} if user is None else {checked_path(each.path): user for each in tokens}


def _config_map(
    name: str, found: core_v1.ConfigMap | None, items: Sequence[KeyToPath], optional: bool | None, mode: int
) -> Iterator[tuple[str, tuple[bytes, int]]]:
    if found is None:
        if optional:
            return
        raise VolumeProblem(f'configmap "{name}" not found')
    values = {key: text.encode() for key, text in found.data.items()} | dict(found.binary_data)
    yield from _chosen("configmap", values, items, optional, mode)


def _secret(
    name: str, found: core_v1.Secret | None, items: Sequence[KeyToPath], optional: bool | None, mode: int
) -> Iterator[tuple[str, tuple[bytes, int]]]:
    if found is None:
        if optional:
            return
        raise VolumeProblem(f'secret "{name}" not found')
    yield from _chosen("secret", found.data, items, optional, mode)


def _chosen(
    what: str, values: Mapping[str, bytes], items: Sequence[KeyToPath], optional: bool | None, mode: int
) -> Iterator[tuple[str, tuple[bytes, int]]]:
    if not items:
        for key, value in values.items():
            yield checked_path(key), (value, mode)
    for item in items:
        if item.key in values:
            yield checked_path(item.path), (values[item.key], mode if item.mode is None else item.mode)
        elif not optional:
            raise VolumeProblem(f"{what} references non-existent config key: {item.key}")


def _downward(
    pod: Pod, items: Sequence[DownwardAPIVolumeFile], mode: int, node: NodeFacts
) -> Iterator[tuple[str, tuple[bytes, int]]]:
    for item in items:
        if item.field_ref is not None:
            text = field_value(pod, item.field_ref.field_path, node)
        elif item.resource_field_ref is not None:
            text = resource_value(pod, pod.spec.containers[0], item.resource_field_ref, node)
        else:
            continue
        yield checked_path(item.path), (text.encode(), mode if item.mode is None else item.mode)


def checked_path(path: str) -> str:
    """A relative path that stays in its volume and leaves the names beginning with ``..`` to us.

    Raises:
        VolumeProblem: it does not.
    """
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or parts[0].startswith("..") or "\0" in path:
        raise VolumeProblem(f"invalid path: {path!r} must be relative and stay in the volume")
    return "/".join(parts)


def sub_path(path: str) -> str:
    """A mount's ``subPath``, checked.

    Raises:
        VolumeProblem: it leaves the volume.
    """
    parts = PurePosixPath(path).parts
    if path.startswith("/") or ".." in parts or "\0" in path:
        raise VolumeProblem(f"subPath {path!r} must be relative and stay in the volume")
    return "/".join(parts)
