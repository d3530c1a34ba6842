"""Tokens of pods' service accounts: asked for, kept, exchanged in time. Acts; ``token_plan`` decides.

What was given lies below ``/run`` (memory), so that an agent that is restarted while the server is away can still make
a container anew.
"""

import asyncio
import hashlib
import logging
import random
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from k3py.agent.token_plan import (
    TOKENS_MAX,
    Held,
    NoToken,
    TokenKey,
    TokenResults,
    is_due,
    seconds_left,
    token_keys,
    token_request,
)
from k3py.base.backoff import Backoff
from k3py.base.clock import Clock
from k3py.base.paths import write_private
from k3py.base.tasks import Tasks
from k3py.client.port import Client
from k3py.model.errors import Problem, Unavailable
from k3py.model.generated.core_v1 import Pod

log = logging.getLogger(__name__)

# How long a pod waits for the server's answer.
ANSWER_SECONDS_MAX: Final = 5.0
# While the server is away it is asked again after this, then less and less often.
RETRY_SECONDS: Final = 5.0
RETRY_SECONDS_MAX: Final = 300.0
# Nobody sleeps longer at a stretch: the wall clock may have been set meanwhile.
SLEEP_SECONDS_MAX: Final = 600.0


class _Known:
    """One pod's tokens, and the task that wakes the pod when one of them is due."""

    def __init__(self, backoff: Backoff, spread: float) -> None:
        self.held: dict[TokenKey, Held] = {}
        self.backoff = backoff
        self.spread = spread
        # Of the monotonic clock, unlike all other times here.
        self.retry_at = 0.0
        self.timer: asyncio.Task[None] | None = None


class PodTokens:
    """``on_change`` is told the uids of pods whose tokens are to be asked for again."""

    def __init__(
        self, client: Client, clock: Clock, source: random.Random, folder: Path, on_change: Callable[[set[str]], None]
    ) -> None:
        self._client, self._clock, self._source = client, clock, source
        self._folder = folder
        self._on_change = on_change
        self._pods: dict[str, _Known] = {}
        self._tasks = Tasks()

    async def tokens(self, pod: Pod) -> TokenResults:
        """Every token that the pod's volumes ask for: a kept one that is still young, else a new one.

        While the server does not answer an older one is as good as before, until its time is over.
        """
        keys = token_keys(pod)
        if not keys:
            return {}
        if len(keys) > TOKENS_MAX:
            return dict.fromkeys(keys, NoToken(f"a pod may have at most {TOKENS_MAX} different tokens"))
        known = self._pods.get(pod.metadata.uid)
        if known is None:
            backoff = Backoff(self._source, RETRY_SECONDS, RETRY_SECONDS_MAX)
            known = self._pods[pod.metadata.uid] = _Known(backoff, self._source.random())
        result = {key: await self._token(pod, known, key) for key in keys}
        self._watch_time(pod, known)
        return result

    def release(self, pod_uid: str) -> None:
        """The pod needs nothing any more."""
        known = self._pods.pop(pod_uid, None)
        if known is not None and known.timer is not None:
            known.timer.cancel()
        for path in self._folder.glob(f"*/token-{pod_uid}-*.json"):
            path.unlink(missing_ok=True)

    async def stop(self) -> None:
        """End; what is kept stays for the next agent."""
        await self._tasks.stop()

    async def _token(self, pod: Pod, known: _Known, key: TokenKey) -> str | NoToken:
        held = known.held.get(key) or self._kept(pod, key)
        now = self._clock.now()
        if held is not None and not is_due(held, now, known.spread):
            known.held[key] = held
            return held.token
        account, namespace = pod.spec.service_account_name, pod.metadata.namespace
        try:
            fresh = await self._ask(pod, key)
        except Problem as problem:
            known.retry_at = self._clock.monotonic() + known.backoff.next_seconds()
            if held is None:
                return NoToken(f"failed to fetch token: {problem}")
            if now >= held.expires_at:
                return NoToken(f"token of {namespace}/{account} expired and refresh failed: {problem}")
            log.warning("cannot exchange the token of pod %s for now: %s", pod.metadata.uid, problem)
            known.held[key] = held
            return held.token
        known.backoff.reset()
        known.held[key] = fresh
        if self._pods.get(pod.metadata.uid) is known:  # else it was released meanwhile
            self._keep(pod, key, fresh)
        return fresh.token

    async def _ask(self, pod: Pod, key: TokenKey) -> Held:
        asked_at = self._clock.now()
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                made = await self._client.create_token(
                    pod.spec.service_account_name, pod.metadata.namespace, token_request(pod, key)
                )
        except TimeoutError:
            raise Unavailable("the server does not answer") from None
        # The server may give less than was asked for. Our own clock measures: the server's may be another.
        seconds = made.spec.expiration_seconds or key.seconds
        return Held(made.status.token, asked_at, asked_at + seconds)

    def _watch_time(self, pod: Pod, known: _Known) -> None:
        if known.timer is None and known.held and self._pods.get(pod.metadata.uid) is known:
            known.timer = self._tasks.start(self._wake(pod.metadata.uid, known), f"tokens of {pod.metadata.uid}")

    async def _wake(self, uid: str, known: _Known) -> None:
        while True:
            now, monotonic = self._clock.now(), self._clock.monotonic()
            due = min(seconds_left(held, now, known.spread) for held in known.held.values())
            wait = max(due, known.retry_at - monotonic)
            if wait <= 0:
                # When nobody asks for the tokens then (the pod is ending), this is not to become a hot loop.
                known.retry_at = monotonic + RETRY_SECONDS_MAX
                self._on_change({uid})
                wait = RETRY_SECONDS
            await asyncio.sleep(min(wait, SLEEP_SECONDS_MAX))

    def _file(self, pod: Pod, key: TokenKey) -> Path:
        digest = hashlib.sha256(f"{pod.spec.service_account_name} {key.seconds} {key.audience}".encode()).hexdigest()
        return self._folder / pod.metadata.namespace / f"token-{pod.metadata.uid}-{digest[:16]}.json"

    def _keep(self, pod: Pod, key: TokenKey, held: Held) -> None:
        try:
            write_private(self._file(pod, key), msgspec.json.encode(held))
        except OSError as problem:
            log.warning("cannot keep a token of pod %s: %s", pod.metadata.uid, problem)

    def _kept(self, pod: Pod, key: TokenKey) -> Held | None:
        try:
            return msgspec.json.decode(self._file(pod, key).read_bytes(), type=Held)
        except (OSError, msgspec.MsgspecError, ValueError):
            return None
