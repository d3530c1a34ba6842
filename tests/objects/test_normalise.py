"""Quantities and times get their one form wherever they stand."""

import pytest

from k3py.model import codec
from k3py.model.errors import BadRequest
from k3py.model.generated import coordination_v1, core_v1
from k3py.objects.normalise import canonical_micro_time, canonical_time, normalise
from tests.objects.world import Plain, run


def test_every_quantity_of_a_pod():
    pod = codec.convert(core_v1.Pod, {"spec": {
        "overhead": {"cpu": "1000m"},
        "containers": [{"name": "c", "resources": {"limits": {"cpu": 0.5, "memory": "1024Ki"}}}],
        "volumes": [{"name": "v", "emptyDir": {"sizeLimit": 0}}, {"name": "w", "projected": {"sources": [
            {"downwardAPI": {"items": [{"path": "p", "resourceFieldRef": {"resource": "x", "divisor": "0.001"}}]}}]}}],
    }})[0]  # fmt: skip
    normalise(pod)
    plain = codec.to_plain(pod)["spec"]
    assert plain["overhead"] == {"cpu": "1"}
    assert plain["containers"][0]["resources"]["limits"] == {"cpu": "500m", "memory": "1Mi"}
    assert plain["volumes"][0]["emptyDir"] == {"sizeLimit": "0"}
    item = plain["volumes"][1]["projected"]["sources"][0]["downwardAPI"]["items"][0]
    assert item["resourceFieldRef"]["divisor"] == "1m"


def test_times_are_in_utc():
    assert canonical_time("2024-01-01T01:00:00.9+01:00") == "2024-01-01T00:00:00Z"
    assert canonical_micro_time("2024-01-01T00:00:00.123456789Z") == "2024-01-01T00:00:00.123456Z"
    lease = coordination_v1.Lease()
    lease.spec.renew_time = "2024-01-01T00:00:00Z"
    normalise(lease)
    assert lease.spec.renew_time == "2024-01-01T00:00:00.000000Z"


@pytest.mark.parametrize("text", ["yesterday", "2024-01-01", "2024-13-01T00:00:00Z", "2024-01-01T00:00:00", "\u0662"])
def test_what_is_no_time(text):
    with pytest.raises(ValueError, match="parsing time"):
        canonical_time(text)


def test_a_write_refuses_what_is_none():
    async def story(objects):
        plain = Plain(objects)
        spec = {"containers": [{"name": "c", "image": "x", "resources": {"limits": {"cpu": "many"}}}]}
        with pytest.raises(BadRequest, match='Pod in version "v1" cannot be handled as a Pod: quantities must match'):
            await plain.create("Pod", metadata={"name": "p"}, spec=spec)
        with pytest.raises(BadRequest, match="parsing time"):
            await plain.create("Lease", metadata={"name": "l"}, spec={"renewTime": "yesterday"})

    run(story)
