"""Acting as somebody else (Kubernetes' "User impersonation"): ``kubectl --as`` sees what that user would see.

Taking no notice of these headers would do with the asker's full rights what was meant to be done with lesser ones.
"""

from k3py.api.authorization import Attributes, Authorizer, refusal
from k3py.api.http.messages import Request
from k3py.api.service_account_tokens import account_groups
from k3py.model.errors import BadRequest
from k3py.model.user import ANONYMOUS, AUTHENTICATED, UNAUTHENTICATED, User
from k3py.pki.service_account_tokens import split_subject

_PREFIX = b"impersonate-"
_USER, _GROUP, _UID, _EXTRA = b"impersonate-user", b"impersonate-group", b"impersonate-uid", b"impersonate-extra-"


def acting_user(user: User, request: Request, authorizer: Authorizer) -> User:
    """The user that ``user`` acts as in this request: themselves, unless the request says otherwise.

    Raises:
        BadRequest: one of the headers without a user's name.
        Forbidden: ``user`` may not act as this one, or not as a member of one of the groups.
    """
    headers = request.headers
    if not any(key.startswith(_PREFIX) for key in headers):
        return user
    name = request.header(_USER)
    if not name:
        raise BadRequest("cannot impersonate without a user: Impersonate-User is missing")
    groups = [each.strip() for each in request.header(_GROUP).split(",") if each.strip()]
    account = split_subject(name)
    who = Attributes("impersonate", resource="users", name=name)
    if account is not None:
        who = Attributes("impersonate", resource="serviceaccounts", namespace=account[0], name=account[1])
        groups = groups or list(account_groups(account[0]))
    for asked in (who, *(Attributes("impersonate", resource="groups", name=each) for each in groups)):
        if not authorizer.allows(user, asked):
            raise refusal(user, asked)
    proved = UNAUTHENTICATED if name == ANONYMOUS else AUTHENTICATED
    extra = {
        key.removeprefix(_EXTRA).decode("latin-1"): (request.header(key),) for key in headers if key.startswith(_EXTRA)
    }
    return User(name, tuple(dict.fromkeys((*groups, proved))), request.header(_UID), extra)
