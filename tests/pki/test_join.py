import contextlib
import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from k3py.model.errors import BadRequest, Forbidden, Problem, Unauthorized
from k3py.pki.csr import make_signing_request, new_key
from k3py.pki.identity import ADMIN, identity_of, node_identity
from k3py.pki.join import JOIN_BYTES_MAX, JoinRequest, admit_node, decode_join, renew_node
from k3py.pki.tokens import Role
from tests.pki.helpers import authority

REQUEST = make_signing_request(new_key(), "whatever").decode()
SECRET = "x" * 40


def named(name: str, secret: str = SECRET) -> JoinRequest:
    return JoinRequest(name, REQUEST, secret)


def test_a_new_node_gets_the_certificate_of_its_name() -> None:
    admission = admit_node(named("n1"), Role.AGENT, None, authority())
    certificate = x509.load_pem_x509_certificate(admission.answer.certificate.encode())
    assert identity_of(certificate.public_bytes(serialization.Encoding.DER)) == node_identity("n1")
    assert admission.node_secret_sha256 == hashlib.sha256(SECRET.encode()).hexdigest()
    assert SECRET not in repr(admission)


def test_a_node_that_lost_its_certificate_joins_again_but_nobody_takes_its_name() -> None:
    ca = authority()
    known = admit_node(named("n1"), Role.AGENT, None, ca).node_secret_sha256
    admit_node(named("n1"), Role.SERVER, known, ca)
    with pytest.raises(Forbidden, match="another machine"):
        admit_node(named("n1", "y" * 40), Role.AGENT, known, ca)


@pytest.mark.parametrize(
    ("request_", "role", "error"),
    [
        (named("n1"), None, Unauthorized),
        (named("N 1"), Role.AGENT, BadRequest),
        (named("n1", "short"), Role.AGENT, BadRequest),
        (JoinRequest("n1", "no request", SECRET), Role.AGENT, BadRequest),
    ],
)
def test_refusals(request_: JoinRequest, role: Role | None, error: type[Problem]) -> None:
    with pytest.raises(error):
        admit_node(request_, role, None, authority())


def test_a_node_renews_its_own_certificate_and_no_other() -> None:
    ca = authority()
    assert renew_node(named("n1"), node_identity("n1"), ca).certificate
    for stranger in (node_identity("n2"), ADMIN):
        with pytest.raises(Forbidden):
            renew_node(named("n1"), stranger, ca)


@given(st.binary(max_size=200))
def test_garbage_is_a_bad_request(body: bytes) -> None:
    with contextlib.suppress(BadRequest):
        decode_join(body)


def test_a_body_beyond_the_bound_is_refused() -> None:
    with pytest.raises(BadRequest, match="more than"):
        decode_join(b" " * (JOIN_BYTES_MAX + 1))
