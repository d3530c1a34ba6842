"""What the Accept header comes to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.api.http.messages import Request
from k3py.api.negotiation import Form, Wanted, wanted, wanted_stream
from k3py.model.errors import BadRequest, NotAcceptable

META = "g=meta.k8s.io"


def _request(accept: str, query: str = "") -> Request:
    return Request("GET", f"/x?{query}".encode(), {b"accept": accept.encode()}, b"")


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", Wanted()),
        ("*/*", Wanted()),
        ("application/json", Wanted()),
        ("application/vnd.kubernetes.protobuf,application/json", Wanted()),
        ("application/vnd.kubernetes.protobuf, */*", Wanted()),
        ("text/csv, application/json;q=0.5, */*", Wanted()),
        ("application/yaml", Wanted(yaml=True)),
        ("application/json;q=0.1,application/yaml", Wanted(yaml=True)),
        (f"application/json;as=Table;v=v1;{META},application/json", Wanted(Form.TABLE)),
        (f"application/json;as=Table;v=v9;{META},application/json", Wanted()),
        (f"application/json;as=Table;v=v1beta1;{META}", Wanted(Form.TABLE, version="v1beta1")),
        (f"application/yaml;as=PartialObjectMetadata;v=v1;{META}", Wanted(Form.PARTIAL, yaml=True)),
        (f"*/*;as=PartialObjectMetadataList;v=v1;{META}", Wanted(Form.PARTIAL_LIST)),
        ("application/json;stream=watch", Wanted()),
        ("application/json;charset=utf-8;pretty=1", Wanted()),
    ],
)
def test_the_best_of_what_is_accepted(accept: str, form: Wanted) -> None:
    assert wanted(_request(accept)) == form


ALL = "application/json, application/yaml, application/vnd.kubernetes.protobuf"
STREAMS = "application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch"


@pytest.mark.parametrize(
    ("accept", "collection", "said"),
    [
        ("text/csv", False, f"406: Not Acceptable\n\nAvailable representations: {ALL}"),
        ("text/csv", True, f"406: Not Acceptable\n\nAvailable representations: {ALL}, {STREAMS}"),
        (f"application/json;as=Table;v=v2;{META}", True, f"only the following media types are accepted: {ALL}"),
        (f"application/json;as=Chair;v=v1;{META}", True, f"only the following media types are accepted: {ALL}"),
        ("application/json;as=Table;v=v1;g=other", True, f"only the following media types are accepted: {ALL}"),
        ("application/json;sv=v2", True, f"only the following media types are accepted: {ALL}"),
    ],
)
def test_what_cannot_be_given_is_refused(accept: str, collection: bool, said: str) -> None:
    with pytest.raises(NotAcceptable) as caught:
        wanted(_request(accept), collection=collection)
    assert caught.value.message == said


def test_a_stream_is_json() -> None:
    with pytest.raises(NotAcceptable) as caught:
        wanted_stream(_request("application/yaml"))
    assert caught.value.message == f"only the following media types are accepted: {STREAMS}"
    with pytest.raises(BadRequest, match="includeObject"):
        wanted_stream(_request(f"application/json;as=Table;v=v1;{META}", "includeObject=Odd"))


@given(st.text(alphabet="ajson/*,;=q.0v1yplic-tk8 ", max_size=60))
def test_any_header_is_a_form_or_refused(accept: str) -> None:
    try:
        wanted(_request(accept))
    except NotAcceptable:
        return
