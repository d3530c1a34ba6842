"""Sends the requests of recorded cases to a server, in order, and gathers its answers."""

import contextlib
import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tests.golden.comparison import selected
from tests.golden.marks import Marks, said
from tests.golden.recording import Answer, Case, Step, expanded, filled

USER_AGENT = "golden/1"
KEPT_HEADERS = ("content-type", "warning", "www-authenticate", "location", "retry-after")
INITIAL_EVENTS_END = "k8s.io/initial-events-end"
# A request that takes longer has failed; watches that the server has to end may take what they were asked to.
REQUEST_SECONDS = 30.0
CLOSE_SECONDS = 12.0
EVENTS_SECONDS = 4.0
# After the expected events: as long as nothing more may come, so that one too many is seen.
QUIET_SECONDS = 0.1
RETRY_SECONDS = 0.1

Request = Mapping[str, Any]
Headers = Sequence[tuple[str, str]]


class Server:
    """An API server and an administrator's token: plain requests on one connection, the others on one each."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._token = token
        self._tls = ssl.create_default_context()
        self._tls.check_hostname = False
        self._tls.verify_mode = ssl.CERT_NONE
        self._kept: http.client.HTTPSConnection | None = None

    def connect(self, seconds: float = REQUEST_SECONDS) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection("127.0.0.1", self._port, timeout=seconds, context=self._tls)

    def close(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def ask(self, request: Request) -> tuple[int, Headers, bytes]:
        """Status, headers and body of the answer.

        Raises:
            OSError, http.client.HTTPException: there was none.
        """
        if self._kept is not None and request.get("auth", "admin") == "admin":
            with contextlib.suppress(OSError, http.client.HTTPException):  # the server may have closed it meanwhile
                return self._asked(request, self._kept)
        self.close()
        self._kept = self.connect()
        return self._asked(request, self._kept)

    def _asked(self, request: Request, connection: http.client.HTTPSConnection) -> tuple[int, Headers, bytes]:
        answer = self.send(request, connection)
        body = answer.read()
        if answer.will_close:
            self.close()
        return answer.status, answer.getheaders(), body

    def send(self, request: Request, connection: http.client.HTTPSConnection) -> http.client.HTTPResponse:
        """Send a request; the answer's body is still to be read."""
        body = _body_of(request)
        connection.putrequest(request["method"], request["path"].replace(" ", "%20"), skip_accept_encoding=True)
        for name, value in self._headers(request, body is not None).items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders()
        if body is not None:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused early, and already answered
                connection.send(body)
        return connection.getresponse()

    def _headers(self, request: Request, has_body: bool) -> dict[str, str]:
        headers = {"Accept": "application/json", "User-Agent": USER_AGENT}
        if has_body:
            headers["Content-Type"] = "application/json"
        auth = request.get("auth", "admin")
        if auth != "none":
            headers["Authorization"] = f"Bearer {self._token}" if auth == "admin" else auth
        for name, value in request.get("headers", {}).items():
            if value is None:
                headers.pop(name, None)
            else:
                headers[name] = value
        return headers


def _body_of(request: Request) -> bytes | None:
    if "bodyText" in request:
        return str(request["bodyText"]).encode()
    return json.dumps(expanded(request["body"])).encode() if "body" in request else None


class Watching:
    """A watch that is read by a thread while the steps behind it run."""

    def __init__(self, server: Server, request: Request) -> None:
        self.status = 0
        self.headers: Headers = ()
        self.events: list[Any] = []
        self._server, self._request = server, request
        self._connection = server.connect(CLOSE_SECONDS)
        self._news = threading.Condition()
        self._opened = self._ended = False
        self._thread = threading.Thread(target=self._read, name="watch")
        self._thread.start()

    def wait_until_open(self) -> None:
        with self._news:
            self._news.wait_for(lambda: self._opened, REQUEST_SECONDS)

    def finish(self, *, until_closed: bool, expected: int) -> None:
        """Read until the server ends it, or until the expected events came and nothing more does."""
        with self._news:
            if until_closed:
                self._news.wait_for(lambda: self._ended, CLOSE_SECONDS)
            else:
                self._news.wait_for(lambda: self._ended or len(self.events) >= expected, EVENTS_SECONDS)
                self._news.wait_for(lambda: self._ended or len(self.events) > expected, QUIET_SECONDS)
        with contextlib.suppress(OSError, AttributeError):
            self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(REQUEST_SECONDS)
        self._connection.close()

    def _read(self) -> None:
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError, AttributeError):
            answer = self._server.send(self._request, self._connection)
            self.status, self.headers = answer.status, answer.getheaders()
            self._tell(opened=True)
            for line in answer:
                if line.strip():
                    self._take(json.loads(line))
        self._tell(opened=True, ended=True)

    def _take(self, event: Any) -> None:
        marks = event.get("object", {}).get("metadata", {}).get("annotations") or {}
        if event.get("type") != "BOOKMARK" or INITIAL_EVENTS_END in marks:
            with self._news:
                self.events.append(event)
                self._news.notify_all()

    def _tell(self, *, opened: bool, ended: bool = False) -> None:
        with self._news:
            self._opened, self._ended = opened, ended
            self._news.notify_all()


