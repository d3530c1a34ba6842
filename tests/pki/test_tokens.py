import contextlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.pki.errors import BadToken
from k3py.pki.tokens import JoinToken, Role, create_bootstrap_token, new_secret, role_of

HASH = "ab" * 32
NOW = 1_800_000_000.0


def test_a_token_is_read_as_it_was_written_and_shows_its_secret_nowhere() -> None:
    token = JoinToken(HASH, new_secret(random.Random(1)))
    assert JoinToken.parse(f"  {token.format()}\n") == token
    assert token.secret not in str(token)
    assert token.secret not in repr(token)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "demo-token-123",
        f"k3py2.{HASH}.secretsecret",
        f"k3py1.{HASH[:-1]}.secretsecret",
        f"k3py1.{HASH.upper()}.secretsecret",
        f"k3py1.{HASH}.short",
        f"k3py1.{HASH}.{'x' * 257}",
        f"k3py1.{HASH}.sec ret sec ret",
        f"k3py1.{HASH}.secretsecret\nx",
    ],
)
def test_anything_else_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(BadToken) as refused:
        JoinToken.parse(text)
    assert HASH not in str(refused.value)


@given(st.text(max_size=200))
def test_no_text_breaks_the_parser(text: str) -> None:
    with contextlib.suppress(BadToken):
        assert JoinToken.parse(text).format() == text.strip()


def test_each_secret_opens_its_own_door() -> None:
    token, record = create_bootstrap_token(HASH, random.Random(2), NOW, 60)

    def role(secret: str, now: float = NOW) -> Role | None:
        return role_of(secret, now, server_secret="s" * 32, agent_secret="a" * 32, bootstrap_tokens=[record])

    assert role("s" * 32) is Role.SERVER
    assert role("a" * 32) is Role.AGENT
    assert role(token.secret) is Role.AGENT
    assert role(token.secret, NOW + 59.9) is Role.AGENT
    assert role(token.secret, NOW + 60) is None
    for wrong in ("", "s", "s" * 31 + "t", record.id, f"{record.id}.{'x' * 16}", "\udc80", "ö" * 32):
        assert role(wrong) is None


def test_an_unset_secret_lets_nobody_in() -> None:
    assert role_of("", NOW, server_secret="", agent_secret="") is None


def test_the_record_of_a_token_does_not_hold_its_secret() -> None:
    token, record = create_bootstrap_token(HASH, random.Random(3), NOW, 3600, "for rack 4")
    token_id, _, secret = token.secret.partition(".")
    assert record.id == token_id
    assert secret not in repr(record)
    with pytest.raises(BadToken):
        create_bootstrap_token(HASH, random.Random(3), NOW, 0)
