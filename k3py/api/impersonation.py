"""Acting as somebody else (Kubernetes' "User impersonation"): ``kubectl --as`` sees what that user would see.

Taking no notice of these headers would do with the asker's full rights what was meant to be done with lesser ones.
"""

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import unquote

from k3py.api.authorization import Attributes, Authorizer, refusal
from k3py.api.http.messages import Request
from k3py.api.service_account_tokens import account_groups
from k3py.model.errors import BadRequest
from k3py.model.user import ANONYMOUS, AUTHENTICATED, UNAUTHENTICATED, User
from k3py.pki.service_account_tokens import split_subject

_PREFIX: Final = b"impersonate-"
_USER: Final = b"impersonate-user"
_GROUP: Final = b"impersonate-group"
_UID: Final = b"impersonate-uid"
_EXTRA: Final = b"impersonate-extra-"
_AUTHENTICATION: Final = "authentication.k8s.io"

Extra = Mapping[str, Sequence[str]]


def acting_user(user: User, request: Request, authorizer: Authorizer) -> User:
    """The user that ``user`` acts as in this request: themselves, unless the request says otherwise.

    Raises:
        BadRequest: one of the headers without a user's name.
        Forbidden: ``user`` may not act as this one, as a member of one of the groups, or with this uid or extra.
    """
    headers = request.headers
    if not any(key.startswith(_PREFIX) for key in headers):
        return user
    name, uid = request.header(_USER), request.header(_UID)
    groups = [each.strip() for each in request.header(_GROUP).split(",") if each.strip()]
    extra = {
        unquote(key.removeprefix(_EXTRA).decode("latin-1")): _values(request.header(key))
        for key in headers
        if key.startswith(_EXTRA)
    }
    if not name:
        if not (uid or groups or extra):
            return user
        raise BadRequest(f"requested {_described(uid, groups, extra)} without impersonating a user name")
    for asked in _asked(name, uid, groups, extra):
        if not authorizer.allows(user, asked):
            raise refusal(user, asked)
    account = split_subject(name)
    if account is not None and not groups:
        groups = list(account_groups(account[0]))
    if not {AUTHENTICATED, UNAUTHENTICATED}.intersection(groups):
        groups.append(UNAUTHENTICATED if name == ANONYMOUS else AUTHENTICATED)
    return User(name, tuple(dict.fromkeys(groups)), uid, extra)


def _values(text: str) -> tuple[str, ...]:
    """The values of a header that may stand several times."""
    return tuple(each.strip() for each in text.split(",")) if "," in text else (text,)


def _asked(name: str, uid: str, groups: Sequence[str], extra: Extra) -> list[Attributes]:
    """All rights that it takes, each a question of its own."""
    account = split_subject(name)
    if account is None:
        asked = [Attributes("impersonate", resource="users", name=name)]
    else:
        asked = [Attributes("impersonate", resource="serviceaccounts", namespace=account[0], name=account[1])]
    asked += [Attributes("impersonate", resource="groups", name=each) for each in groups]
    asked += [
        Attributes("impersonate", _AUTHENTICATION, "userextras", subresource=key, name=each)
        for key, values in extra.items()
        for each in values
    ]
    return [*asked, Attributes("impersonate", _AUTHENTICATION, "uids", name=uid)] if uid else asked


def _described(uid: str, groups: Sequence[str], extra: Extra) -> str:
    """The nameless user as Go prints a structure."""
    pairs = ", ".join(f"{_quoted(key)}:{_listed(values)}" for key, values in sorted(extra.items()))
    shown = f"map[string][]string{{{pairs}}}" if extra else "map[string][]string(nil)"
    return f'&user.DefaultInfo{{Name:"", UID:{_quoted(uid)}, Groups:{_listed(groups)}, Extra:{shown}}}'


def _listed(values: Sequence[str]) -> str:
    return f"[]string{{{', '.join(map(_quoted, values))}}}" if values else "[]string(nil)"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
