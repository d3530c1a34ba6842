"""Carries plans out: one stage after the other, within a stage at the same time what does not need netlink. Acts."""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Final

from k3py.model.vpc_socket import DEVICE_VANISHED, KERNEL_REFUSED
from k3py.vpc.bpf.errors import ObjectError
from k3py.vpc.bpf.loader import Loaded
from k3py.vpc.bpf.maps import Map
from k3py.vpc.kernel import actions, entries, layout, links, names, namespaces, pod_end, routes
from k3py.vpc.kernel.actions import Action, Plan, Stage
from k3py.vpc.kernel.grace_periods import GracePeriods
from k3py.vpc.kernel.maps import OBJECT_NAMES, SharedMaps
from k3py.vpc.kernel.netlink import Netlink, NetlinkError, netlink
from k3py.vpc.kernel.nft import Nft
from k3py.vpc.kernel.programs import PodPrograms
from k3py.vpc.kernel.seen import Observer
from k3py.vpc.kernel.services_port import NamespaceTable
from k3py.vpc.kernel.sysctls import Sysctls
from k3py.vpc.ports import NetworkProblem
from k3py.vpc.wanted import NodeConfig, PodNetwork, Wanted

# Programs being loaded or attached and pods being configured at the same time; they mostly wait for the kernel.
HELPERS_MAX: Final = 16

# What the kernel finishes only when no processor is in the middle of a packet.
_WAITING = (actions.AttachProgram, actions.RemoveLink, actions.RemovePins)
# What helpers do beside the others of a stage.
_BESIDE = (actions.AttachProgram, actions.ConfigurePod)

_log = logging.getLogger(__name__)


class Runner:
    """Does what plans say. ``before`` is called ahead of every action; tests use it.

    Plans of different pods may be carried out at the same time, from different threads.
    """

    def __init__(
        self,
        config: NodeConfig,
        shared: SharedMaps,
        programs: PodPrograms,
        nft: Nft,
        sysctls: Sysctls,
        observer: Observer,
        services: NamespaceTable | None,
        grace_periods: GracePeriods,
    ) -> None:
        self._grace_periods = grace_periods
        self._config, self._shared, self._programs = config, shared, programs
        self._nft, self._sysctls, self._observer, self._services = nft, sysctls, observer, services
        self._helpers = ThreadPoolExecutor(HELPERS_MAX, "vpc-kernel-helper")
        self.before: Callable[[Action], None] = lambda _: None

    def close(self) -> None:
        """Wait for the helpers."""
        self._helpers.shutdown()

    def run(self, wanted: Wanted, plan: Plan) -> None:
        """Carry a plan out, up to the first action that fails.

        Raises:
            NetworkProblem: the kernel refused an action.
        """
        if not plan:
            return
        waits = any(isinstance(each, _WAITING) for stage in plan for each in stage)
        with self._grace_periods.short() if waits else nullcontext(), netlink() as socket:
            run = _Run(self, wanted, socket)
            try:
                for stage in plan:
                    self._stage(run, stage)
            finally:
                run.close()

    def _stage(self, run: "_Run", stage: Stage) -> None:
        beside: list[tuple[Action, Future[None]]] = []
        failure: NetworkProblem | None = None
        for each in sorted(stage, key=lambda each: not isinstance(each, (*_BESIDE, actions.LoadPrograms))):
            if isinstance(each, _BESIDE) and len(stage) > 1:
                beside.append((each, self._helpers.submit(self._act, run, each)))
            elif failure is None:
                failure = _failure(each, partial(self._act, run, each))
        for action, future in beside:
            failure = _failure(action, future.result) or failure
        if failure:
            raise failure

    def _act(self, run: "_Run", action: Action) -> None:
        self.before(action)
        _log.debug("%s", action)
        run.act(action)


