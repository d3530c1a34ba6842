"""Rounds of equal requests, good and bad: after each the server stands as before, in objects and in memory."""

import random
from pathlib import Path

import httpx

from tests.fuzz.recorded import Request, changed, stock
from tests.fuzz.served import NAMESPACE, Served, served

REQUESTS = 1_500
ROUNDS = 3
GROWTH_MEGABYTES_MAX = 4.0
"""Between the last two rounds: the changes of a round, which the rings keep for watchers, and what garbage waits."""


def round_of(server: Served, seed: int) -> None:
    """Send what the seed says, all into one namespace."""
    source, cases, sent = random.Random(seed), stock(), 0
    while sent < REQUESTS:
        for request in source.choice(cases):
            sent += 1
            _send(server, source, request)


def _send(server: Served, source: random.Random, request: Request) -> None:
    method, path, headers, body = changed(source, request)
    parts = path.split("/")
    if "namespaces" not in parts[:-2]:
        return  # what has no namespace would outlive the round
    parts[parts.index("namespaces") + 1] = NAMESPACE
    answer = server.http.request(method, "/".join(parts), headers=headers, content=body)
    assert isinstance(answer.json(), dict)


def clean(server: Served) -> None:
    """Delete all that is in the namespace."""
    for group in _groups(server):
        for resource in server.http.get(group).json()["resources"]:
            if resource["namespaced"] and "deletecollection" in resource["verbs"]:
                _empty(server, f"{group}/namespaces/{NAMESPACE}/{resource['name']}")


def _groups(server: Served) -> list[str]:
    found = [each["groupVersion"] for group in server.http.get("/apis").json()["groups"] for each in group["versions"]]
    return ["/api/v1", *(f"/apis/{each}" for each in found)]


def _empty(server: Served, collection: str) -> None:
    now = {"gracePeriodSeconds": 0, "propagationPolicy": "Background"}
    answer = server.http.request("DELETE", collection, json=now)
    assert answer.status_code == 200, answer.text
    for each in server.http.get(collection).json()["items"]:
        # Nobody is there to do what finalizers wait for.
        meta = each["metadata"]
        free = {"metadata": {"finalizers": None}}
        _patch(server, f"{collection}/{meta['name']}", free)
    left = server.http.get(collection).json()["items"]
    assert left == [], "something stays behind"


def _patch(server: Served, path: str, body: object) -> httpx.Response:
    return server.http.patch(path, json=body, headers={"Content-Type": "application/merge-patch+json"})


def test_memory_does_not_grow_from_round_to_round(tmp_path: Path) -> None:
    seed = random.Random().getrandbits(32)
    print(f"seed {seed}")
    with served(tmp_path) as server:
        held = []
        for _ in range(ROUNDS):
            round_of(server, seed)
            clean(server)
            held.append(server.memory_megabytes())
        assert server.is_running()
        assert server.complaints() == []
    print(f"megabytes after each round: {held}")
    assert held[-1] - held[-2] < GROWTH_MEGABYTES_MAX, held
