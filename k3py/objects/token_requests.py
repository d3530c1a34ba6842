"""TokenRequest: what a token for a service account is asked for, admitted, and what it will say.

Source: Kubernetes, "TokenRequest" (``serviceaccounts/<name>/token``); rules and words are kube-apiserver's.
"""

import random
from typing import Final

from k3py.base.clock import Clock, rfc3339
from k3py.base.ids import new_uid
from k3py.model import codec
from k3py.model.errors import BadRequest, Conflict, Details, invalid, not_found
from k3py.model.generated import core_v1
from k3py.model.generated.authentication_v1 import BoundObjectReference, TokenRequest, TokenRequestStatus
from k3py.model.user import User
from k3py.objects import node_restriction
from k3py.objects.fields import Errors
from k3py.pki.errors import BadSignedToken
from k3py.pki.jwt import SigningKeys
from k3py.pki.service_account_tokens import API_AUDIENCES, Bound, Kubernetes, encode_claims, make_claims
from k3py.store.records import Record
from k3py.store.store import Store

SECONDS_DEFAULT: Final = 3600
SECONDS_MIN: Final = 600
SECONDS_MAX: Final = 1 << 32
# What every pod's own token asks for (an hour, and 7 s that tell it apart). Programs that read the file only once may
# go on for a year while the pod lives; ``warnafter`` says when they should have read it again.
POD_SECONDS: Final = 3607
POD_SECONDS_EXTENDED: Final = 365 * 24 * 3600
_GROUP: Final = "authentication.k8s.io"


class TokenIssuer:
    """Makes tokens for service accounts that exist."""

    def __init__(self, store: Store, keys: SigningKeys, clock: Clock, source: random.Random) -> None:
        """``source`` gives the tokens' ids, which are no secret."""
        self._store = store
        self._keys = keys
        self._clock = clock
        self._source = source

    def issue(self, namespace: str, name: str, request: TokenRequest, user: User) -> TokenRequest:
        """Answer the request: ``request`` itself, completed, with the token in its status.

        Raises:
            NotFound: no such service account, or nothing of that name to bind to.
            Forbidden: a node asks for what it may not have.
            Invalid, BadRequest, Conflict: the request cannot be answered so.
        """
        seconds = request.spec.expiration_seconds
        seconds = request.spec.expiration_seconds = SECONDS_DEFAULT if seconds is None else seconds
        if user.node is not None:
            node_restriction.check_token_request(name, request, self._bound_pod(namespace, request), user)
        account = self._existing("serviceaccounts", namespace, name)
        now = self._clock.now()
        complete(namespace, name, request, now)
        pod, about = self._about(account, request.spec.bound_object_ref)
        lifetime = seconds
        if pod and seconds == POD_SECONDS and set(request.spec.audiences) <= set(API_AUDIENCES):
            lifetime = POD_SECONDS_EXTENDED
            about = _warned(about, int(now) + seconds)
        request.metadata.uid = new_uid(self._source)
        claims = make_claims(about, request.spec.audiences, now, lifetime, new_uid(self._source))
        try:
            token = self._keys.sign(encode_claims(claims))
        except BadSignedToken as problem:
            raise BadRequest(str(problem)) from None
        request.status = TokenRequestStatus(token=token, expiration_timestamp=rfc3339(int(now) + seconds))
        return request

    def _existing(self, resource: str, namespace: str, name: str) -> Record:
        record = self._store.get(resource, namespace, name)
        if record is None:
            raise not_found(resource, "", name)
        return record

    def _bound_pod(self, namespace: str, request: TokenRequest) -> core_v1.Pod | None:
        reference = request.spec.bound_object_ref
        record = self._store.get("pods", namespace, reference.name) if reference is not None else None
        return None if record is None else codec.decode(core_v1.Pod, record.raw)

    def _about(self, account: Record, reference: BoundObjectReference | None) -> tuple[bool, Kubernetes]:
        """Whether the token is bound to a pod, and what it says of the objects it is bound to."""
        namespace, own = account.namespace, Bound(account.name, account.uid)
        if reference is None:
            return False, Kubernetes(namespace, own)
        group, _, version = reference.api_version.rpartition("/")
        resource = {"Pod": "pods", "Secret": "secrets", "Node": "nodes"}.get(reference.kind)
        if resource is None or group:
            said = f"{group}/{version}, Kind={reference.kind}"
            raise BadRequest(f"cannot bind token to object of type {said}")
        record = self._existing(resource, "" if resource == "nodes" else namespace, reference.name)
        node = None
        if resource == "pods":
            spec = codec.decode(core_v1.Pod, record.raw).spec
            if spec.service_account_name != account.name:
                said = f'cannot bind token for serviceaccount "{account.name}" to pod running with different'
                raise BadRequest(f"{said} serviceaccount name.")
            node = self._node(spec.node_name)
        if reference.uid and reference.uid != record.uid:
            raise _other_uid(reference)
        bound = Bound(record.name, record.uid)
        match resource:
            case "pods":
                return True, Kubernetes(namespace, own, pod=bound, node=node)
            case "nodes":
                return False, Kubernetes(namespace, own, node=bound)
            case _:
                return False, Kubernetes(namespace, own, secret=bound)

    def _node(self, name: str) -> Bound | None:
        """The node of a bound pod; one that is not there (any more) has no uid."""
        if not name:
            return None
        record = self._store.get("nodes", "", name)
        return Bound(name, "" if record is None else record.uid)


def complete(namespace: str, name: str, request: TokenRequest, now: float) -> None:
    """Fill in what the request leaves to the server, in place; ``now`` in seconds since 1970.

    Raises:
        Invalid: it speaks of another account, or asks for too short or too long a life.
    """
    meta, spec, wrong = request.metadata, request.spec, Errors()
    if meta.name and meta.name != name:
        wrong.invalid("metadata.name", meta.name, "must match the service account name if specified")
        raise invalid("TokenRequest", _GROUP, name, wrong.causes)
    if meta.namespace and meta.namespace != namespace:
        wrong.invalid("metadata.namespace", meta.namespace, "must match the service account namespace if specified")
        raise invalid("TokenRequest", _GROUP, name, wrong.causes)
    meta.name, meta.namespace = name, namespace
    meta.creation_timestamp = rfc3339(now)
    spec.audiences = spec.audiences or list(API_AUDIENCES)
    seconds = spec.expiration_seconds
    assert seconds is not None
    if seconds < SECONDS_MIN:
        wrong.invalid("spec.expirationSeconds", seconds, "may not specify a duration less than 10 minutes")
    if seconds > SECONDS_MAX:
        wrong.invalid("spec.expirationSeconds", seconds, "may not specify a duration larger than 2^32 seconds")
    if wrong:
        raise invalid("TokenRequest", _GROUP, "", wrong.causes)


def _warned(about: Kubernetes, after: int) -> Kubernetes:
    return Kubernetes(about.namespace, about.serviceaccount, about.pod, about.node, about.secret, after)


def _other_uid(reference: BoundObjectReference) -> Conflict:
    why = (
        f"the UID in the bound object reference ({reference.uid}) does not match the UID in record. "
        "The object might have been deleted and then recreated"
    )
    return Conflict(
        f'Operation cannot be fulfilled on {reference.kind} "{reference.name}": {why}',
        Details(reference.name, "", reference.kind),
    )
