"""A backend behind the proxy that is a script."""

from typing import Any

from k3py.api.http.messages import StreamResponse
from k3py.model.streams import Channel, NodeStats, StreamRequest, messages, status_message, success_status
from k3py.model.usage import ContainerUsage, NodeUsage, PodUsage, encode_usage
from tests.api.test_metrics import usage
from tests.api.test_pods import Nodes, Stream
from tests.api.world import PODS, Recorder, World, pod

POD = f"{PODS}/web/proxy"
SERVICES = "/api/v1/namespaces/default/services"
MERGE = {"content-type": "application/merge-patch+json"}


def said(text: str | bytes) -> list[bytes]:
    data = text.encode() if isinstance(text, str) else text
    return [*messages(Channel.STDOUT, data), status_message(success_status())]


def ok(body: str = "hello", *fields: str, content_type: str = "text/plain") -> str:
    head = [f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}", *fields]
    return "\r\n".join((*head, "", body))


class Backend(Nodes):
    """Says ``text`` to every connection, whatever it hears; ``streams`` are the connections."""

    def __init__(self, text: str | bytes = "", *says: bytes) -> None:
        self.streams: list[Stream] = []
        super().__init__(lambda request: self._stream(request, [*(says or said(text))]))

    def _stream(self, request: StreamRequest, says: list[bytes]) -> Stream:
        if isinstance(request, NodeStats):
            container = ContainerUsage(name="c", started_at=5.0, usage=usage(2_000_000_000, 100))
            pods = [PodUsage(namespace="default", name="web", uid="u", containers=[container])]
            told = NodeUsage(usage=usage(3_000_000_000, 200), booted_at=1.0, pods=pods)
            return Stream(*messages(Channel.STDOUT, encode_usage(told)), status_message(success_status()))
        self.streams.append(Stream(*says))
        return self.streams[-1]

    def heard(self) -> tuple[str, dict[str, str], bytes]:
        """The request's first line, its fields and its body."""
        data = b"".join(each[1:] for each in self.streams[-1].heard if each[0] == Channel.STDIN)
        head, _, body = data.partition(b"\r\n\r\n")
        line, *fields = head.decode().split("\r\n")
        return line, dict(each.split(": ", 1) for each in fields), body


async def ready_pod(world: World, name: str = "web", node: str = "n1") -> dict[str, Any]:
    _, made = await world.json("POST", PODS, pod(name, node))
    status = {"status": {"phase": "Running", "podIP": "10.42.0.5", "podIPs": [{"ip": "10.42.0.5"}]}}
    await world.json("PATCH", f"{PODS}/{name}/status", status, headers=MERGE)
    result: dict[str, Any] = made
    return result


async def read(answer: object) -> tuple[int, bytes, StreamResponse]:
    assert isinstance(answer, StreamResponse), answer
    writer = Recorder()
    await answer.run(writer)
    return answer.status, writer.data, answer
