"""Tokens of service accounts: asked for, shown, and dying with what they are bound to."""

from typing import Any

import msgspec
import pytest

from k3py.api.http.messages import Response
from k3py.api.service_account_tokens import DELETED_SECONDS_MAX
from k3py.pki.jwt import SigningKeys
from k3py.pki.service_account_tokens import ISSUER, Claims, decode_claims
from tests.api.world import KEYS, NODE, PODS, VIEWER, World, pod, run
from tests.objects.world import FixedClock

ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts"
REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
WHOAMI = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
API = "authentication.k8s.io/v1"


def wanted(**spec: Any) -> dict[str, Any]:
    return {"kind": "TokenRequest", "apiVersion": API, "spec": spec}


def bound(kind: str, name: str, uid: str = "") -> dict[str, str]:
    return {"kind": kind, "apiVersion": "v1", "name": name, **({"uid": uid} if uid else {})}


def claims_of(answer: Any) -> Claims:
    return decode_claims(KEYS.verify(answer["status"]["token"]))


async def token_of(world: World, account: str = "default", **spec: Any) -> str:
    status, made = await world.json("POST", f"{ACCOUNTS}/{account}/token", wanted(**spec))
    assert status == 201, made
    return str(made["status"]["token"])


async def whoami(world: World, token: str) -> Any:
    status, made = await world.json("POST", WHOAMI, {"kind": "SelfSubjectReview", "apiVersion": API}, token=token)
    return made["status"]["userInfo"] if status == 201 else status


async def new_pod(world: World, name: str = "p", node: str = "n1", **spec: Any) -> str:
    status, made = await world.json("POST", PODS, pod(name, node, **spec))
    assert status == 201, made
    return str(made["metadata"]["uid"])


def clock_of(world: World) -> FixedClock:
    clock = world.objects.clock
    assert isinstance(clock, FixedClock)
    return clock


def test_a_token_says_who_its_account_is() -> None:
    async def story(world: World) -> None:
        status, made = await world.json("POST", f"{ACCOUNTS}/default/token", wanted())
        assert status == 201
        assert made["spec"] == {"audiences": [ISSUER], "expirationSeconds": 3600, "boundObjectRef": None}
        assert made["metadata"]["name"] == "default"
        assert made["metadata"]["namespace"] == "default"
        assert made["status"]["expirationTimestamp"] == "2023-11-14T23:13:20Z"
        user = await whoami(world, made["status"]["token"])
        account = world.objects.store.get("serviceaccounts", "default", "default")
        assert account is not None
        assert user == {
            "username": "system:serviceaccount:default:default",
            "uid": account.uid,
            "groups": ["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"],
            "extra": {"authentication.kubernetes.io/credential-id": [f"JTI={claims_of(made).jti}"]},
        }
        assert (await world.json("GET", PODS, token=made["status"]["token"]))[0] == 403
        assert (await world.json("GET", "/api", token=made["status"]["token"]))[0] == 200

    run(story)


@pytest.mark.parametrize(
    ("spec", "code", "said"),
    [
        ({"expirationSeconds": 599}, 422, "may not specify a duration less than 10 minutes"),
        ({"expirationSeconds": (1 << 32) + 1}, 422, "may not specify a duration larger than 2^32 seconds"),
        ({"boundObjectRef": bound("Pod", "none")}, 404, 'pods "none" not found'),
        ({"boundObjectRef": bound("ConfigMap", "p")}, 400, "cannot bind token to object of type /v1, Kind=ConfigMap"),
        (
            {"boundObjectRef": bound("Pod", "p", "other")},
            409,
            'Operation cannot be fulfilled on Pod "p": the UID in the bound object reference (other) does not match',
        ),
        ({"audiences": ["x" * 20_000]}, 400, "at most"),
    ],
)
def test_a_request_that_cannot_be_met_says_why(spec: dict[str, Any], code: int, said: str) -> None:
    async def story(world: World) -> None:
        await new_pod(world)
        status, answer = await world.json("POST", f"{ACCOUNTS}/default/token", wanted(**spec))
        assert (status, said in answer["message"]) == (code, True), answer

    run(story)


