"""Tokens of pods' service accounts on a node: given, kept, exchanged in time, and gone with the pod."""

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.agent.environment import NodeFacts, Objects
from k3py.agent.token_plan import (
    AGE_SECONDS_MAX,
    JITTER_SECONDS,
    TOKENS_MAX,
    Held,
    NoToken,
    TokenKey,
    exchange_at,
    file_mode,
    file_user,
    is_due,
    token_keys,
    token_request,
)
from k3py.agent.tokens import SLEEP_SECONDS_MAX, PodTokens
from k3py.agent.volumes import Files, VolumeProblem, sources
from k3py.base.clock import LoopClock
from k3py.model.generated import core_v1, meta_v1
from k3py.model.generated.core_v1 import Pod, Volume, VolumeProjection
from tests.agent.cluster import Cluster
from tests.agent.test_restarts import play
from tests.agent.world import World, container, pod, run

API = TokenKey("", 3607)
NODE = NodeFacts("n1")


def access(seconds: int | None = 3607, audience: str = "", path: str = "token", name: str = "api") -> Volume:
    token = core_v1.ServiceAccountTokenProjection(audience=audience, expiration_seconds=seconds, path=path)
    own = core_v1.ConfigMapProjection(name="kube-root-ca.crt", items=[core_v1.KeyToPath(key="ca.crt", path="ca.crt")])
    parts = [VolumeProjection(service_account_token=token), VolumeProjection(config_map=own)]
    return Volume(name=name, projected=core_v1.ProjectedVolumeSource(default_mode=0o644, sources=parts))


def wanting(*volumes: Volume, **more: Any) -> Pod:
    return pod("web", volumes=list(volumes or [access()]), service_account_name="robot", **more)


def root_ca() -> core_v1.ConfigMap:
    meta = meta_v1.ObjectMeta(name="kube-root-ca.crt", namespace="default")
    return core_v1.ConfigMap(metadata=meta, data={"ca.crt": "CA"})


def token_file(world: World) -> Path:
    wanted = world.cluster.pod()
    assert wanted is not None
    return world.paths.agent_state / "pods" / wanted.metadata.uid / "volumes/api/token"


# --- what is decided


def test_a_pod_asks_for_tokens_that_live_no_longer_than_itself() -> None:
    wanted = wanting(access(), access(path="again", name="b"), access(None, "vault", name="c"), uid="u1")
    assert token_keys(wanted) == [API, TokenKey("vault", 3600)]
    asked = token_request(wanted, TokenKey("vault", 3600)).spec
    assert (asked.audiences, asked.expiration_seconds) == (["vault"], 3600)
    bound = asked.bound_object_ref
    assert bound is not None
    assert (bound.kind, bound.api_version, bound.name, bound.uid) == ("Pod", "v1", "web", "u1")
    assert token_request(wanted, API).spec.audiences == []


@pytest.mark.parametrize(
    ("life", "exchanged"), [(3607, 0.8 * 3607), (600, 480), (10 * 24 * 3600, AGE_SECONDS_MAX), (1, 0.8)]
)
def test_a_token_is_exchanged_when_most_of_its_life_is_over_or_after_a_day(life: float, exchanged: float) -> None:
    held = Held("t", 1000.0, 1000.0 + life)
    assert exchange_at(held, 0.0) == 1000 + exchanged
    assert exchange_at(held, 1.0) == 1000 + max(0.0, exchanged - JITTER_SECONDS)
    assert not is_due(held, 999.9 + exchanged, 0.0)
    assert is_due(held, 1000 + exchanged, 0.0)
    assert is_due(held, 999, 0.0), "the clock was set back: how old it is nobody knows"


@given(st.floats(0, 1e9), st.floats(1, 1e7), st.floats(0, 1))
def test_a_token_is_always_exchanged_before_it_ends(issued: float, life: float, spread: float) -> None:
    held = Held("t", issued, issued + life)
    assert issued <= exchange_at(held, spread) < held.expires_at


def user(uid: int | None) -> core_v1.SecurityContext:
    return core_v1.SecurityContext(run_as_user=uid)


