"""Labels of nodes that are going, and what is said of those who still ask for them.

Source: Kubernetes ``pkg/api/node/util.go``.
"""

from typing import Final

from k3py.model.generated import core_v1

DEPRECATED: Final = {
    "beta.kubernetes.io/arch": 'deprecated since v1.14; use "kubernetes.io/arch" instead',
    "beta.kubernetes.io/os": 'deprecated since v1.14; use "kubernetes.io/os" instead',
    "failure-domain.beta.kubernetes.io/region": 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
    "failure-domain.beta.kubernetes.io/zone": 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
    "beta.kubernetes.io/instance-type": 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
    "app.kubernetes.io/created-by": "deprecated since v1.9",
    "scheduler.alpha.kubernetes.io/preferAvoidPods": "deprecated since v1.22; use Taints and Tolerations instead",
    "node-role.kubernetes.io/master": 'use "node-role.kubernetes.io/control-plane" instead',
}


def node_term_warnings(term: core_v1.NodeSelectorTerm, path: str) -> list[str]:
    """What is said of one term of a node selector."""
    return [
        f"{path}.matchExpressions[{index}].key: {each.key} is {DEPRECATED[each.key]}"
        for index, each in enumerate(term.match_expressions)
        if each.key in DEPRECATED
    ]
