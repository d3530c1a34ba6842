"""The API: authenticate, route, authorize, then hand the request to who answers it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from k3py.api.authentication import Authenticator
from k3py.api.authorization import Attributes, Authorizer, refusal
from k3py.api.deprecation import DEPRECATED, saying
from k3py.api.documents import Documents
from k3py.api.http.messages import Request
from k3py.api.impersonation import acting_user
from k3py.api.parameters import first, flag
from k3py.api.refusals import refusing_in_its_form
from k3py.api.resources import Handled, Resources
from k3py.api.routing import Router, Target
from k3py.model.user import User


@dataclass(frozen=True)
class Extra:
    """A further route: an exact method and path. What answers it checks by itself who asks (joining, the tunnel)."""

    method: str
    path: str
    do: Callable[[Request], Handled]


class Api:
    """Answers every request of the Kubernetes API."""

    def __init__(
        self,
        authenticator: Authenticator,
        authorizer: Authorizer,
        router: Router,
        resources: Resources,
        documents: Documents,
        extras: Sequence[Extra] = (),
    ) -> None:
        self._authenticator = authenticator
        self._authorizer = authorizer
        self._router = router
        self._resources = resources
        self._documents = documents
        self._extras = {(each.method, each.path): each for each in extras}

    def handle(self, request: Request) -> Handled:
        """The answer to one request (the HTTP server's ``Handler``).

        Raises:
            Problem: the request is refused; the server answers with its Status.
        """
        if b"yaml" in request.headers.get(b"accept", b""):
            return refusing_in_its_form(request, lambda: self._answer(request))
        return self._answer(request)

    def _answer(self, request: Request) -> Handled:
        path = request.path
        extra = self._extras.get((request.method, path))
        if extra is not None:
            return extra.do(request)
        user = acting_user(self._authenticator.user(request), request, self._authorizer)
        query = request.query
        watch = bool(flag(query, "watch"))
        target = self._router.match(request.method, path, watch=watch)
        if target is not None:
            return self._resource(request, target, user)
        return self._other(request, path.rstrip("/") or "/", user)

    def _resource(self, request: Request, target: Target, user: User) -> Handled:
        kind = target.kind
        attributes = Attributes(
            target.verb,
            kind.group,
            kind.plural,
            target.subresource,
            target.namespace,
            target.name,
            field_selector=first(request.query, "fieldSelector"),
        )
        if not self._authorizer.allows(user, attributes):
            raise refusal(user, attributes)
        deprecated = DEPRECATED.get(kind.type)
        if deprecated is not None:
            return saying(deprecated, lambda: self._resources.answer(request, target, user))
        return self._resources.answer(request, target, user)

    def _other(self, request: Request, path: str, user: User) -> Handled:
        public = self._documents.is_public(path) and request.method == "GET"
        if not public:
            self._authorize_path(request, path, user)
        document = self._documents.answer(request, path)
        return self._documents.missing(path) if document is None else document

    def _authorize_path(self, request: Request, path: str, user: User) -> None:
        attributes = Attributes(request.method.lower(), path=path)
        if not self._authorizer.allows(user, attributes):
            raise refusal(user, attributes)
