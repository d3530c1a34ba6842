"""What a pod's worker asks of the rest of the agent; tests answer in its place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from k3py.agent.environment import NodeFacts, Objects
from k3py.agent.token_plan import TokenResults
from k3py.image.auth import Credential
from k3py.image.image import Image
from k3py.model.generated.core_v1 import Pod, PodStatus


class Events(Protocol):
    """Tells users what happens. Best effort: never waits, never fails."""

    def emit(self, pod: Pod, reason: str, message: str, *, container: str = "", warning: bool = False) -> None:
        """One event about a pod, or about one of its containers."""
        ...


class Configs(Protocol):
    """What pods need of the cluster: ConfigMaps, Secrets, tokens, services; kept for when the server is away."""

    async def objects(self, pod: Pod) -> Objects:
        """Those that exist. Raises Problem when the server cannot be asked and nothing is kept."""
        ...

    async def tokens(self, pod: Pod) -> TokenResults:
        """The tokens that its volumes ask for, or why there is none."""
        ...

    async def service_variables(self, pod: Pod) -> Mapping[str, str]:
        """The variables by which it finds services. Raises Unavailable when they were never read."""
        ...

    async def pull_credentials(self, pod: Pod) -> Sequence[Credential]:
        """What the pod's ``imagePullSecrets`` hold; those that are missing are passed over."""
        ...

    def release(self, pod_uid: str) -> None:
        """The pod needs nothing any more."""
        ...


class Reporter(Protocol):
    """Writes what the agent knows of a pod to the server."""

    async def write_status(self, pod: Pod, status: PodStatus) -> bool:
        """Write the status; False when the server has no such pod (any more). Raises Problem."""
        ...

    async def delete(self, pod: Pod) -> None:
        """Delete for good, with the uid as precondition; a pod that is gone is fine. Raises Problem."""
        ...


class ImageStore(Protocol):
    """The part of ``k3py.image.service.Images`` that workers use."""

    def find(self, name: str) -> Image | None: ...

    async def pull(self, name: str, credentials: Sequence[Credential] = ()) -> Image: ...


class NodeView(Protocol):
    """What pods may learn of their node."""

    def facts(self, pod_ips: Sequence[str]) -> NodeFacts: ...

    async def known(self) -> None:
        """Wait until ``uid`` is known."""
        ...

    @property
    def memory_capacity_bytes(self) -> int: ...

    @property
    def uid(self) -> str:
        """The uid of the Node object, empty before it is known."""
        ...


@dataclass(frozen=True)
class Prepared:
    """What a container's next attempt is made from."""

    image: Image
    objects: Objects
