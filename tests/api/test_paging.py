"""Pages and their tokens, without HTTP."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.api import paging
from k3py.model.errors import BadRequest
from k3py.store.records import Record


def _records(count: int) -> list[Record]:
    records = [Record("pods", f"n{i % 3}", f"p{i}", i + 1, "", b"{}") for i in range(count)]
    return sorted(records, key=lambda each: (each.namespace, each.name))


@given(st.integers(0, 12), st.integers(1, 5), st.integers(1, 4), st.booleans())
def test_pages_joined_are_the_whole(count: int, limit: int, every: int, of_namespace: bool) -> None:
    records = _records(count)
    if of_namespace:
        records = sorted((each for each in records if each.namespace == "n0"), key=lambda each: each.name)
    has = None if every == 1 else lambda record: record.revision % every == 0
    found, start = list[Record](), ""
    for _ in range(count + 2):
        piece = paging.page(records, limit, start, 7, of_namespace=of_namespace, has=has)
        found += piece.records
        assert len(piece.records) <= limit
        if not piece.continue_token:
            break
        assert piece.remaining == (len(records) - len(found) if has is None else None)
        token = paging.parse_token(piece.continue_token)
        assert token.rv == 7
        start = token.start
    assert found == [each for each in records if has is None or has(each)]


def test_a_page_goes_on_although_nothing_more_may_be_selected() -> None:
    records = _records(3)

    def has(record: Record) -> bool:
        return record is records[0]

    piece = paging.page(records, 1, "", 7, of_namespace=False, has=has)
    assert (piece.records, piece.remaining) == ([records[0]], None)
    start = paging.parse_token(piece.continue_token).start
    rest = paging.page(records, 1, start, 7, of_namespace=False, has=has)
    assert (rest.records, rest.continue_token) == ([], "")


def test_a_token_looks_as_kubernetes_tokens_do() -> None:
    piece = paging.page(_records(3), 1, "", 7, of_namespace=False)
    data = base64.urlsafe_b64decode(piece.continue_token + "=" * (-len(piece.continue_token) % 4))
    assert data == b'{"v":"meta.k8s.io/v1","rv":7,"start":"n0/p0\\u0000"}'


def _token(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("!", ""),
        (_token("[]"), ""),
        (_token("{}"), "server does not recognize this encoded version "),
        (_token('{"v":"v2","rv":1,"start":"a"}'), "server does not recognize this encoded version v2"),
        (
            _token('{"v":"meta.k8s.io/v1","start":"a"}'),
            "incorrect encoded start resourceVersion (version meta.k8s.io/v1)",
        ),
        (_token('{"v":"meta.k8s.io/v1","rv":1}'), "encoded start key empty (version meta.k8s.io/v1)"),
        (_token('{"v":"meta.k8s.io/v1","rv":1,"start":"../secrets/a"}'), "../secrets/a"),
        ("abc", "invalid character 'i' looking for beginning of value"),
        ("a.c", "illegal base64 data at input byte 1"),
        ("abcd=", "illegal base64 data at input byte 4"),
        ("abcde", "illegal base64 data at input byte 4"),
        ("A" * (paging.TOKEN_LENGTH_MAX + 1), ""),
    ],
)
def test_what_is_no_token_is_refused_in_kubernetes_words(token: str, said: str) -> None:
    with pytest.raises(BadRequest) as caught:
        paging.parse_token(token)
    assert caught.value.message.startswith(f"invalid continue token: continue key is not valid: {said}")


WORDS = st.sampled_from(["v", "rv", "start", "meta.k8s.io/v1", "", "a/b", "/", "..", "a\0"])


@given(st.text(max_size=40) | st.dictionaries(WORDS, WORDS | st.integers()).map(lambda each: _token(str(each))))
def test_no_token_fails_otherwise_than_clearly(text: str) -> None:
    try:
        token = paging.parse_token(text)
    except BadRequest:
        return
    paging.page(_records(5), 2, token.start, 7, of_namespace=False)
