"""A pod has its node's zone and region as labels, so that its containers can ask for them.

Source: Kubernetes' admission plugin PodTopologyLabels.
"""

from typing import Final

from k3py.objects.admit.asked import Asked
from k3py.store.store import Store

TOPOLOGY_LABELS: Final = frozenset(("topology.kubernetes.io/region", "topology.kubernetes.io/zone"))


def topology_labels(store: Store, node: str) -> dict[str, str]:
    """What the pods of a node are labelled with; a node that is not there has nothing to say."""
    record = store.latest("nodes", "", node)
    return {} if record is None else {key: value for key, value in record.labels if key in TOPOLOGY_LABELS}


def add_topology(asked: Asked) -> None:
    """Label a new pod that names its node already."""
    if node := asked.new.spec.node_name:
        asked.new.metadata.labels.update(topology_labels(asked.store, node))
