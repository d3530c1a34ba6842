"""Writes pods' statuses to the server and deletes pods that have ended there."""

from typing import Any, Final

from k3py.client.port import Client, PatchType
from k3py.model.codec import to_plain
from k3py.model.errors import Conflict, Forbidden, NotFound
from k3py.model.generated.core_v1 import Node, Pod, PodStatus

FIELD_MANAGER: Final = "kubelet"


class PodReporter:
    """The server's side of a pod. Raises what the client raises, but for a pod that is not there.

    The server refuses a node every question about a pod that is not on it, be it gone or another node's; what it does
    answer is which pods are. So that is what ``is_there`` asks.
    """

    def __init__(self, client: Client, node_name: str) -> None:
        self._client = client
        self._node_name = node_name

    async def write_status(self, pod: Pod, status: PodStatus) -> bool:
        """PATCH of ``pods/status``, with the uid as precondition; False when the server has no such pod (any more)."""
        body = {"metadata": {"uid": pod.metadata.uid}, "status": _status_patch(status)}
        meta = pod.metadata
        try:
            await self._client.patch(Pod, meta.name, meta.namespace, body, PatchType.STRATEGIC, "status", FIELD_MANAGER)
        except NotFound:
            return False
        except (Conflict, Forbidden):
            if await self.is_there(pod):
                raise
            return False
        return True

    async def delete(self, pod: Pod) -> None:
        meta = pod.metadata
        try:
            await self._client.delete(Pod, meta.name, meta.namespace, grace_period_seconds=0, uid=meta.uid)
        except NotFound:
            return
        except (Conflict, Forbidden):
            if await self.is_there(pod):
                raise

    async def is_there(self, pod: Pod) -> bool:
        """Whether the server has this very pod on this node. Raises Problem when it cannot be asked."""
        selector = f"spec.nodeName={self._node_name},metadata.name={pod.metadata.name}"
        found = await self._client.list(Pod, pod.metadata.namespace, field_selector=selector)
        return any(each.metadata.uid == pod.metadata.uid for each in found.items)

    async def knows_node(self, uid: str) -> bool:
        """Whether the server has this Node object under the uid that it had when a pod came.

        A server that has lost its memory, or another cluster's, does not; what such a server lacks means nothing.
        """
        try:
            node = await self._client.get(Node, self._node_name)
        except NotFound:
            return False
        return bool(uid) and node.metadata.uid == uid


def _status_patch(status: PodStatus) -> dict[str, Any]:
    """The status as a strategic patch.

    Conditions are merged by their type, field by field: a reason that holds no longer has to be taken away.
    """
    plain: dict[str, Any] = to_plain(status)
    for each in (plain, *plain.get("conditions", [])):
        for name in ("reason", "message"):
            each.setdefault(name, None)
    return plain
