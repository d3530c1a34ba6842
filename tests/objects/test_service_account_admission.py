"""What admission gives a pod from its service account."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.model.errors import Forbidden, Invalid
from k3py.model.generated import core_v1
from k3py.objects.service_account_admission import MOUNT_PATH, VOLUME_PREFIX, complete
from tests.objects.world import Plain, run

CONTAINERS = [{"name": "c", "image": "busybox"}]


def volumes(pod: Any) -> list[str]:
    return [each["name"] for each in pod["spec"].get("volumes", [])]


def mounts(container: Any) -> list[str]:
    return [each["mountPath"] for each in container.get("volumeMounts", [])]


async def made(plain: Plain, **spec: Any) -> Any:
    return await plain.create("Pod", metadata={"generateName": "p-"}, spec={"containers": CONTAINERS, **spec})


def test_every_container_finds_the_way_to_the_api() -> None:
    async def story(objects: Any) -> None:
        plain = Plain(objects)
        pod = await made(
            plain,
            initContainers=[{"name": "i", "image": "x"}],
            containers=[
                *CONTAINERS,
                {"name": "own", "image": "x", "volumeMounts": [{"name": "mine", "mountPath": MOUNT_PATH}]},
            ],
            volumes=[{"name": "mine", "emptyDir": {}}],
        )
        mine, access = volumes(pod)
        assert mine == "mine"
        assert access.startswith(VOLUME_PREFIX)
        assert len(access) == len(VOLUME_PREFIX) + 5
        wanted = {"name": access, "readOnly": True, "mountPath": MOUNT_PATH}
        assert pod["spec"]["initContainers"][0]["volumeMounts"] == [wanted]
        assert pod["spec"]["containers"][0]["volumeMounts"] == [wanted]
        assert mounts(pod["spec"]["containers"][1]) == [MOUNT_PATH]
        assert pod["spec"]["containers"][1]["volumeMounts"][0]["name"] == "mine"
        assert pod["spec"]["volumes"][1]["projected"]["sources"] == [
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {
                "downwardAPI": {
                    "items": [
                        {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
                    ]
                }
            },
        ]

    run(story)


@pytest.mark.parametrize(
    ("pods", "accounts", "given_"),
    [(None, None, True), (None, False, False), (True, False, True), (False, True, False), (False, None, False)],
)
def test_pod_and_account_may_refuse_it_and_the_pod_has_the_last_word(
    pods: bool | None, accounts: bool | None, given_: bool
) -> None:
    async def story(objects: Any) -> None:
        plain = Plain(objects)
        said = {} if accounts is None else {"automountServiceAccountToken": accounts}
        await plain.create("ServiceAccount", metadata={"name": "robot"}, **said)
        spec = {} if pods is None else {"automountServiceAccountToken": pods}
        pod = await made(plain, serviceAccountName="robot", **spec)
        assert bool(volumes(pod)) is given_
        assert bool(mounts(pod["spec"]["containers"][0])) is given_

    run(story)


def test_the_accounts_pull_secrets_are_the_pods_unless_it_has_its_own() -> None:
    async def story(objects: Any) -> None:
        plain = Plain(objects)
        await plain.create("ServiceAccount", metadata={"name": "robot"}, imagePullSecrets=[{"name": "registry"}])
        pod = await made(plain, serviceAccountName="robot")
        assert pod["spec"]["imagePullSecrets"] == [{"name": "registry"}]
        pod = await made(plain, serviceAccountName="robot", imagePullSecrets=[{"name": "own"}])
        assert pod["spec"]["imagePullSecrets"] == [{"name": "own"}]

    run(story)


def test_a_mirror_pod_is_left_as_it_is_and_may_not_ask() -> None:
    async def story(objects: Any) -> None:
        plain = Plain(objects)
        meta = {"name": "mirror", "annotations": {"kubernetes.io/config.mirror": "x"}}
        pod = await plain.create("Pod", metadata=meta, spec={"containers": CONTAINERS, "nodeName": "n"})
        assert volumes(pod) == []
        token = {"name": "v", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}
        for spec, said in (
            ({"serviceAccountName": "default"}, "may not reference service accounts"),
            ({"volumes": [{"name": "v", "secret": {"secretName": "s"}}]}, "may not reference secrets"),
            ({"volumes": [token]}, "may not use ServiceAccountToken volume projections"),
        ):
            meta["name"] += "x"
            with pytest.raises(Forbidden, match=said):
                await plain.create("Pod", metadata=meta, spec={"containers": CONTAINERS, **spec})

    run(story)


@given(
    st.lists(st.sampled_from([MOUNT_PATH, "/data", MOUNT_PATH + "/x"]), max_size=3),
    st.lists(st.sampled_from(["kube-api-access-12345", "data"]), max_size=2, unique=True),
)
def test_it_is_done_once_and_for_every_container(paths: list[str], names: list[str]) -> None:
    pod = core_v1.Pod()
    pod.spec.containers = [
        core_v1.Container(name="a", volume_mounts=[core_v1.VolumeMount(name="v", mount_path=path) for path in paths]),
        core_v1.Container(name="b"),
    ]
    pod.spec.volumes = [core_v1.Volume(name=name) for name in names]
    for _ in range(2):
        complete(pod, None, random.Random(1))
    for container in pod.spec.containers:
        at = [each for each in container.volume_mounts if each.mount_path == MOUNT_PATH]
        assert len(at) == max(1, paths.count(MOUNT_PATH) if container.name == "a" else 1)
    access = [each.name for each in pod.spec.volumes if each.name.startswith(VOLUME_PREFIX)]
    assert len(access) == 1
    assert {mount.name for mount in pod.spec.containers[1].volume_mounts} == set(access)


def test_updates_by_clients_that_left_it_out_are_refused_as_any_change_of_volumes() -> None:
    async def story(objects: Any) -> None:
        plain = Plain(objects)
        pod = await made(plain)
        pod["spec"]["volumes"] = []
        with pytest.raises(Invalid, match="pod updates may not change fields"):
            await plain.update("Pod", pod)

    run(story)