class _Run:
    """One plan's run: its netlink socket, which one thread uses, and programs that are loaded but not yet attached."""

    def __init__(self, runner: Runner, wanted: Wanted, socket: Netlink) -> None:
        self._config, self._shared, self._programs = runner._config, runner._shared, runner._programs
        self._nft, self._sysctls = runner._nft, runner._sysctls
        self._observer, self._services = runner._observer, runner._services
        self._wanted, self._socket = wanted, socket
        self._helpers = runner._helpers
        self._loaded: dict[tuple[str, str], Future[Loaded]] = {}
        self._counters: list[Map] = []

    def close(self) -> None:
        for each in self._loaded.values():
            if each.exception() is None:
                each.result().close()
        for counters in self._counters:
            counters.close()

    def act(self, action: Action) -> None:
        match action:
            case actions.SetSysctl(path, value):
                self._sysctls.set(path, value)
            case actions.WriteTable(text):
                self._nft.write(text)
            case actions.AddAddress(address):
                routes.add_address(self._socket, self._config, address)
            case actions.RemoveAddress(address):
                routes.remove_address(self._socket, address)
            case actions.PutRoute(route):
                routes.put(self._socket, self._config, route, _index(route.device) if route.device else 0)
            case actions.RemoveRoute(route):
                routes.remove(self._socket, self._config, route, links.index(route.device))
            case actions.PutEntry(name, key, value):
                self._shared.put(name, key, value)
            case actions.PutLocalPod(pod, device):
                self._shared.put(entries.LOCAL_PODS, entries.local_key(pod), entries.local_pod(pod, _index(device)))
            case actions.RemoveEntry(name, key):
                self._shared.remove(name, key)
            case _:
                self._act_on_pod(action)

    def _act_on_pod(self, action: Action) -> None:
        match action:
            case actions.MakeLink(pod, device):
                links.make(self._socket, self._config, pod, device)
            case actions.DressLink(_, device):
                links.dress(self._socket, self._config, device)
            case actions.RemoveLink(device):
                links.remove(self._socket, device)
            case actions.ReleaseDevice(device):
                links.release(self._socket, device)
            case actions.BringUp(device):
                links.bring_up(self._socket, device)
            case actions.ConfigurePod(pod):
                self._configure(pod)
            case actions.JoinServices(pod):
                self._join(pod)
            case actions.LeaveServices(pin):
                self._leave(pin)
            case _:
                self._act_on_programs(action)

    def _act_on_programs(self, action: Action) -> None:
        match action:
            case actions.LoadPrograms(pod):
                self._load(pod)
            case actions.AttachProgram(pod, device, name):
                program = self._loaded[pod.uid, name].result().programs[name]
                self._programs.attach(names.pin_name(pod.uid), name, program, _index(device))
            case actions.ExchangePrograms(pod, skipped):
                self._exchange(pod, skipped)
            case actions.MarkPrograms(pod):
                mark = layout.programs_mark(self._shared.base, layout.pod_settings(self._wanted, pod))
                self._programs.mark(names.pin_name(pod.uid), mark)
            case actions.RemovePins(pin):
                self._programs.remove(pin)
            case _:
                raise AssertionError(f"nobody can do {action}")

    def _load(self, pod: PodNetwork) -> None:
        """Both at the same time; whoever needs one waits for it."""
        settings = layout.pod_settings(self._wanted, pod)
        counters = self._programs.counters_map(names.pin_name(pod.uid))
        self._counters.append(counters)
        for name in OBJECT_NAMES:
            self._loaded[pod.uid, name] = self._helpers.submit(self._programs.load, name, settings, counters)

    def _exchange(self, pod: PodNetwork, skipped: Sequence[str]) -> None:
        loaded = {name: self._loaded[pod.uid, name].result() for name in OBJECT_NAMES if name not in skipped}
        there = {name: each.programs[name] for name, each in loaded.items()}
        self._programs.exchange(names.pin_name(pod.uid), there)

    def _configure(self, pod: PodNetwork) -> None:
        if names.is_node(pod):
            with netlink() as socket:
                links.configure_node_end(socket, self._config, pod)
        else:
            mtu = layout.pod_mtu(self._config)
            namespaces.inside(Path(pod.netns), lambda: pod_end.configure(pod, self._wanted.cluster, mtu))

    def _join(self, pod: PodNetwork) -> None:
        host = names.is_node(pod)
        cookie = namespaces.cookie() if host else namespaces.inside(Path(pod.netns), namespaces.cookie)
        pin = names.pin_name(pod.uid)
        former = self._programs.cookie(pin)
        if self._services and former not in (0, cookie):
            self._services.leave(former)
        self._programs.note_cookie(pin, cookie)
        if self._services:
            self._services.join(cookie, pod.vpc, host, pod.netns)
        self._observer.joined.add(pod.uid)

    def _leave(self, pin: str) -> None:
        cookie = self._programs.cookie(pin)
        if cookie and self._services:
            self._services.leave(cookie)


def _index(device: str) -> int:
    number = links.index(device)
    if not number:
        raise NetworkProblem(DEVICE_VANISHED, f"the device {device} has vanished")
    return number


def _failure(action: Action, act: Callable[[], None]) -> NetworkProblem | None:
    """What went wrong, in the words of the port; None: nothing."""
    try:
        act()
    except NetworkProblem as problem:
        return problem
    except (OSError, ObjectError, NetlinkError) as error:
        refused = NetworkProblem(KERNEL_REFUSED, f"cannot carry out {type(action).__name__} ({action.why}): {error}")
        refused.__cause__ = error
        return refused
    return None
