"""The long actions of one pod: each runs as a task of its own beside the worker, one of each name at a time."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, Final

from k3py.agent.actions import EnsureImage, PrepareVolumes, ReportGone, RunPostStart, StopContainer
from k3py.agent.handlers import HandlerFailed, Handlers
from k3py.agent.images import NoImage, Puller
from k3py.agent.memory import PodMemory
from k3py.agent.plan import GRACE_SECONDS_MIN, grace_of
from k3py.agent.ports import Configs, Prepared, Reporter
from k3py.agent.record import HookState, PodRecord, Trouble
from k3py.agent.restarts import trouble_wait
from k3py.agent.status import PULL_ERRORS
from k3py.agent.steps import Steps, Tools
from k3py.agent.volumes import VolumeProblem, sources
from k3py.base.tasks import Tasks
from k3py.model.errors import Problem
from k3py.model.generated.core_v1 import PodStatus
from k3py.runtime.port import NoSuchContainer

log = logging.getLogger(__name__)

# Kubernetes sets no bound on a postStart hook; one that takes a day is lost.
POST_START_SECONDS_MAX: Final = 24 * 3600.0
# After a failure that nobody foresaw.
RETRY_SECONDS: Final = 5.0
# The server is asked again soon: a deleted pod's name is waited for.
REPORT_RETRY_SECONDS: Final = 1.0
REPORT_RETRY_SECONDS_MAX: Final = 30.0

LongAction = PrepareVolumes | EnsureImage | RunPostStart | StopContainer | ReportGone


class Operations:
    """Starts and ends long actions. When one has ended, ``on_end`` is called; its result lies in record or memory."""

    def __init__(
        self,
        tools: Tools,
        puller: Puller,
        configs: Configs,
        reporter: Reporter,
        handlers: Handlers,
        steps: Steps,
        record: PodRecord,
        memory: PodMemory,
        final_status: Callable[[], PodStatus],
        on_end: Callable[[], None],
    ) -> None:
        self._tools, self._puller, self._configs, self._reporter = tools, puller, configs, reporter
        self._handlers, self._steps, self._record, self._memory = handlers, steps, record, memory
        self._final_status = final_status
        self._on_end = on_end
        self._tasks = Tasks()
        self._running: dict[str, asyncio.Task[Any]] = {}

    @property
    def busy(self) -> frozenset[str]:
        return frozenset(self._running)

    def start(self, action: LongAction) -> None:
        """Begin; an action that is under way already goes on."""
        name = action.operation
        if name in self._running:
            return
        task = self._tasks.start(self._guarded(action), f"{name} of {self._record.uid}")
        self._running[name] = task
        task.add_done_callback(lambda done: self._ended(name, done))

    def _ended(self, name: str, task: asyncio.Task[Any]) -> None:
        if self._running.get(name) is task:
            del self._running[name]
            self._on_end()

    async def cancel(self, chosen: Callable[[str], bool]) -> None:
        """End the chosen operations and wait until they have."""
        tasks = [task for name, task in self._running.items() if chosen(name)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def stop(self) -> None:
        await self._tasks.stop()

    async def _guarded(self, action: LongAction) -> None:
        try:
            await self._work(action)
        except Exception:
            # Whatever went wrong, the plan asks for it again; the wait keeps that from being a hot loop.
            log.exception("%s of pod %s failed, trying again", action.operation, self._record.uid)
            await asyncio.sleep(RETRY_SECONDS)

    def _work(self, action: LongAction) -> Coroutine[Any, Any, None]:
        match action:
            case PrepareVolumes():
                return self._volumes()
            case EnsureImage():
                return self._image(action)
            case RunPostStart():
                return self._post_start(action)
            case StopContainer():
                return self._stop(action)
            case ReportGone():
                return self._report_gone()

    async def _volumes(self) -> None:
        pod = self._record.pod
        self._memory.volumes_stale = False
        try:
            objects = replace(await self._configs.objects(pod), tokens=await self._configs.tokens(pod))
            node = self._tools.node.facts(self._tools.network.addresses(self._record.uid))
            self._memory.volumes = self._steps.volume_files().prepare(sources(pod, objects, node))
            self._memory.volumes_trouble = None
        except (VolumeProblem, Problem, OSError) as problem:
            before = self._memory.volumes_trouble
            wait = trouble_wait(before.wait_seconds if before else 0.0)
            now = self._tools.clock.now()
            self._memory.volumes_trouble = Trouble(
                reason="FailedMount", message=str(problem), at=now, wait_seconds=wait
            )
            self._tools.events.emit(pod, "FailedMount", str(problem), warning=True)

    async def _image(self, action: EnsureImage) -> None:
        name = action.container
        container = self._steps.container_spec(name)
        reason, message = "CreateContainerConfigError", ""
        try:
            image = await self._puller.ensure(self._record.pod, container)
            objects = await self._configs.objects(self._record.pod)
            objects = replace(objects, services=await self._configs.service_variables(self._record.pod))
            self._memory.prepared[name] = Prepared(image, objects)
            return
        except NoImage as problem:
            reason, message = problem.reason, str(problem)
            if reason in PULL_ERRORS:
                text = f'Back-off pulling image "{container.image}"'
                self._tools.events.emit(self._record.pod, "BackOff", text, container=name)
        except Problem as problem:
            message = str(problem)
        known = self._record.touch(name)
        before = known.trouble
        wait = trouble_wait(before.wait_seconds if before and before.reason == reason else 0.0)
        now = self._tools.clock.now()
        # Not saved: after a crash the image is simply tried again.
        known.trouble = Trouble(reason=reason, message=message, at=now, wait_seconds=wait)

    async def _post_start(self, action: RunPostStart) -> None:
        container = self._steps.container_spec(action.container)
        known = self._record.touch(action.container)
        hook = container.lifecycle.post_start if container.lifecycle else None
        if hook is None:
            return
        try:
            await self._handlers.run(hook, self._record.uid, container, action.id, POST_START_SECONDS_MAX)
        except HandlerFailed as problem:
            log.info("postStart of %s failed: %s", action.container, problem)
            known.post_start = HookState.FAILED
            known.stop_at = self._tools.clock.now()
            known.stop_grace_seconds, known.stop_why = grace_of(self._record), "FailedPostStartHook"
            self._steps.save()
            events, pod = self._tools.events, self._record.pod
            events.emit(pod, "FailedPostStartHook", "PostStartHook failed", container=container.name, warning=True)
            events.emit(pod, "Killing", "FailedPostStartHook", container=container.name)
            return
        known.post_start = HookState.DONE
        self._steps.save()

    async def _stop(self, action: StopContainer) -> None:
        container = self._steps.container_spec(action.container)
        known = self._record.touch(action.container)
        stop_by = action.stop_at + action.grace_seconds
        hook = container.lifecycle.pre_stop if container.lifecycle else None
        left = min(stop_by - self._tools.clock.now(), action.grace_seconds)
        if hook is not None and known.pre_stop == HookState.NONE and left > 0:
            try:
                await self._handlers.run(hook, self._record.uid, container, action.id, left)
                known.pre_stop = HookState.DONE
            except HandlerFailed as problem:
                known.pre_stop = HookState.FAILED
                log.info("preStop of %s failed: %s", action.container, problem)
                events = self._tools.events
                events.emit(
                    self._record.pod, "FailedPreStopHook", "PreStopHook failed", container=container.name, warning=True
                )
            self._steps.save()
        # Not more than the whole grace, should the clock have been set back.
        left = min(max(GRACE_SECONDS_MIN, stop_by - self._tools.clock.now()), action.grace_seconds)
        try:
            self._memory.put(await self._tools.runtime.stop_container(action.id, left))
        except NoSuchContainer:
            self._memory.drop(action.id)

    async def _report_gone(self) -> None:
        pod = self._record.pod
        try:
            if await self._reporter.write_status(pod, self._final_status()):
                await self._reporter.delete(pod)
        except Problem as problem:
            before = self._memory.finishing_trouble
            wait = min(REPORT_RETRY_SECONDS_MAX, before.wait_seconds * 2 if before else REPORT_RETRY_SECONDS)
            now = self._tools.clock.now()
            self._memory.finishing_trouble = Trouble(
                reason="Unreported", message=str(problem), at=now, wait_seconds=wait
            )
            return
        self._record.object_gone = True
        self._steps.save()