class Replay:
    """One case against one server. ``forget`` makes the server forget all versions but the newest."""

    def __init__(self, server: Server, forget: Callable[[Server], None]) -> None:
        self._server = server
        self._forget = forget
        self._namespaces: set[str] = set()

    def answers(self, case: Case) -> list[Answer]:
        """The answers to the case's steps with marks, as ``comparison.judge`` takes them."""
        self._prepare(case.get("namespace"))
        bodies: list[Any] = []
        answers: list[Answer] = []
        sent: list[str] = []
        watches: dict[int, Watching] = {}
        for number, step in enumerate(case["steps"]):
            answer: Answer = {"status": 0}
            if step.get("compact"):
                self._forget(self._server)
            else:
                request = filled(step["request"], bodies)
                sent.append(said(request, step))
                if "watch" in step:
                    watches[number] = self._watch(request, step)
                else:
                    answer = self._ask(request, step.get("retry", 0))
            answers.append(answer)
            bodies.append(answer.get("body"))
        for number, watch in watches.items():
            answers[number] = _finished(watch, case["steps"][number])
        return _marked(case["steps"], answers, Marks("\n".join(sent), datetime.now(UTC)))

    def _prepare(self, namespace: str | None) -> None:
        if namespace is None or namespace in self._namespaces:
            return
        self._namespaces.add(namespace)
        made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        self._server.ask({"method": "POST", "path": "/api/v1/namespaces", "body": made})
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        self._server.ask({"method": "POST", "path": path, "body": account})

    def _watch(self, request: Request, step: Step) -> Watching:
        watch = Watching(self._server, request)
        watch.wait_until_open()
        if step["watch"] == "close":
            watch.finish(until_closed=True, expected=0)
        return watch

    def _ask(self, request: Request, retries: int) -> Answer:
        try:
            status, headers, body = self._server.ask(request)
            while status >= 400 and retries > 0:
                time.sleep(RETRY_SECONDS)  # the recording says so: the server learns of some changes a moment later
                retries -= 1
                status, headers, body = self._server.ask(request)
        except (OSError, http.client.HTTPException) as error:
            return {"status": 0, "text": f"no answer: {type(error).__name__}"}
        answer = _with_headers(status, headers)
        try:
            decoded = json.loads(body) if body else None
        except ValueError:
            return {**answer, "text": body.decode("utf-8", "replace")}
        return answer if decoded is None else {**answer, "body": decoded}


def _with_headers(status: int, headers: Headers) -> Answer:
    kept: dict[str, Any] = {}
    for name, value in ((name.lower(), value) for name, value in headers):
        if name == "warning":
            kept.setdefault(name, []).append(value)
        elif name in KEPT_HEADERS and (name, value) != ("content-type", "application/json"):
            kept[name] = value
    return {"status": status, "headers": kept} if kept else {"status": status}


def _finished(watch: Watching, step: Step) -> Answer:
    watch.finish(until_closed=step["watch"] == "close", expected=len(step["answer"].get("events", ())))
    answer = _with_headers(watch.status, watch.headers)
    if watch.status == 200:
        answer["events"] = list(watch.events)
    elif watch.events:
        answer["body"] = watch.events[0]
    return answer


def _marked(steps: Sequence[Step], answers: list[Answer], marks: Marks) -> list[Answer]:
    """Versions are numbered in the order of plain answers, then of watches."""
    for number in sorted(range(len(answers)), key=lambda each: "events" in answers[each]):
        answer = answers[number]
        for part in ("body", "events"):
            if part in answer:
                answer[part] = marks.body(answer[part])
        answers[number] = selected(steps[number], answer)
    for answer in answers:
        if "text" in answer:
            answer["text"] = marks.text(answer["text"])
        for name, value in answer.get("headers", {}).items():
            answer["headers"][name] = (
                [marks.text(each) for each in value] if isinstance(value, list) else marks.text(value)
            )
    return answers
