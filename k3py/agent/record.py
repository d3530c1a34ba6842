"""What the agent knows of each pod beyond what the machine shows, one small file per pod.

A record is written (fsync, rename) before each step that it describes, so that an agent that was killed at any
instant finds out what it had begun. The file is JSON, versioned by ``FORMAT``.
"""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from k3py.agent.pod_states import PodState
from k3py.base.paths import write_private
from k3py.model.generated.core_v1 import Pod

FORMAT: Final = 1
# A failed pull shows its own error this long before it is called a back-off; kubelet's next sync does the same.
PULL_ERROR_SHOWN_SECONDS: Final = 2.0


class HookState:
    """How far a lifecycle hook came. One that was begun when the agent died runs again: hooks run at least once."""

    NONE: Final = ""
    DONE: Final = "done"
    FAILED: Final = "failed"


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """One finished attempt of a container; what ``state.terminated`` says. Times in seconds since 1970."""

    attempt: int
    id: str
    exit_code: int
    signal: int = 0
    reason: str = ""
    message: str = ""
    started_at: float = 0.0
    finished_at: float = 0.0


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """Why the next attempt cannot be made yet; ``reason`` and ``message`` are those of ``state.waiting``.

    ``wait_seconds`` is the back-off that runs since ``at``.
    """

    reason: str
    message: str
    at: float
    wait_seconds: float


class ContainerRecord(msgspec.Struct, kw_only=True):
    """One container of the pod, over all its attempts.

    ``attempt`` is the newest attempt that was begun, -1 before the first: Kubernetes' restart count. ``ended`` is how
    it ended, ``previous`` how the one before did. ``back_off_seconds`` is the wait before the next restart, counted
    from the exit; 0 before the first restart, which is immediate. ``rerun`` makes an ended init container run again.
    ``stop_at`` is when this attempt was told to end (None: it was not), with ``stop_grace_seconds``. ``started`` and
    ``ready`` are the startup and readiness probes' verdicts on this attempt.
    """

    attempt: int = -1
    id: str = ""
    image_id: str = ""
    ended: Ended | None = None
    previous: Ended | None = None
    rerun: bool = False
    back_off_seconds: float = 0.0
    back_off_at: float = 0.0
    trouble: Trouble | None = None
    post_start: str = HookState.NONE
    pre_stop: str = HookState.NONE
    stop_at: float | None = None
    stop_grace_seconds: float = 0.0
    stop_why: str = ""
    started: bool = False
    ready: bool = False


class ConditionRecord(msgspec.Struct, frozen=True):
    """A pod condition's status and since when (seconds since 1970) it has it."""

    status: str
    since: float


class PodRecord(msgspec.Struct, kw_only=True):
    """One pod of this node.

    ``pod`` is the last wanted pod (with the last status the server showed). ``node_uid`` is the uid of the Node object
    when the pod arrived: a server that does not know that Node cannot say that the pod is gone. ``deleted_at`` is when
    the deletion was first seen, ``stop_by`` until when its containers may take to end. ``told_gone``: a watch said that
    the pod was removed. ``object_gone``: it is certain that the server has forgotten the pod. ``failure`` and
    ``failure_message`` are ``status.reason`` and ``status.message`` of a pod that the agent ended itself.
    """

    format: int = FORMAT
    pod: Pod
    node_uid: str = ""
    state: PodState = PodState.PENDING
    accepted_at: float = 0.0
    deleted_at: float | None = None
    stop_by: float | None = None
    told_gone: bool = False
    object_gone: bool = False
    failure: str = ""
    failure_message: str = ""
    containers: dict[str, ContainerRecord] = {}
    conditions: dict[str, ConditionRecord] = {}

    @property
    def uid(self) -> str:
        return self.pod.metadata.uid

    @property
    def deleted(self) -> bool:
        """Somebody wants the pod gone."""
        return self.deleted_at is not None

    def container(self, name: str) -> ContainerRecord:
        """The record of a container; a fresh one when there is none (not stored: reading changes nothing)."""
        return self.containers.get(name) or ContainerRecord()

    def touch(self, name: str) -> ContainerRecord:
        """The record of a container to be changed."""
        return self.containers.setdefault(name, ContainerRecord())


_decoder = msgspec.json.Decoder(PodRecord)
_encoder = msgspec.json.Encoder()


class Records:
    """The folder ``<root>/<pod uid>/record.json``. What else belongs to a pod lies beside it."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def folder(self, uid: str) -> Path:
        """The pod's own folder.

        Raises:
            ValueError: the uid is no plain file name, so it cannot have come from a well-meaning server.
        """
        if not uid or uid in (".", "..") or "/" in uid or "\0" in uid or len(uid) > 128:
            raise ValueError(f"cannot keep a pod with the uid {uid!r}: it is no file name")
        return self._root / uid

    def save(self, record: PodRecord) -> None:
        """Write the record so that it survives a crash right after. Raises OSError when the disk refuses."""
        write_private(self.folder(record.uid) / "record.json", _encoder.encode(record))

    def load(self) -> Iterator[PodRecord | tuple[Path, str]]:
        """All records; for one that cannot be read its path and why. The unreadable file stays where it is."""
        if not self._root.is_dir():
            return
        for path in sorted(self._root.glob("*/record.json")):
            try:
                record = _decoder.decode(path.read_bytes())
            except (OSError, msgspec.DecodeError) as problem:
                yield path, str(problem)
                continue
            if record.format > FORMAT:
                yield path, f"it was written by a newer agent (format {record.format}, known {FORMAT})"
            else:
                yield record

    def remove(self, uid: str) -> None:
        """Forget the pod: the record goes first, so that half a folder is never taken for a pod. May be repeated."""
        folder = self.folder(uid)
        with contextlib.suppress(FileNotFoundError):
            (folder / "record.json").unlink()
        shutil.rmtree(folder, ignore_errors=True)
