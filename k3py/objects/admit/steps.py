"""The steps of admission for pods and claims, in Kubernetes' order. A further step is one line here.

Steps that complete an object come before its own rules are checked; steps that only refuse come after, when nothing
else is wrong with it. Pod security belongs after the limits, quota after everything.
"""

from collections.abc import Callable
from typing import Final

from k3py.model.generated import core_v1
from k3py.objects.admit import limit_ranger, priority, runtime_class
from k3py.objects.admit.asked import Asked
from k3py.objects.admit.tolerations import add_tolerations
from k3py.objects.admit.topology import add_topology
from k3py.objects.qos import qos_class

Step = Callable[[Asked], None]


def _tolerate(asked: Asked) -> None:
    add_tolerations(asked.new.spec)


def _set_qos_class(asked: Asked) -> None:
    """The class is that of the requests which the pod has by now."""
    asked.new.status.qos_class = qos_class(asked.new.spec)


# Before the service account, which may have the last word on volumes.
COMPLETE_NEW_POD: Final[tuple[Step, ...]] = (
    limit_ranger.add_defaults,
    priority.set_priority,
    _tolerate,
    runtime_class.add_runtime,
    _set_qos_class,
    add_topology,
)
CHECK_NEW_POD: Final[tuple[Step, ...]] = (limit_ranger.check_pod, runtime_class.check_overhead)
CHECK_RESIZED_POD: Final[tuple[Step, ...]] = (limit_ranger.check_pod,)
CHECK_CLAIM: Final[tuple[Step, ...]] = (limit_ranger.check_claim,)


def complete_new_pod(asked: Asked) -> None:
    """Complete a new pod, in place.

    Raises:
        Forbidden: a step refuses it.
    """
    for step in COMPLETE_NEW_POD:
        step(asked)


def check(asked: Asked) -> None:
    """Refuse what is right by its own rules, but not in this cluster.

    Raises:
        Forbidden: a step refuses it.
    """
    for step in _checks(asked):
        step(asked)


def _checks(asked: Asked) -> tuple[Step, ...]:
    if isinstance(asked.new, core_v1.PersistentVolumeClaim):
        return CHECK_CLAIM
    if isinstance(asked.new, core_v1.Pod):
        if asked.old is None:
            return CHECK_NEW_POD
        return CHECK_RESIZED_POD if _is_resized(asked.new, asked.old) else ()
    return ()


def _is_resized(new: core_v1.Pod, old: core_v1.Pod) -> bool:
    """Whether containers ask for something else; only the subresource ``resize`` can do that."""
    after, before = new.spec, old.spec
    return [each.resources for each in (*after.containers, *after.init_containers)] != [
        each.resources for each in (*before.containers, *before.init_containers)
    ] or after.resources != before.resources
