"""Every controller of the server, and the runner that runs them."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from k3py.base.clock import Clock
from k3py.controllers.controller import Controller
from k3py.controllers.deployment import DeploymentController
from k3py.controllers.disruption import DisruptionController
from k3py.controllers.endpointslice import EndpointSliceController
from k3py.controllers.garbage_collector import GarbageCollector
from k3py.controllers.namespace import NamespaceController
from k3py.controllers.node_lifecycle import GRACE_SECONDS, NodeLifecycleController
from k3py.controllers.objects_writer import ObjectsWriter
from k3py.controllers.pod_gc import FINISHED_MAX, PodGarbageController
from k3py.controllers.replicaset import ReplicaSetController
from k3py.controllers.root_ca import RootCaController
from k3py.controllers.runner import Runner
from k3py.controllers.service_account import ServiceAccountController
from k3py.controllers.taint_eviction import STARTUP_GRACE_SECONDS, TaintEvictionController
from k3py.controllers.volume_protection import ClaimProtectionController, VolumeProtectionController
from k3py.controllers.vpc import VpcController
from k3py.objects.service import Objects
from k3py.objects.service_addresses import DEFAULT_RANGE


@dataclass(frozen=True)
class Settings:
    """What an operator may tune.

    Attributes:
        node_grace_seconds: a node that was not heard of for so long is Unknown; 4 s at least in earnest.
        startup_grace_seconds: nobody is evicted earlier than this after a start of the server.
        finished_pods_max: how many finished pods are kept.
        root_ca_pem: the CA certificates by which pods know the API server; empty: nobody tells them.
        service_cidr: the services' range, which VPCs' status repeats for nodes.
    """

    node_grace_seconds: float = GRACE_SECONDS
    startup_grace_seconds: float = STARTUP_GRACE_SECONDS
    finished_pods_max: int = FINISHED_MAX
    root_ca_pem: str = ""
    service_cidr: str = str(DEFAULT_RANGE)


def controllers(settings: Settings | None = None) -> Sequence[Controller]:
    """Fresh controllers; they belong to one runner."""
    chosen = settings or Settings()
    return (
        DeploymentController(),
        ReplicaSetController(),
        EndpointSliceController(),
        NamespaceController(),
        GarbageCollector(),
        NodeLifecycleController(chosen.node_grace_seconds),
        TaintEvictionController(chosen.startup_grace_seconds),
        ServiceAccountController(),
        PodGarbageController(chosen.finished_pods_max),
        *([RootCaController(chosen.root_ca_pem)] if chosen.root_ca_pem else []),
        VpcController(chosen.service_cidr),
        DisruptionController(),
        ClaimProtectionController(),
        VolumeProtectionController(),
    )


def runner(objects: Objects, clock: Clock, source: random.Random, settings: Settings | None = None) -> Runner:
    """A runner of all controllers over the server's objects; ``start`` it when the store is open.

    The services' range is the objects', whatever the settings say.
    """
    writer = ObjectsWriter(objects)
    chosen = replace(settings or Settings(), service_cidr=str(objects.ranges.cluster_ips))
    return Runner(controllers(chosen), objects.store, writer, writer, clock, source)
