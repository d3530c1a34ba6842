"""What stands below a node's proxy: figures as its kubelet would tell them."""

import orjson

from k3py.api.http.messages import Response
from k3py.model.streams import PortForward
from tests.api.reverse_proxy.backend import Backend, ok, read
from tests.api.world import World, run


def test_a_nodes_kubelet_tells_statistics() -> None:
    backend = Backend(ok())

    async def story(world: World) -> None:
        await world.json("POST", "/api/v1/nodes", {"metadata": {"name": "n1"}})
        node = "/api/v1/nodes/n1/proxy"
        _, summary = await world.json("GET", f"{node}/stats/summary")
        assert summary["node"]["cpu"]["usageNanoCores"] == 3_000_000_000
        assert summary["pods"][0]["podRef"] == {"name": "web", "namespace": "default", "uid": "u"}
        assert summary["pods"][0]["containers"][0]["memory"]["workingSetBytes"] == 102400
        metrics = await world.ask("GET", "/api/v1/nodes/https:n1:10250/proxy/metrics/resource")
        assert isinstance(metrics, Response)
        assert b'container_memory_working_set_bytes{container="c",namespace="default",pod="web"} 102400' in metrics.body
        for path, method, status in [("healthz", "GET", 200), ("other", "GET", 404), ("healthz", "POST", 405)]:
            answer = await world.ask(method, f"{node}/{path}")
            assert isinstance(answer, Response)
            assert answer.status == status, path
        assert (await read(await world.ask("GET", "/api/v1/nodes/n1:9100/proxy/metrics")))[0] == 200
        assert backend.asked[-1][1] == PortForward(namespace="", pod="", uid="", port=9100, own_address=True)

    run(story, backend)


def test_a_kubelet_that_is_away_is_503() -> None:
    async def story(world: World) -> None:
        await world.json("POST", "/api/v1/nodes", {"metadata": {"name": "n1"}})
        answer = await world.ask("GET", "/api/v1/nodes/n1/proxy/stats/summary")
        assert isinstance(answer, Response)
        assert (answer.status, orjson.loads(answer.body)["reason"]) == (503, "ServiceUnavailable")

    run(story)
