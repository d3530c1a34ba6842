"""Kinds in another version than the stored one: read, written and watched in their own words."""

from tests.api.world import World, run

V1 = "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers"
V2 = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers"
EVENTS_V1 = "/apis/events.k8s.io/v1/namespaces/default/events"
EVENTS = "/api/v1/namespaces/default/events"
SCALER = {
    "metadata": {"name": "a"},
    "spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"},
        "maxReplicas": 5,
        "targetCPUUtilizationPercentage": 70,
    },
}
EVENT = {
    "metadata": {"name": "e"},
    "eventTime": "2026-01-02T03:04:05.000006Z",
    "reportingController": "example.com/c",
    "reportingInstance": "c-1",
    "action": "Pulled",
    "reason": "Pulled",
    "note": "said",
    "type": "Normal",
    "regarding": {"kind": "Pod", "name": "p", "namespace": "default"},
}
MERGE = {"content-type": "application/merge-patch+json"}


def test_an_autoscaler_is_written_in_one_version_and_read_in_the_other() -> None:
    async def story(world: World) -> None:
        status, made = await world.json("POST", V1, SCALER)
        assert (status, made["apiVersion"], made["spec"]["targetCPUUtilizationPercentage"]) == (
            201,
            "autoscaling/v1",
            70,
        )
        status, newer = await world.json("GET", f"{V2}/a")
        target = newer["spec"]["metrics"][0]["resource"]["target"]
        assert (status, target) == (200, {"type": "Utilization", "averageUtilization": 70})
        status, patched = await world.json(
            "PATCH", f"{V1}/a", {"spec": {"targetCPUUtilizationPercentage": 50}}, headers=MERGE
        )
        assert (status, patched["spec"]["targetCPUUtilizationPercentage"]) == (200, 50)
        newer["spec"]["maxReplicas"] = 9
        newer["metadata"]["resourceVersion"] = patched["metadata"]["resourceVersion"]
        status, newer = await world.json("PUT", f"{V2}/a", newer)
        assert (status, newer["spec"]["maxReplicas"]) == (200, 9)
        _, listed = await world.json("GET", V1)
        assert (listed["apiVersion"], listed["items"][0]["spec"]["maxReplicas"]) == ("autoscaling/v1", 9)
        versions = {each["apiVersion"] for each in listed["items"][0]["metadata"]["managedFields"]}
        assert versions == {"autoscaling/v1", "autoscaling/v2"}
        status, gone = await world.json("DELETE", f"{V1}/a")
        assert (status, gone["status"]) == (200, "Success")
        assert (await world.json("GET", f"{V2}/a"))[0] == 404

    run(story)


def test_an_apply_in_one_version_creates_and_owns_in_its_words() -> None:
    async def story(world: World) -> None:
        body = {"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", **SCALER}
        apply = {"content-type": "application/apply-patch+yaml"}
        status, made = await world.json("PATCH", f"{V1}/a?fieldManager=me", body, headers=apply)
        assert status == 201
        fields = made["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]
        assert set(fields) == {"f:scaleTargetRef", "f:maxReplicas", "f:targetCPUUtilizationPercentage"}
        again = await world.json("PATCH", f"{V1}/a?fieldManager=me", body, headers=apply)
        assert again[1]["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]

    run(story)


def test_events_of_both_groups_are_the_same_events() -> None:
    async def story(world: World) -> None:
        status, made = await world.json("POST", EVENTS_V1, EVENT)
        assert (status, made["note"], made["regarding"]["name"]) == (201, "said", "p")
        _, old = await world.json("GET", f"{EVENTS}/e")
        assert (old["message"], old["involvedObject"]["name"]) == ("said", "p")
        _, chosen = await world.json("GET", f"{EVENTS_V1}?fieldSelector=regarding.name%3Dp")
        assert [each["note"] for each in chosen["items"]] == ["said"]
        status, _ = await world.json("GET", f"{EVENTS_V1}?fieldSelector=involvedObject.name%3Dp")
        assert status == 400
        table = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
        _, rows = await world.json("GET", EVENTS_V1, headers=table)
        assert "said" in rows["rows"][0]["cells"]

    run(story)


def test_an_event_is_checked_as_its_version_wants() -> None:
    async def story(world: World) -> None:
        status, refused = await world.json("POST", EVENTS_V1, {**EVENT, "reason": "", "action": ""})
        fields = {each["field"] for each in refused["details"]["causes"]}
        assert (status, fields) == (422, {"reason", "action"})

    run(story)


def test_a_watch_tells_in_its_version() -> None:
    async def story(world: World) -> None:
        writer, task = await world.watch(f"{V1}?watch=true")
        await world.json("POST", V1, SCALER)
        (event,) = await writer.until(1)
        assert (event["type"], event["object"]["spec"]["targetCPUUtilizationPercentage"]) == ("ADDED", 70)
        task.cancel()

    run(story)
