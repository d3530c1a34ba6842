"""The claims of service accounts' tokens: read exactly, and held against the clock and the audience."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.pki.errors import BadSignedToken
from k3py.pki.service_account_tokens import (
    API_AUDIENCES,
    ISSUER,
    LEEWAY_SECONDS,
    Bound,
    Kubernetes,
    check_claims,
    decode_claims,
    encode_claims,
    make_claims,
    split_subject,
    subject,
)

NOW = 1_700_000_000.0
ABOUT = Kubernetes("web", Bound("robot", "u1"), pod=Bound("p", "u2"), node=Bound("n1", "u3"))
CLAIMS = make_claims(ABOUT, API_AUDIENCES, NOW, 3600, "id")
PLAIN: dict[str, Any] = msgspec.json.decode(encode_claims(CLAIMS))


def test_the_claims_are_kubernetes() -> None:
    assert PLAIN == {
        "aud": [ISSUER],
        "exp": 1_700_003_600,
        "iat": 1_700_000_000,
        "iss": ISSUER,
        "jti": "id",
        "kubernetes.io": {
            "namespace": "web",
            "serviceaccount": {"name": "robot", "uid": "u1"},
            "pod": {"name": "p", "uid": "u2"},
            "node": {"name": "n1", "uid": "u3"},
        },
        "nbf": 1_700_000_000,
        "sub": "system:serviceaccount:web:robot",
    }
    assert decode_claims(encode_claims(CLAIMS)) == CLAIMS


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://elsewhere"},
        {"sub": "system:serviceaccount:kube-system:robot"},
        {"sub": "system:admin"},
        {"aud": ISSUER},
        {"exp": "tomorrow"},
        {"exp": 1.5},
        {"groups": ["system:masters"]},
        {"kubernetes.io": {"namespace": "web"}},
        {"kubernetes.io": {**PLAIN["kubernetes.io"], "groups": []}},
    ],
)
def test_other_claims_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BadSignedToken):
        decode_claims(msgspec.json.encode({**PLAIN, **change}))


@pytest.mark.parametrize("name", sorted(PLAIN))
def test_no_claim_may_be_missing(name: str) -> None:
    with pytest.raises(BadSignedToken):
        decode_claims(msgspec.json.encode({key: value for key, value in PLAIN.items() if key != name}))


@given(st.text(max_size=8), st.text(max_size=8))
def test_a_subject_is_taken_apart_as_it_was_made(namespace: str, name: str) -> None:
    whole = namespace and name and ":" not in namespace + name
    assert split_subject(subject(namespace, name)) == ((namespace, name) if whole else None)
    assert split_subject(f"{namespace}:{name}") is None


@given(st.one_of(st.binary(max_size=200), st.binary(max_size=20).map(lambda tail: encode_claims(CLAIMS) + tail)))
def test_garbage_is_refused_by_one_error(payload: bytes) -> None:
    try:
        decode_claims(payload)
    except BadSignedToken:
        return
    assert payload.strip() == encode_claims(CLAIMS), "only blanks may follow"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-LEEWAY_SECONDS - 1, "not valid yet"),
        (-LEEWAY_SECONDS, ""),
        (0, ""),
        (3599.9, ""),
        (3600, "expired"),
    ],
)
def test_a_token_has_its_time(seconds: float, said: str) -> None:
    if said:
        with pytest.raises(BadSignedToken, match=said):
            check_claims(CLAIMS, API_AUDIENCES, NOW + seconds)
    else:
        assert check_claims(CLAIMS, API_AUDIENCES, NOW + seconds) == [ISSUER]


def test_a_token_is_for_its_audiences() -> None:
    claims = make_claims(ABOUT, ["vault", "bank"], NOW, 600, "id")
    assert check_claims(claims, ["bank", "other"], NOW) == ["bank"]
    with pytest.raises(BadSignedToken, match="audiences"):
        check_claims(claims, API_AUDIENCES, NOW)