def test_only_accounts_that_exist_have_tokens_and_only_their_own_pods() -> None:
    async def story(world: World) -> None:
        assert (await world.json("POST", f"{ACCOUNTS}/none/token", wanted()))[0] == 404
        assert (await world.json("POST", f"{ACCOUNTS}/default/token", wanted(), token=VIEWER))[0] == 403
        other = {**wanted(), "metadata": {"name": "other"}}
        assert (await world.json("POST", f"{ACCOUNTS}/default/token", other))[0] == 422
        elsewhere = {**wanted(), "metadata": {"namespace": "other"}}
        assert (await world.json("POST", f"{ACCOUNTS}/default/token", elsewhere))[0] == 422
        await world.json("POST", ACCOUNTS, {"kind": "ServiceAccount", "metadata": {"name": "robot"}})
        await new_pod(world)
        request = wanted(boundObjectRef=bound("Pod", "p"))
        status, answer = await world.json("POST", f"{ACCOUNTS}/robot/token", request)
        assert (status, "different serviceaccount name" in answer["message"]) == (400, True)
        assert (await world.json("GET", f"{ACCOUNTS}/default/token"))[0] == 405

    run(story)


def test_a_pods_own_token_lives_with_the_pod_and_asks_to_be_renewed() -> None:
    async def story(world: World) -> None:
        uid = await new_pod(world)
        await world.json("POST", "/api/v1/nodes", {"kind": "Node", "metadata": {"name": "n1"}})
        request = wanted(expirationSeconds=3607, boundObjectRef=bound("Pod", "p", uid))
        status, made = await world.json("POST", f"{ACCOUNTS}/default/token", request)
        assert status == 201
        claims, now = claims_of(made), int(clock_of(world).time)
        assert (claims.exp - now, claims.kubernetes.warnafter) == (365 * 24 * 3600, now + 3607)
        extra = (await whoami(world, made["status"]["token"]))["extra"]
        node = world.objects.store.get("nodes", "", "n1")
        assert node is not None
        del extra["authentication.kubernetes.io/credential-id"]
        assert extra == {
            "authentication.kubernetes.io/pod-name": ["p"],
            "authentication.kubernetes.io/pod-uid": [uid],
            "authentication.kubernetes.io/node-name": ["n1"],
            "authentication.kubernetes.io/node-uid": [node.uid],
        }
        # Not so when it is for somebody else, or for another time.
        for spec in ({"expirationSeconds": 3607, "audiences": ["vault"]}, {"expirationSeconds": 3608}):
            _, other = await world.json(
                "POST", f"{ACCOUNTS}/default/token", wanted(boundObjectRef=bound("Pod", "p"), **spec)
            )
            assert claims_of(other).exp - now == spec["expirationSeconds"]
            assert claims_of(other).kubernetes.warnafter is None

    run(story)


def test_a_token_dies_with_its_pod_after_a_grace() -> None:
    async def story(world: World) -> None:
        uid = await new_pod(world)
        token = await token_of(world, boundObjectRef=bound("Pod", "p", uid))
        await world.json("DELETE", f"{PODS}/p", {"kind": "DeleteOptions", "gracePeriodSeconds": 30})
        clock = clock_of(world)
        clock.time += 30 + DELETED_SECONDS_MAX
        assert (await whoami(world, token))["username"] == "system:serviceaccount:default:default"
        clock.time += 1
        assert await whoami(world, token) == 401
        clock.time -= 1
        await world.json("DELETE", f"{PODS}/p", {"kind": "DeleteOptions", "gracePeriodSeconds": 0})
        assert await whoami(world, token) == 401, "it is gone"
        await new_pod(world)
        assert await whoami(world, token) == 401, "another pod of this name"

    run(story)


def test_a_token_dies_with_account_secret_and_node() -> None:
    async def story(world: World) -> None:
        for path, kind in ((ACCOUNTS, "ServiceAccount"), ("/api/v1/namespaces/default/secrets", "Secret"),
                           ("/api/v1/nodes", "Node")):  # fmt: skip
            body = {"kind": kind, "apiVersion": "v1", "metadata": {"name": "it"}}
            await world.json("POST", path, body)
            if kind == "ServiceAccount":
                token = await token_of(world, "it")
            else:
                token = await token_of(world, boundObjectRef=bound(kind, "it"))
            assert (await whoami(world, token))["username"].startswith("system:serviceaccount:default:")
            await world.json("DELETE", f"{path}/it")
            assert await whoami(world, token) == 401
            await world.json("POST", path, body)
            assert await whoami(world, token) == 401

    run(story)


