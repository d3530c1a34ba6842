"""What pods can ask for, with real containers."""

import base64
import json
import os
import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.cluster import (
    BUSYBOX,
    FOREVER,
    Cluster,
    Host,
    Object,
    condition,
    container_status,
    is_ready,
    is_running,
    pod,
    until,
)
from tests.e2e.registry import PASSWORD, USER, push, registry


def config_map(namespace: str, name: str, **data: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": data}


def secret(namespace: str, name: str, **data: str) -> Object:
    meta = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": data}


def exit_code(made: Object, name: str = "main", init: bool = False) -> int | None:
    ended = container_status(made, name, init).get("state", {}).get("terminated")
    return ended["exitCode"] if ended else None


def succeeded(made: Object) -> bool:
    return bool(made["status"].get("phase") == "Succeeded")


def logs(cluster: Cluster, namespace: str, name: str, *options: str) -> str:
    return cluster.kubectl("-n", namespace, "logs", name, *options)


def reasons(cluster: Cluster, namespace: str, name: str, *wanted: str) -> dict[str, str]:
    """Reason -> message of the events about a pod, once the wanted ones are there: events come after the fact."""

    def look() -> dict[str, str] | None:
        listed = cluster.get(f"/api/v1/namespaces/{namespace}/events?fieldSelector=involvedObject.name%3D{name}")
        told = {each["reason"]: each["message"] for each in (listed or {})["items"]}
        return told if set(wanted) <= set(told) else None

    return until(look, f"events {', '.join(wanted)} about pod {name}")


def test_environment(shared_cluster: Cluster, namespace: str) -> None:
    env = [
        {"name": "PLAIN", "value": "plain"},
        {"name": "COMPOSED", "value": "$(PLAIN)-$$(PLAIN)"},
        {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "COLOUR", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['colour']"}}},
        {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
        {"name": "LIMIT", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory"}}},
        {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "key", "key": "word"}}},
        {"name": "NONE", "valueFrom": {"configMapKeyRef": {"name": "none", "key": "a", "optional": True}}},
    ]
    sources = [{"configMapRef": {"name": "words"}}, {"secretRef": {"name": "key"}, "prefix": "S_"}]
    made = pod(namespace, "env", "env | sort", env=env, envFrom=sources, restartPolicy="Never",
               resources={"limits": {"memory": "64Mi"}})  # fmt: skip
    made["metadata"]["labels"] = {"colour": "red"}
    words = config_map(namespace, "words", GREETING="hello", PLAIN="overruled")
    shared_cluster.apply(words, secret(namespace, "key", word="sesame"), made)
    shared_cluster.until_pod(namespace, "env", succeeded, "env has ended")
    lines = set(logs(shared_cluster, namespace, "env").splitlines())
    assert {
        "PLAIN=plain", "COMPOSED=plain-$(PLAIN)", "NAME=env", "COLOUR=red", f"NODE={shared_cluster.node}",
        "LIMIT=67108864", "KEY=sesame", "GREETING=hello", "S_word=sesame",
    } <= lines  # fmt: skip
    assert not any(each.startswith("NONE=") for each in lines)


def test_a_missing_config_map_is_waited_for(shared_cluster: Cluster, namespace: str) -> None:
    shared_cluster.apply(
        pod(namespace, "waits", FOREVER, envFrom=[{"configMapRef": {"name": "late"}}]),
    )
    waiting = shared_cluster.until_pod(
        namespace, "waits", lambda made: container_status(made).get("state", {}).get("waiting", {}).get("message"),
        "the reason why it waits",
    )  # fmt: skip
    state = container_status(waiting)["state"]["waiting"]
    if state["reason"] != "ContainerCreating":
        assert (state["reason"], state["message"]) == ("CreateContainerConfigError", 'configmap "late" not found')
    shared_cluster.apply(config_map(namespace, "late", A="1"))
    shared_cluster.until_pod(namespace, "waits", is_ready, "it runs once the ConfigMap is there")


def test_volumes_and_their_updates(shared_cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    (tmp_path / "given").write_text("from the host\n")
    volumes = [
        {"name": "words", "configMap": {"name": "words"}},
        {"name": "key", "secret": {"secretName": "key", "defaultMode": 0o400}},
        {"name": "scratch", "emptyDir": {}},
        {"name": "fast", "emptyDir": {"medium": "Memory", "sizeLimit": "4Mi"}},
        {"name": "host", "hostPath": {"path": str(tmp_path), "type": "Directory"}},
    ]
    mounts = [
        {"name": "words", "mountPath": "/words"},
        {"name": "key", "mountPath": "/key", "readOnly": True},
        {"name": "scratch", "mountPath": "/scratch"},
        {"name": "fast", "mountPath": "/fast"},
        {"name": "host", "mountPath": "/host"},
    ]
    # Two files that always change together: whoever sees them differ saw half an update. The folder of an update goes
    # with the next one, also under a reader, who then looks again.
    script = """
        cat /host/given; stat -L -c %a /key/word; cat /key/word; echo; echo kept > /scratch/file; echo seen > /host/back
        grep -q ' /fast tmpfs' /proc/mounts && echo fast is memory
        touch /key/new 2>/dev/null || echo read only
        while :; do
            cd /words/..data/ 2>/dev/null && a=$(cat a 2>/dev/null) && b=$(cat b 2>/dev/null) && cd / || continue
            [ "$a" = "$b" ] || echo "torn $a $b"
            [ "$a" = "$last" ] || echo "now $a"; last=$a
            sleep 0.01
        done"""
    shared_cluster.apply(
        config_map(namespace, "words", a="1", b="1"),
        secret(namespace, "key", word="sesame"),
        pod(namespace, "volumes", script, volumes=volumes, volumeMounts=mounts),
    )
    shared_cluster.until_pod(namespace, "volumes", is_ready, "volumes ready")
    for number in ("2", "3"):
        shared_cluster.apply(config_map(namespace, "words", a=number, b=number))
        until(lambda number=number: f"now {number}\n" in logs(shared_cluster, namespace, "volumes"), "update seen")  # type: ignore[misc]
    expected = ["from the host", "400", "sesame", "fast is memory", "read only", "now 1", "now 2", "now 3"]
    assert logs(shared_cluster, namespace, "volumes").splitlines() == expected
    assert (tmp_path / "back").read_text() == "seen\n"


def test_several_containers_share_what_is_the_pods(shared_cluster: Cluster, namespace: str) -> None:
    shared = [{"name": "shared", "mountPath": "/shared"}]
    containers = [
        {"name": "writer", "image": BUSYBOX, "command": ["sh", "-c", f"echo hello > /shared/word; {FOREVER}"],
         "volumeMounts": shared},
        {"name": "reader", "image": BUSYBOX, "volumeMounts": shared,
         "command": ["sh", "-c", f"until cat /shared/word 2>/dev/null; do sleep 0.05; done; {FOREVER}"]},
    ]  # fmt: skip
    volumes = [{"name": "shared", "emptyDir": {}}]
    shared_cluster.apply(pod(namespace, "two", containers=containers, volumes=volumes))
    shared_cluster.until_pod(namespace, "two", is_ready, "both run")
    until(lambda: logs(shared_cluster, namespace, "two", "-c", "reader") == "hello\n", "the reader has read")
    assert logs(shared_cluster, namespace, "two", "--all-containers", "--prefix").count("hello") == 1
    assert shared_cluster.kubectl("-n", namespace, "logs", "two", "-c", "none", code=1).errors


def test_init_containers_run_one_after_the_other(shared_cluster: Cluster, namespace: str) -> None:
    shared = [{"name": "shared", "mountPath": "/shared"}]
    # The second one fails once, and is tried again before anything that follows.
    scripts = {
        "first": "sleep 0.3; echo first >> /shared/order",
        "second": "echo second >> /shared/order; [ $(grep -c second /shared/order) = 2 ]",
    }
    init = [
        {"name": name, "image": BUSYBOX, "command": ["sh", "-c", script], "volumeMounts": shared}
        for name, script in scripts.items()
    ]
    made = pod(namespace, "ordered", "cat /shared/order", initContainers=init, volumeMounts=shared,
               volumes=[{"name": "shared", "emptyDir": {}}], restartPolicy="OnFailure")  # fmt: skip
    shared_cluster.apply(made)
    ended = shared_cluster.until_pod(namespace, "ordered", succeeded, "all have run")
    assert logs(shared_cluster, namespace, "ordered").splitlines() == ["first", "second", "second"]
    assert [exit_code(ended, name, init=True) for name in scripts] == [0, 0]
    assert container_status(ended, "second", init=True)["restartCount"] == 1
    assert condition(ended, "Initialized")["status"] == "True"


def test_restarts_back_off_and_show_the_last_end(shared_cluster: Cluster, namespace: str) -> None:
    shared_cluster.apply(pod(namespace, "failing", "echo attempt; exit 17"))
    waiting = shared_cluster.until_pod(
        namespace, "failing",
        lambda made: container_status(made).get("state", {}).get("waiting", {}).get("reason") == "CrashLoopBackOff",
        "it backs off",
    )  # fmt: skip
    status = container_status(waiting)
    assert status["state"]["waiting"]["message"].startswith("back-off 10s restarting failed container=main")
    assert status["lastState"]["terminated"]["exitCode"] == 17
    assert status["lastState"]["terminated"]["reason"] == "Error"
    assert status["restartCount"] >= 1
    assert "failed container main" in reasons(shared_cluster, namespace, "failing", "BackOff")["BackOff"]
    assert logs(shared_cluster, namespace, "failing", "--previous") == "attempt\n"


@pytest.mark.parametrize(
    ("policy", "script", "phase", "code"),
    [
        ("Never", "exit 0", "Succeeded", 0),
        ("Never", "exit 42", "Failed", 42),
        ("Never", "sh -c 'kill -9 $$$$'; exit $?", "Failed", 137),  # $$ in a command is Kubernetes' way to write $
        ("OnFailure", "true", "Succeeded", 0),
    ],
)
def test_how_pods_end(shared_cluster: Cluster, namespace: str, policy: str, script: str, phase: str, code: int) -> None:
    shared_cluster.apply(pod(namespace, "ends", f"echo why > /dev/termination-log; {script}", restartPolicy=policy))
    ended = shared_cluster.until_pod(namespace, "ends", lambda made: made["status"].get("phase") == phase, phase)
    terminated = container_status(ended)["state"]["terminated"]
    assert terminated["exitCode"] == code
    assert terminated["message"] == "why\n"
    assert terminated["startedAt"] <= terminated["finishedAt"]


def test_a_container_beyond_its_memory_is_killed(shared_cluster: Cluster, namespace: str) -> None:
    script = "x=$(yes 0123456789 | head -c 60000000); echo ${#x}"
    limits = {"limits": {"memory": "24Mi"}}
    shared_cluster.apply(pod(namespace, "greedy", script, resources=limits, restartPolicy="Never"))
    ended = shared_cluster.until_pod(namespace, "greedy", lambda made: exit_code(made) is not None, "it ends")
    terminated = container_status(ended)["state"]["terminated"]
    assert (terminated["reason"], terminated["exitCode"]) == ("OOMKilled", 137)


def test_readiness_comes_and_goes(shared_cluster: Cluster, namespace: str) -> None:
    probe = {"exec": {"command": ["test", "-e", "/tmp/ready"]}, "periodSeconds": 1, "failureThreshold": 1}
    shared_cluster.apply(pod(namespace, "probed", FOREVER, readinessProbe=probe))
    shared_cluster.until_pod(namespace, "probed", is_running, "it runs")
    assert not is_ready(shared_cluster.pod(namespace, "probed") or {})
    shared_cluster.kubectl("-n", namespace, "exec", "probed", "--", "touch", "/tmp/ready")
    shared_cluster.until_pod(namespace, "probed", is_ready, "it is ready")
    shared_cluster.kubectl("-n", namespace, "exec", "probed", "--", "rm", "/tmp/ready")
    shared_cluster.until_pod(namespace, "probed", lambda made: not is_ready(made), "it is not ready any more")
    assert container_status(shared_cluster.pod(namespace, "probed") or {})["restartCount"] == 0
    assert "Readiness probe failed" in reasons(shared_cluster, namespace, "probed", "Unhealthy")["Unhealthy"]


def test_a_failing_liveness_probe_restarts(shared_cluster: Cluster, namespace: str) -> None:
    probe = {"exec": {"command": ["sh", "-c", "[ -e /tmp/alive ]"]}, "periodSeconds": 1, "failureThreshold": 1,
             "initialDelaySeconds": 1}  # fmt: skip
    shared_cluster.apply(pod(namespace, "sick", FOREVER, livenessProbe=probe))
    again = shared_cluster.until_pod(
        namespace, "sick", lambda made: container_status(made).get("restartCount", 0) >= 1, "it was restarted"
    )
    assert container_status(again)["lastState"]["terminated"]["exitCode"] in (0, 143)
    told = reasons(shared_cluster, namespace, "sick", "Unhealthy", "Killing")
    assert "Liveness probe failed" in told["Unhealthy"]
    assert "main" in told["Killing"]


def test_tcp_and_http_probes(shared_cluster: Cluster, namespace: str) -> None:
    port = shared_cluster.web_port + 1
    made = pod(
        namespace, "served", f"mkdir /www; echo hi > /www/index.html; exec httpd -f -p {port} -h /www",
        startupProbe={"tcpSocket": {"port": port}, "periodSeconds": 1, "failureThreshold": 20},
        readinessProbe={"httpGet": {"path": "/index.html", "port": port}, "periodSeconds": 1},
    )  # fmt: skip
    shared_cluster.apply(made)
    ready = shared_cluster.until_pod(namespace, "served", is_ready, "it is ready")
    assert container_status(ready)["started"] is True


def test_pre_stop_and_grace(shared_cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    host = {"volumes": [{"name": "host", "hostPath": {"path": str(tmp_path)}}],
            "volumeMounts": [{"name": "host", "mountPath": "/host"}]}  # fmt: skip
    script = "trap 'echo term >> /host/order; exit 0' TERM; while :; do sleep 0.05; done"
    hook = {"preStop": {"exec": {"command": ["sh", "-c", "echo hook >> /host/order; sleep 0.3"]}}}
    polite = pod(namespace, "polite", script, lifecycle=hook, terminationGracePeriodSeconds=20, **host)
    stubborn = pod(namespace, "stubborn", "trap '' TERM; while :; do sleep 0.05; done", terminationGracePeriodSeconds=1)
    shared_cluster.apply(polite, stubborn)
    for name in ("polite", "stubborn"):
        shared_cluster.until_pod(namespace, name, is_ready, f"{name} runs")
        shared_cluster.kubectl("-n", namespace, "delete", "pod", name, "--wait=false")
    for name in ("polite", "stubborn"):
        shared_cluster.until_gone(namespace, name)
    assert (tmp_path / "order").read_text() == "hook\nterm\n"
    assert not shared_cluster.pods(namespace)


def test_a_pod_that_is_deleted_at_once_ends_too(shared_cluster: Cluster, namespace: str) -> None:
    shared_cluster.apply(pod(namespace, "forced", "trap '' TERM; while :; do sleep 0.05; done"))
    made = shared_cluster.until_pod(namespace, "forced", is_ready, "it runs")
    runs = container_status(made)["containerID"].partition("://")[2]
    assert runs in shared_cluster.containers()
    shared_cluster.kubectl("-n", namespace, "delete", "pod", "forced", "--force", "--grace-period=0")
    until(lambda: runs not in shared_cluster.containers(), "the container is gone")


def test_a_pod_waits_honestly_for_a_vpc_daemon(
    shared_cluster: Cluster, namespace: str, make_host: Callable[[str], Host]
) -> None:
    node = make_host("unconnected")
    flags = ["--server", shared_cluster.url_for_others, "--node-name", node.node]
    why = "the VPC daemon is not running"
    try:
        with node.daemon("agent", *flags, token=shared_cluster.paths.agent_token.read_text().strip()):
            node.import_image(shared_cluster.archive)
            told = until(lambda: condition(shared_cluster.get(f"/api/v1/nodes/{node.node}") or {}, "Ready"), "a node")
            assert (told["status"], told["reason"]) == ("False", "KubeletNotReady")
            assert why in told["message"]
            # The scheduler would not have sent it there.
            shared_cluster.apply(pod(namespace, "lonely", FOREVER, hostNetwork=False, nodeName=node.node))
            waiting = shared_cluster.until_pod(
                namespace, "lonely", lambda made: why in json.dumps(made["status"]), "it says why"
            )
            assert waiting["status"]["phase"] == "Pending"
            assert why in shared_cluster.kubectl("-n", namespace, "describe", "pod", "lonely")
            with node.daemon("vpc", *flags):
                shared_cluster.until_pod(namespace, "lonely", is_ready, "it runs as soon as it can")
                shared_cluster.kubectl("-n", namespace, "delete", "pod", "lonely", "--timeout=20s")
    finally:
        shared_cluster.kubectl("delete", "node", node.node)


def test_pods_that_fit_nowhere_say_why(shared_cluster: Cluster, namespace: str) -> None:
    shared_cluster.apply(
        pod(namespace, "huge", FOREVER, resources={"requests": {"cpu": "1000"}}),
        pod(namespace, "elsewhere", FOREVER, nodeSelector={"disk": "none"}),
    )
    for name, why in (("huge", "Insufficient cpu"), ("elsewhere", "didn't match Pod's node affinity/selector")):
        told = shared_cluster.until_pod(
            namespace, name, lambda made: condition(made, "PodScheduled").get("reason") == "Unschedulable", "it waits"
        )
        assert why in condition(told, "PodScheduled")["message"]


def test_logs_by_time_and_number(shared_cluster: Cluster, namespace: str) -> None:
    script = "for i in 1 2 3 4 5; do echo line $i; done; sleep 2; echo late; exec sleep 1000"
    shared_cluster.apply(pod(namespace, "talks", script))
    shared_cluster.until_pod(namespace, "talks", is_ready, "it runs")
    until(lambda: "late" in logs(shared_cluster, namespace, "talks"), "it has talked")
    assert logs(shared_cluster, namespace, "talks", "--tail=2") == "line 5\nlate\n"
    assert logs(shared_cluster, namespace, "talks", "--tail=0") == ""
    stamped = logs(shared_cluster, namespace, "talks", "--timestamps").splitlines()
    moment = stamped[-1].split()[0]
    assert logs(shared_cluster, namespace, "talks", f"--since-time={moment}") == "late\n"
    assert "late" in logs(shared_cluster, namespace, "talks", "--since=1h")
    assert logs(shared_cluster, namespace, "talks", "--limit-bytes=6") == "line 1"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, source: random.Random, busybox: Path) -> Iterator[str]:
    """A registry with the image ``team/tool:1`` in it."""
    with registry(tmp_path_factory.mktemp("registry") / "files", source) as made:
        push(made, "team/tool", "1", busybox)
        yield made


def pull_secret(namespace: str, place: str, password: str) -> Object:
    auth = base64.b64encode(f"{USER}:{password}".encode()).decode()
    made = secret(namespace, "pull", **{".dockerconfigjson": json.dumps({"auths": {place: {"auth": auth}}})})
    return made | {"type": "kubernetes.io/dockerconfigjson"}


def test_an_image_from_a_registry(shared_cluster: Cluster, namespace: str, place: str) -> None:
    wanted = {"image": f"{place}/team/tool:1", "imagePullSecrets": [{"name": "pull"}], "imagePullPolicy": "Always"}
    shared_cluster.apply(
        pull_secret(namespace, place, PASSWORD),
        pod(namespace, "pulled", "echo pulled", restartPolicy="Never", **wanted),
    )
    ended = shared_cluster.until_pod(namespace, "pulled", succeeded, "it was pulled and ran")
    assert "@sha256:" in container_status(ended)["imageID"]
    told = reasons(shared_cluster, namespace, "pulled", "Pulled")
    assert "Successfully pulled image" in told["Pulled"]


@pytest.mark.parametrize(
    ("image", "password", "words"),
    [("team/tool:1", "wrong", "gives no access to team/tool"), ("team/tool:2", PASSWORD, "has no such image")],
)
def test_an_image_that_cannot_be_pulled(
    shared_cluster: Cluster, namespace: str, place: str, image: str, password: str, words: str
) -> None:
    wanted = {"image": f"{place}/{image}", "imagePullSecrets": [{"name": "pull"}], "imagePullPolicy": "Always"}
    shared_cluster.apply(pull_secret(namespace, place, password), pod(namespace, "wrong", FOREVER, **wanted))
    seen: dict[str, str] = {}

    def both_seen(made: Object) -> bool:
        state = container_status(made).get("state", {}).get("waiting", {})
        seen[state.get("reason", "")] = state.get("message", "")
        return {"ErrImagePull", "ImagePullBackOff"} <= set(seen)

    shared_cluster.until_pod(namespace, "wrong", both_seen, "both reasons were shown")
    assert words in seen["ErrImagePull"]
    assert seen["ImagePullBackOff"].startswith(f'Back-off pulling image "{place}/{image}"')
    assert reasons(shared_cluster, namespace, "wrong", "Failed")


def test_a_container_killed_from_outside_is_restarted(shared_cluster: Cluster, namespace: str) -> None:
    shared_cluster.apply(pod(namespace, "hit", FOREVER))
    made = shared_cluster.until_pod(namespace, "hit", is_ready, "it runs")
    pid, _ = shared_cluster.containers()[container_status(made)["containerID"].partition("://")[2]]

    os.kill(pid, signal.SIGKILL)
    again = shared_cluster.until_pod(
        namespace, "hit", lambda now: container_status(now)["restartCount"] == 1 and is_ready(now), "it runs again"
    )
    assert container_status(again)["lastState"]["terminated"]["exitCode"] == 137
