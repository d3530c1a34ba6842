"""Ephemeral containers: started in a sandbox that runs, never restarted, in the way of no state of the pod.

Kubernetes, "Ephemeral Containers". Here they become ordinary containers with the policy Never, so that all the rest of
the agent treats them as such.
"""

from k3py.agent.environment import ConfigProblem
from k3py.agent.observe import attempt_seen, is_running
from k3py.agent.record import PodRecord
from k3py.model.generated.core_v1 import Container, EphemeralContainer, PodSpec
from k3py.runtime.port import SandboxStatus


def as_container(ephemeral: EphemeralContainer) -> Container:
    """The container that it is, but for its target."""
    container = Container(**{field: getattr(ephemeral, field) for field in Container.__struct_fields__})
    container.restart_policy, container.restart_policy_rules = "Never", []
    return container


def ephemeral_containers(spec: PodSpec) -> list[Container]:
    """All of the pod's, in their order."""
    return [as_container(each) for each in spec.ephemeral_containers]


def target_id(record: PodRecord, name: str, seen: SandboxStatus | None) -> str:
    """The runtime's id of the container whose processes this one is to see; empty when it names none.

    Raises:
        ConfigProblem: the target does not run now.
    """
    found = next((each for each in record.pod.spec.ephemeral_containers if each.name == name), None)
    target = found.target_container_name if found is not None else ""
    if not target:
        return ""
    status = attempt_seen(seen, target, record.container(target).attempt)
    if status is None or not is_running(status):
        raise ConfigProblem(f"unable to find target container {target}")
    return status.id
