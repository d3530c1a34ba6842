"""Acting as somebody else."""

from typing import Any

import pytest

from k3py.api.authorization import AnyOf, Attributes, Basic, Masters
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
        ({"user": "joe", "group": UNAUTHENTICATED}, User("joe", (UNAUTHENTICATED,))),
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
    ("headers", "described"),
    [
        ({"group": MASTERS}, 'UID:"", Groups:[]string{"system:masters"}, Extra:map[string][]string(nil)'),
        ({"uid": "7"}, 'UID:"7", Groups:[]string(nil), Extra:map[string][]string(nil)'),
        ({"user": "", "group": "a,b"}, 'UID:"", Groups:[]string{"a", "b"}, Extra:map[string][]string(nil)'),
        (
            {"extra_scopes": "read"},
            'UID:"", Groups:[]string(nil), Extra:map[string][]string{"scopes":[]string{"read"}}',
        ),
    ],
)
def test_everything_without_a_name_is_refused(headers: Any, described: str) -> None:
    with pytest.raises(BadRequest) as caught:
        acting_user(ADMIN, asked(**headers), MAY)
    said = f'requested &user.DefaultInfo{{Name:"", {described}}} without impersonating a user name'
    assert caught.value.message == said


class OnlyUsersAndGroups:
    """Lets everybody impersonate users and groups, and nothing about them."""

    def allows(self, user: User, attributes: Attributes) -> bool:
        return attributes.resource in ("users", "groups")


@pytest.mark.parametrize(
    ("headers", "what"),
    [
        ({"uid": "7"}, 'uids.authentication.k8s.io "7" is forbidden.* resource "uids" in API group "authentication'),
        ({"extra_scopes": "read"}, 'cannot impersonate resource "userextras/scopes" in API group "authentication'),
    ],
)
def test_a_uid_and_extras_are_rights_of_their_own(headers: Any, what: str) -> None:
    assert acting_user(JANE, asked(user="joe", group="dev"), OnlyUsersAndGroups()).name == "joe"
    with pytest.raises(Forbidden, match=what):
        acting_user(JANE, asked(user="joe", **headers), OnlyUsersAndGroups())


def test_extras_have_many_values_and_escaped_names() -> None:
    joe = acting_user(ADMIN, asked(user="joe", **{"extra_a%2fb": "x, y", "extra_c": "z"}), MAY)
    assert joe.extra == {"a/b": ("x", "y"), "c": ("z",)}


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