def test_a_token_ends_and_is_for_its_audience_only() -> None:
    async def story(world: World) -> None:
        token = await token_of(world, expirationSeconds=600)
        clock_of(world).time += 599
        assert (await whoami(world, token))["username"]
        clock_of(world).time += 1
        assert await whoami(world, token) == 401
        assert await whoami(world, await token_of(world, audiences=["vault"])) == 401
        assert await whoami(world, "a.b.c") == 401

    run(story)


def test_a_node_has_tokens_of_its_own_pods_alone() -> None:
    async def story(world: World) -> None:
        async def asked(account: str = "default", **spec: Any) -> str:
            status, answer = await world.json("POST", f"{ACCOUNTS}/{account}/token", wanted(**spec), token=NODE)
            return "" if status == 201 else f"{status} {answer['message']}"

        assert "cannot create resource" in await asked(), "no pod of the account runs there"
        uid = await new_pod(world)
        other = await new_pod(world, "elsewhere", "n2")
        await world.json("POST", ACCOUNTS, {"kind": "ServiceAccount", "metadata": {"name": "robot"}})
        assert await asked(boundObjectRef=bound("Pod", "p", uid)) == ""
        for spec, said in (
            ({}, "node requested token not bound to a pod"),
            ({"boundObjectRef": bound("Secret", "p", uid)}, "node requested token not bound to a pod"),
            ({"boundObjectRef": bound("Pod", "p")}, "node requested token with a pod binding without a uid"),
            ({"boundObjectRef": bound("Pod", "p", "x")}, "does not match the UID in record"),
            ({"boundObjectRef": bound("Pod", "none", uid)}, '404 pods "none" not found'),
            (
                {"boundObjectRef": bound("Pod", "elsewhere", other)},
                "node requested token bound to a pod scheduled on a different node",
            ),
            ({"boundObjectRef": bound("Pod", "p", uid), "audiences": ["vault"]}, 'audience "vault" not found'),
            ({"boundObjectRef": bound("Pod", "p", uid), "audiences": ["a", "b"]}, "0 or 1 audiences"),
        ):
            assert said in await asked(**spec), spec  # type: ignore[arg-type]
        assert "403" in await asked("robot", boundObjectRef=bound("Pod", "p", uid))

    run(story)


def test_masters_have_tokens_reviewed() -> None:
    async def story(world: World) -> None:
        async def reviewed(token: str, *audiences: str) -> Any:
            body = {"kind": "TokenReview", "apiVersion": API, "spec": {"token": token, "audiences": list(audiences)}}
            status, answer = await world.json("POST", REVIEWS, body)
            assert status == 201, answer
            return answer["status"]

        own = await token_of(world)
        mine = await reviewed(own)
        assert (mine["authenticated"], mine["audiences"]) == (True, [ISSUER])
        assert mine["user"]["username"] == "system:serviceaccount:default:default"
        vault = await token_of(world, audiences=["vault", "bank"])
        assert (await reviewed(vault, "vault", "x"))["audiences"] == ["vault"]
        refused = await reviewed(vault)
        assert not refused.get("authenticated")
        assert "audiences" in refused["error"]
        static = await reviewed(VIEWER)
        assert (static["user"]["username"], static["user"]["groups"]) == ("jane", ["system:authenticated"])
        assert not (await reviewed(VIEWER, "vault")).get("authenticated")
        assert not (await reviewed("nonsense")).get("authenticated")
        empty = {"kind": "TokenReview", "apiVersion": API, "spec": {}}
        assert (await world.json("POST", REVIEWS, empty))[0] == 400
        assert (await world.json("POST", REVIEWS, empty, token=VIEWER))[0] == 403

    run(story)


def test_the_issuer_is_described_and_its_keys_are_public() -> None:
    async def story(world: World) -> None:
        status, described = await world.json("GET", "/.well-known/openid-configuration", token=VIEWER)
        assert (status, described["issuer"]) == (200, ISSUER)
        assert described["jwks_uri"] == f"{ISSUER}/openid/v1/jwks"
        assert (await world.ask("GET", "/.well-known/openid-configuration", token="")).status == 403
        keys = await world.ask("GET", "/openid/v1/jwks", token="")
        assert isinstance(keys, Response)
        assert (keys.status, keys.content_type) == (200, "application/jwk-set+json")
        assert msgspec.json.decode(keys.body) == KEYS.jwks()

    run(story)


def test_a_strangers_key_opens_nothing() -> None:
    from k3py.pki.csr import new_key

    async def story(world: World) -> None:
        token = await token_of(world)
        forged = SigningKeys([new_key()]).sign(KEYS.verify(token))
        assert await whoami(world, forged) == 401

    run(story)
