"""VPCs over HTTP, as kubectl meets them: discovery, schemas, tables, every sort of patch."""

from typing import Any

import orjson
import pytest

from k3py.api.http.messages import Response
from tests.api.world import NODE, TABLE, World, run

VPCS = "/apis/vpc.k3py.io/v1/vpcs"
BLOCKS = "/apis/vpc.k3py.io/v1/vpcblocks"
RED = {"apiVersion": "vpc.k3py.io/v1", "kind": "VPC", "metadata": {"name": "red"}, "spec": {"cidr": "10.0.0.0/16"}}
STATUS = {"phase": "Active", "vpcID": 7, "prefix": "fd6b:3370:1000:0:1:7::/96", "allocated": 3, "capacity": 65_534}


async def red(world: World) -> None:
    status, body = await world.json("POST", VPCS, RED)
    assert status == 201, body
    await world.json("PATCH", f"{VPCS}/red/status", {"status": STATUS}, headers=merge())


def merge(word: str = "merge-patch") -> dict[str, str]:
    return {"content-type": f"application/{word}+json"}


async def rows(world: World, path: str) -> tuple[list[tuple[str, int]], list[list[Any]]]:
    _, table = await world.json("GET", path, headers=TABLE)
    columns = [(each["name"], each["priority"]) for each in table["columnDefinitions"]]
    return columns, [each["cells"] for each in table["rows"]]


def test_discovery_and_schema_know_them() -> None:
    async def story(world: World) -> None:
        _, listed = await world.json("GET", "/apis/vpc.k3py.io/v1")
        assert [each["name"] for each in listed["resources"]] == ["vpcblocks", "vpcs", "vpcs/status"]
        _, document = await world.json("GET", "/openapi/v3/apis/vpc.k3py.io/v1")
        schemas = document["components"]["schemas"]
        spec = schemas["io.k3py.vpc.v1.VPCSpec"]["properties"]
        assert spec["egress"]["enum"] == ["Masquerade", "None"]
        assert "io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector" in schemas
        item = document["paths"][f"{VPCS}/{{name}}"]["get"]
        assert item["x-kubernetes-group-version-kind"] == {"group": "vpc.k3py.io", "version": "v1", "kind": "VPC"}

    run(story)


def test_tables() -> None:
    async def story(world: World) -> None:
        await red(world)
        columns, cells = await rows(world, VPCS)
        assert columns == [
            ("Name", 0), ("CIDR", 0), ("Egress", 0), ("ID", 0), ("Phase", 0), ("Pods", 0), ("Age", 0),
            ("Prefix", 1), ("Capacity", 1),
        ]  # fmt: skip
        assert cells[0][:6] == ["default", "10.42.0.0/16", "Masquerade", "<none>", "Pending", 0]
        prefix = STATUS["prefix"]
        assert [*cells[1][:6], *cells[1][7:]] == ["red", "10.0.0.0/16", "Masquerade", "7", "Active", 3, prefix, 65_534]
        spec = {"vpc": "red", "vpcID": 7, "cidr": "10.0.0.64/26", "nodeName": "n1"}
        made = await world.json("POST", BLOCKS, {"metadata": {"name": "red-10-0-0-64"}, "spec": spec}, token=NODE)
        assert made[0] == 201, made
        columns, cells = await rows(world, f"{BLOCKS}?fieldSelector=spec.nodeName%3Dn1,spec.vpc%3Dred")
        assert [name for name, _ in columns] == ["Name", "VPC", "CIDR", "Node", "Age"]
        assert [each[:4] for each in cells] == [["red-10-0-0-64", "red", "10.0.0.64/26", "n1"]]
        assert (await rows(world, f"{BLOCKS}?fieldSelector=spec.nodeName%3Dn2"))[1] == []

    run(story)


@pytest.mark.parametrize("word", ["merge-patch", "strategic-merge-patch"])
def test_patches_of_both_sorts(word: str) -> None:
    async def story(world: World) -> None:
        await red(world)
        patch = {"metadata": {"labels": {"a": "b"}}, "spec": {"dns": {"nameservers": ["9.9.9.9"]}}}
        status, body = await world.json("PATCH", f"{VPCS}/red", patch, headers=merge(word))
        assert (status, body["spec"]["dns"], body["metadata"]["generation"]) == (200, {"nameservers": ["9.9.9.9"]}, 2)
        status, body = await world.json("PATCH", f"{VPCS}/red", {"status": {"vpcID": 9}}, headers=merge(word))
        assert (status, body["status"]["vpcID"]) == (200, 7)
        status, body = await world.json("PATCH", f"{VPCS}/red/status", {"status": {"vpcID": 9}}, headers=merge(word))
        assert (status, body["details"]["causes"][0]["field"]) == (422, "status.vpcID")

    run(story)


def test_a_json_patch_and_an_apply() -> None:
    async def story(world: World) -> None:
        await red(world)
        patch = [{"op": "add", "path": "/spec/egress", "value": "None"}]
        status, body = await world.json("PATCH", f"{VPCS}/red", patch, headers=merge("json-patch"))
        assert (status, body["spec"]["egress"]) == (200, "None")
        status, body = await world.json(
            "PATCH", f"{VPCS}/red?fieldManager=me&force=true", RED,
            headers={"content-type": "application/apply-patch+yaml"},
        )  # fmt: skip
        assert (status, body["metadata"]["managedFields"][0]["manager"]) == (200, "me")

    run(story)


def test_unknown_fields_are_refused_when_one_asks_for_it() -> None:
    async def story(world: World) -> None:
        wrong = {**RED, "spec": {**RED["spec"], "cidrs": []}}  # type: ignore[dict-item]
        status, body = await world.json("POST", f"{VPCS}?fieldValidation=Strict", wrong)
        assert status == 400
        assert 'strict decoding error: unknown field "spec.cidrs"' in body["message"]
        answer = await world.ask("POST", VPCS, wrong)
        assert isinstance(answer, Response)
        assert answer.status == 201
        assert ("Warning", '299 - "unknown field \\"spec.cidrs\\""') in list(answer.headers)

    run(story)


def test_a_body_in_protobuf_is_refused_with_reasons() -> None:
    async def story(world: World) -> None:
        headers = {"content-type": "application/vnd.kubernetes.protobuf"}
        envelope = b"k8s\x00\n\x15\n\x0evpc.k3py.io/v1\x12\x03VPC"
        answer = await world.ask("POST", VPCS, envelope, headers=headers)
        assert isinstance(answer, Response)
        assert (answer.status, orjson.loads(answer.body)["reason"]) == (400, "BadRequest")

    run(story)
