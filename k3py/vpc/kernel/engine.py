"""The kernel side without a loop: sees, plans and carries out, in whatever thread calls. Acts."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from k3py.model.vpc_socket import KERNEL_REFUSED
from k3py.vpc.bpf.abi import Direction, Outcome
from k3py.vpc.bpf.counters import Total
from k3py.vpc.bpf.errors import ObjectError
from k3py.vpc.bpf.maps import Map
from k3py.vpc.kernel import links, names, recheck
from k3py.vpc.kernel.actions import Plan, WriteTable
from k3py.vpc.kernel.entries import LOCAL_PODS, ROUTES, all_routes
from k3py.vpc.kernel.grace_periods import grace_periods
from k3py.vpc.kernel.maps import EVENTS, SharedMaps, mount_bpffs
from k3py.vpc.kernel.netlink import NetlinkError
from k3py.vpc.kernel.nft import Nft
from k3py.vpc.kernel.plan import plan_pod, plan_removal
from k3py.vpc.kernel.plan_node import plan_everything, plan_settings
from k3py.vpc.kernel.programs import PodPrograms
from k3py.vpc.kernel.ruleset import DnatRule, ruleset
from k3py.vpc.kernel.runner import Runner
from k3py.vpc.kernel.seen import Observer
from k3py.vpc.kernel.services_port import NamespaceTable
from k3py.vpc.kernel.sysctls import Sysctls
from k3py.vpc.ports import Attached, NetworkProblem
from k3py.vpc.wanted import NodeConfig, Wanted

T = TypeVar("T")
# Pods that a start or a large change works on at the same time.
PODS_AT_ONCE: Final = 8

_log = logging.getLogger(__name__)


class Engine:
    """One node's kernel state. ``folder``: that of the instance in bpffs; ``record``: where old sysctls are kept.

    ``filters``: how programs are attached, as in ``attachments.choose``.
    ``node_ports`` and ``latest`` (what was wanted last) are for the caller to set.

    Every method may be repeated and interrupted; the caller sees to it that a pod is worked on once at a time.

    Raises:
        NetworkProblem: in every method, when the kernel refuses.
    """

    def __init__(
        self, config: NodeConfig, folder: Path, record: Path, services: NamespaceTable | None, filters: bool | None
    ) -> None:
        self._config = config
        self._shared = refusing("make the node's maps", lambda: _shared(folder))
        self._programs = refusing("make the pods' pins", lambda: PodPrograms(folder, self._shared, filters))
        self._nft, self._sysctls = Nft(config.table), Sysctls(record)
        self._observer = Observer(config, self._shared, self._programs, self._nft, self._sysctls)
        waits = grace_periods(record)
        waits.restore()
        self.runner = Runner(
            config, self._shared, self._programs, self._nft, self._sysctls, self._observer, services, waits
        )
        self._pods = ThreadPoolExecutor(PODS_AT_ONCE, "vpc-kernel-pod")
        self._writing = threading.Lock()
        self.node_ports: tuple[DnatRule, ...] = ()
        self.latest: Wanted | None = None

    @property
    def events(self) -> Map:
        """The ring that programs write dropped packets into."""
        return self._shared.maps[EVENTS]

    def close(self) -> None:
        """Give descriptors and threads back; the kernel keeps everything."""
        self._pods.shutdown()
        self.runner.close()
        self._shared.close()

    def converge(self, wanted: Wanted) -> Mapping[str, NetworkProblem]:
        """Everything as wanted; by uid what could not be done."""
        self._shared.repin()
        seen = refusing("look at the node", lambda: self._observer.everything(wanted))
        everything = plan_everything(self._config, wanted, seen, self._shared.base, self.node_ports)
        self._observer.joined &= wanted.pods.keys()
        self._run(wanted, everything.before)
        running = {uid: self._pods.submit(self._run, wanted, plan) for uid, plan in everything.pods.items() if plan}
        problems = dict(everything.impossible)
        for uid, future in running.items():
            try:
                future.result()
            except NetworkProblem as problem:
                problems[uid] = problem
        self._run(wanted, everything.after)
        return problems

    def attach(self, wanted: Wanted, uid: str) -> Attached:
        """One pod as wanted."""
        pod = wanted.pods[uid]
        seen = refusing("look at the pod", lambda: self._observer.pod(wanted, pod))
        plan = plan_pod(self._config, wanted, pod, seen, self._shared.base)
        self.write_rules(wanted)
        self._run(wanted, plan)
        return Attached(names.device(self._config, pod))

    def detach(self, wanted: Wanted, uid: str) -> None:
        """Away with a pod that is not wanted."""
        self._observer.joined.discard(uid)
        pin = names.pin_name(uid)
        seen = refusing("look at the node", lambda: self._observer.remains(pin, names.host_end(self._config, uid)))
        device = next(iter(seen.links.values()), None)
        self._run(wanted, plan_removal(device, pin, seen))
        self.write_rules(wanted)

    def write_rules(self, wanted: Wanted) -> None:
        """Our nft table as it should be: host ports come and go with pods.

        Pods are worked on side by side, so the latest that is wanted holds, whoever writes last.
        """
        with self._writing:
            latest = self.latest or wanted
            text = ruleset(self._config, latest, self.node_ports)
            if self._nft.written != text:
                self._run(latest, [(WriteTable(text, "host ports have changed"),)])

    def recheck(self, wanted: Wanted) -> tuple[list[str], bool]:
        """The cheap look: repairs what belongs to the node. Pods to be repaired; whether there is more to tidy up."""
        missing = refusing("pin the node's maps", self._shared.repin)
        if missing:
            _log.warning("pins were missing: %s", ", ".join(missing))
        seen = refusing("look at the node", lambda: self._observer.settings(wanted))
        self._run(wanted, plan_settings(self._config, wanted, seen, self.node_ports))
        indexes = {
            each: links.index(each) for each in (names.device(self._config, pod) for pod in wanted.pods.values())
        }
        local = seen.entries[LOCAL_PODS]
        found = recheck.suspects(self._config, wanted, indexes, seen.programs, local, self._shared.base)
        surplus = len(local) > len(wanted.pods) or len(seen.entries[ROUTES]) > len(all_routes(self._config, wanted))
        return found, surplus or bool(recheck.strange_pins(wanted, seen.programs))

    def counters(self, uid: str) -> Mapping[Direction, Mapping[Outcome, Total]]:
        """What became of a pod's packets."""
        return refusing("read counters", lambda: self._programs.counters(names.pin_name(uid)))

    def _run(self, wanted: Wanted, plan: Plan) -> None:
        for stage in plan:
            for action in stage:
                _log.info("%s: %s", type(action).__name__, action.why)
        self.runner.run(wanted, plan)


def refusing(doing: str, act: Callable[[], T]) -> T:
    """What the kernel refuses, in the words of the port."""
    try:
        return act()
    except (OSError, ObjectError, NetlinkError) as error:
        raise NetworkProblem(KERNEL_REFUSED, f"cannot {doing}: {error}") from error


def _shared(folder: Path) -> SharedMaps:
    mount_bpffs(folder.parent)
    return SharedMaps(folder)


__all__: Sequence[str] = ("Engine", "refusing")