@pytest.mark.parametrize(
    ("common", "own", "found"),
    [(None, [None], None), (None, [5], 5), (7, [None, None], 7), (7, [5, None], None), (None, [5, None], None),
     (7, [5, 5], 5), (0, [None], 0)],
)  # fmt: skip
def test_a_tokens_file_belongs_to_the_one_user_of_all_containers(
    common: int | None, own: list[int | None], found: int | None
) -> None:
    containers = [container(f"c{n}", security_context=user(uid)) for n, uid in enumerate(own)]
    context = None if common is None else core_v1.PodSecurityContext(run_as_user=common)
    wanted = pod("web", *containers, security_context=context)
    assert file_user(wanted) == found
    assert file_mode(wanted, 0o644) == (0o644 if found is None else 0o600)


def test_a_volume_shows_the_token_closed_when_somebody_owns_it() -> None:
    wanted = wanting(security_context=core_v1.PodSecurityContext(run_as_user=5, fs_group=9))
    known = Objects({"kube-root-ca.crt": root_ca()}, tokens={API: "secret"})
    assert sources(wanted, known, NODE)["api"] == Files(
        {"token": (b"secret", 0o600), "ca.crt": (b"CA", 0o644)}, secret=True, owners={"token": 5}
    )
    grouped = wanting(security_context=core_v1.PodSecurityContext(fs_group=9))
    files = sources(grouped, known, NODE)["api"]
    assert isinstance(files, Files)
    assert (files.entries["token"][1], dict(files.owners)) == (0o600, {})
    with pytest.raises(VolumeProblem, match=r'MountVolume\.SetUp failed for volume "api" : no luck'):
        sources(wanted, Objects(tokens={API: NoToken("no luck")}), NODE)


# --- what is done


