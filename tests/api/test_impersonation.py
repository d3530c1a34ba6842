"""Acting as somebody else."""

from typing import Any

import pytest

from k3py.api.authorization import AnyOf, Basic, Masters
from k3py.api.http.messages import Request
from k3py.api.impersonation import acting_user
from k3py.model.errors import BadRequest, Forbidden
from k3py.model.user import ANONYMOUS, AUTHENTICATED, MASTERS, UNAUTHENTICATED, User
from tests.api.world import VIEWER, World, run

ADMIN = User("admin", (MASTERS, AUTHENTICATED))
JANE = User("jane", (AUTHENTICATED,))
MAY = AnyOf(Masters(), Basic())


def asked(**headers: str) -> Request:
    """``user="joe"`` is ``Impersonate-User: joe``."""
    named = {f"impersonate-{key.replace('_', '-')}".encode(): value.encode() for key, value in headers.items()}
    return Request("GET", b"/api", named)


def test_without_the_headers_everybody_is_themselves() -> None:
    assert acting_user(JANE, asked(), MAY) is JANE


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"user": "joe"}, User("joe", (AUTHENTICATED,))),
        ({"user": "joe", "group": "dev, ops"}, User("joe", ("dev", "ops", AUTHENTICATED))),
        ({"user": "joe", "group": AUTHENTICATED}, User("joe", (AUTHENTICATED,))),
        ({"user": "joe", "uid": "7"}, User("joe", (AUTHENTICATED,), "7")),
        ({"user": "joe", "extra_scopes": "read"}, User("joe", (AUTHENTICATED,), extra={"scopes": ("read",)})),
        (
            {"user": "system:serviceaccount:shop:robot"},
            User(
                "system:serviceaccount:shop:robot",
                ("system:serviceaccounts", "system:serviceaccounts:shop", AUTHENTICATED),
            ),
        ),
        (
            {"user": "system:serviceaccount:shop:robot", "group": "dev"},
            User("system:serviceaccount:shop:robot", ("dev", AUTHENTICATED)),
        ),
        ({"user": ANONYMOUS}, User(ANONYMOUS, (UNAUTHENTICATED,))),
    ],
)
def test_an_administrator_may_act_as_anybody(headers: Any, expected: User) -> None:
    assert acting_user(ADMIN, asked(**headers), MAY) == expected


def test_others_may_not() -> None:
    with pytest.raises(Forbidden, match='User "jane" cannot impersonate resource "users"'):
        acting_user(JANE, asked(user="admin", group=MASTERS), MAY)


def test_acting_as_a_service_account_is_a_right_of_its_own() -> None:
    with pytest.raises(Forbidden, match=r'cannot impersonate resource "serviceaccounts".*in the namespace "shop"'):
        acting_user(JANE, asked(user="system:serviceaccount:shop:robot"), MAY)


@pytest.mark.parametrize(
    "headers", [{"group": MASTERS}, {"uid": "7"}, {"user": "", "group": "dev"}, {"extra_scopes": "read"}]
)
def test_a_group_alone_is_refused(headers: Any) -> None:
    with pytest.raises(BadRequest, match="Impersonate-User is missing"):
        acting_user(ADMIN, asked(**headers), MAY)


def test_the_api_takes_the_rights_of_the_other_user() -> None:
    async def story(world: World) -> None:
        for headers, token, status in [
            ({"Impersonate-User": "joe"}, None, 403),
            ({"Impersonate-User": "joe", "Impersonate-Group": MASTERS}, None, 200),
            ({"Impersonate-User": "admin", "Impersonate-Group": MASTERS}, VIEWER, 403),
        ]:
            more: dict[str, Any] = {"token": token} if token else {}
            answer = await world.ask("GET", "/api/v1/pods", headers=headers, **more)
            assert getattr(answer, "status", None) == status

    run(story)
