"""Every operation of our own OpenAPI documents, sent what they allow and what they do not: no failure of the server,
answers that are what they say they are, and nothing left behind."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.fuzz.operations import Operation, Sent, check, operations_of, requests_of, send
from tests.fuzz.recorded import example_for
from tests.fuzz.served import Served, served

EXAMPLES, EXAMPLES_LONG = 2, 200
GROUPS = (
    "api/v1", "apis/apps/v1", "apis/authentication.k8s.io/v1", "apis/authorization.k8s.io/v1", "apis/autoscaling/v1",
    "apis/autoscaling/v2", "apis/batch/v1", "apis/certificates.k8s.io/v1", "apis/coordination.k8s.io/v1",
    "apis/discovery.k8s.io/v1", "apis/events.k8s.io/v1", "apis/metrics.k8s.io/v1beta1", "apis/networking.k8s.io/v1",
    "apis/node.k8s.io/v1", "apis/policy/v1", "apis/rbac.authorization.k8s.io/v1", "apis/scheduling.k8s.io/v1",
    "apis/storage.k8s.io/v1", "apis/vpc.k3py.io/v1",
)  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder: Path = tmp_path_factory.mktemp("fuzz")
    with served(folder) as made:
        yield made
        assert made.is_running()
        assert made.complaints() == []


def test_every_document_is_asked_of(server: Served) -> None:
    assert set(server.http.get("/openapi/v3").json()["paths"]) == set(GROUPS)


@pytest.mark.parametrize("group", GROUPS)
def test_no_request_makes_the_server_fall(server: Served, group: str) -> None:
    ask_all(server, group, EXAMPLES)


@pytest.mark.long
@pytest.mark.parametrize("group", GROUPS)
def test_many_requests_do_not_make_the_server_fall(server: Served, group: str) -> None:
    ask_all(server, group, EXAMPLES_LONG)


def ask_all(server: Served, group: str, examples: int) -> None:
    """So many requests of each operation."""
    wanted = settings(
        max_examples=examples, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    wrong: list[str] = []
    for operation in operations_of(server.document(group)):

        @wanted
        @given(st.just(operation), requests_of(operation, example_for(operation.path)))
        def ask(asked: Operation, sent: Sent) -> None:
            # Collected, not raised: asked again it may well be answered otherwise, since the first one changed things.
            try:
                check(asked, sent, send(server, sent))
            except (AssertionError, httpx.HTTPError) as error:
                wrong.append(f"{asked.method} {asked.path}: {error!r}")

        ask()
    assert not wrong, "\n\n".join(wrong)