def test_a_pod_gets_its_token_and_another_before_it_ends(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.cluster.put(root_ca())
        world.cluster.put(wanting())
        await world.until(lambda: world.phase() == "Running")
        assert token_file(world).read_text() == "token 1 for robot of default"
        began = world.clock.now()
        await world.until(lambda: token_file(world).read_text().startswith("token 2"), 3607)
        assert 0.75 * 3607 < world.clock.now() - began < 0.85 * 3607
        await world.until(lambda: token_file(world).read_text().startswith("token 3"), 3607)
        world.cluster.ask_deletion()
        await world.until(lambda: world.phase() == "gone" and not world.files())

    play(tmp_path, story)


def test_while_the_server_is_away_the_old_token_stays(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.cluster.put(root_ca())
        world.cluster.put(wanting())
        await world.until(lambda: world.phase() == "Running")
        world.cluster.away = True
        asked = len([call for call in world.cluster.calls if call[0] == "token"])
        began = world.clock.now()
        await world.until(lambda: world.clock.now() - began > 3500, 4000)
        assert token_file(world).read_text().startswith("token 1")
        tried = len([call for call in world.cluster.calls if call[0] == "token"]) - asked
        assert 1 < tried < 20, "again and again, but less and less often"
        world.cluster.away = False
        await world.until(lambda: token_file(world).read_text().startswith("token 2"), 700)

    play(tmp_path, story)


def test_without_a_first_token_a_pod_waits_and_says_why(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.cluster.put(root_ca())

        async def refuse(*_: Any) -> Any:
            from k3py.model.errors import not_found

            raise not_found("serviceaccounts", "", "robot")

        answer = world.cluster.create_token
        world.cluster.create_token = refuse  # type: ignore[method-assign]
        world.cluster.put(wanting())
        await world.until(lambda: "FailedMount" in world.cluster.events())
        (told,) = {each.message for each in world.cluster.objects.values() if isinstance(each, core_v1.Event)}
        assert (
            told
            == 'MountVolume.SetUp failed for volume "api" : failed to fetch token: serviceaccounts "robot" not found'
        )
        assert not world.containers()
        world.cluster.create_token = answer  # type: ignore[method-assign]
        await world.until(lambda: world.phase() == "Running")

    play(tmp_path, story)


def test_an_agent_that_starts_without_a_server_has_the_token_still(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.cluster.put(root_ca())
        world.cluster.put(wanting())
        await world.until(lambda: world.phase() == "Running")
        world.cluster.away = True
        world.kill()
        (before,) = world.containers()
        await world.runtime.stop_container(before.status.id, 0)
        world.start()
        await world.until(lambda: len(world.containers()) == 2, 60)
        assert token_file(world).read_text().startswith("token 1")
        kept = next((world.paths.run / "agent/objects/default").glob("token-*"))
        assert kept.stat().st_mode & 0o777 == 0o600

    play(tmp_path, story)


def test_an_expired_token_is_none_and_damaged_files_are_no_tokens(tmp_path: Path) -> None:
    async def story() -> None:
        import asyncio

        clock = LoopClock(asyncio.get_running_loop())
        cluster = Cluster(clock)
        tokens = PodTokens(cluster, clock, random.Random(1), tmp_path, lambda _: None)
        wanted = wanting(uid="u1")
        assert await tokens.tokens(wanted) == {API: "token 1 for robot of default"}
        (kept,) = tmp_path.glob("default/token-u1-*")
        cluster.away = True
        await asyncio.sleep(3608)
        (failed,) = (await tokens.tokens(wanted)).values()
        assert isinstance(failed, NoToken)
        assert failed.why == "token of default/robot expired and refresh failed: the server is away"
        for damaged in (b"", b"{}", b'{"token":1}', b"\xff"):
            kept.write_bytes(damaged)
            fresh = PodTokens(cluster, clock, random.Random(1), tmp_path, lambda _: None)
            (failed,) = (await fresh.tokens(wanted)).values()
            assert isinstance(failed, NoToken)
            assert failed.why == "failed to fetch token: the server is away"
        tokens.release("u1")
        assert list(tmp_path.glob("*/token-*")) == []
        await tokens.stop()

    run(story())


def test_the_bound_on_tokens_of_one_pod(tmp_path: Path) -> None:
    async def story() -> None:
        import asyncio

        clock = LoopClock(asyncio.get_running_loop())
        tokens = PodTokens(Cluster(clock), clock, random.Random(1), tmp_path, lambda _: None)
        many = [access(audience=f"a{n}", name=f"v{n}") for n in range(TOKENS_MAX + 1)]
        full = await tokens.tokens(wanting(*many[:-1], uid="u1"))
        assert len(full) == TOKENS_MAX
        assert not any(isinstance(each, NoToken) for each in full.values())
        assert all(isinstance(each, NoToken) for each in (await tokens.tokens(wanting(*many, uid="u2"))).values())
        await tokens.stop()

    run(story())


def test_a_clock_that_is_set_back_costs_no_pod_its_token(tmp_path: Path) -> None:
    async def story() -> None:
        import asyncio

        day, loop, told = 24 * 3600, asyncio.get_running_loop(), asyncio.Event()
        clock = LoopClock(loop, 1_700_000_000.0 + day)  # the machine woke up with a wrong time
        tokens = PodTokens(Cluster(clock), clock, random.Random(1), tmp_path, lambda _: told.set())
        wanted = wanting(uid="u1")
        assert list((await tokens.tokens(wanted)).values()) == ["token 1 for robot of default"]
        clock._epoch -= day
        await asyncio.wait_for(told.wait(), 2 * SLEEP_SECONDS_MAX)
        assert list((await tokens.tokens(wanted)).values()) == ["token 2 for robot of default"]
        told.clear()
        await asyncio.wait_for(told.wait(), 3607)
        await tokens.stop()

    run(story())


def test_a_pod_that_goes_while_it_asks_leaves_no_token_behind(tmp_path: Path) -> None:
    async def story() -> None:
        import asyncio

        clock = LoopClock(asyncio.get_running_loop())
        cluster: Any = Cluster(clock)
        answer = cluster.create_token

        async def slow(*asked: Any) -> Any:
            await asyncio.sleep(1)
            return await answer(*asked)

        cluster.create_token = slow
        tokens = PodTokens(cluster, clock, random.Random(1), tmp_path, lambda _: None)
        asking = asyncio.ensure_future(tokens.tokens(wanting(uid="u1")))
        await asyncio.sleep(0.5)
        tokens.release("u1")
        await asking
        assert list(tmp_path.glob("*/token-*")) == []
        await tokens.stop()

    run(story())
