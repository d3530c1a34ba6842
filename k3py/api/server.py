"""The API: authenticate, route, authorize, then hand the request to who answers it.

Resources come from the registry of kinds and share the table of verbs below; everything else stands in ``ROUTES``.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from k3py.api.authentication import Authenticator
from k3py.api.authorization import Attributes, Authorizer, refusal
from k3py.api.discovery import Discovery
from k3py.api.health import Health
from k3py.api.http.messages import Answer, Request, Response
from k3py.api.impersonation import acting_user
from k3py.api.openapi import OpenApi
from k3py.api.parameters import is_true
from k3py.api.pods import PodStreams
from k3py.api.reading import Reader
from k3py.api.routing import Router, Target
from k3py.api.watching import Watcher
from k3py.api.writing import Writer
from k3py.model.errors import Details, MethodNotAllowed, NotFound
from k3py.model.user import User

Handled = Answer | Awaitable[Answer]
NO_SUCH_RESOURCE = "the server could not find the requested resource"


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
        discovery: Discovery,
        openapi: OpenApi,
        health: Health,
        version: bytes,
        reader: Reader,
        watcher: Watcher,
        writer: Writer,
        streams: PodStreams,
        extras: Sequence[Extra] = (),
    ) -> None:
        self._authenticator = authenticator
        self._authorizer = authorizer
        self._router = router
        self._discovery = discovery
        self._openapi = openapi
        self._health = health
        self._version = version
        self._extras = {(each.method, each.path): each for each in extras}
        self._verbs: Mapping[str, Callable[[Request, Target, User], Handled]] = {
            "get": lambda request, target, user: reader.get(request, target),
            "list": lambda request, target, user: reader.list(request, target),
            "watch": lambda request, target, user: watcher.watch(request, target),
            "create": writer.create,
            "update": writer.update,
            "patch": writer.patch,
            "delete": writer.delete,
            "deletecollection": writer.delete_collection,
        }
        self._subresources: Mapping[tuple[str, str], Callable[[Request, Target, User], Handled]] = {
            ("status", "get"): self._verbs["get"],
            ("status", "update"): writer.update,
            ("status", "patch"): writer.patch,
            ("finalize", "update"): writer.update,
            ("scale", "get"): lambda request, target, user: writer.get_scale(request, target),
            ("scale", "update"): writer.update,
            ("scale", "patch"): writer.patch,
            ("binding", "create"): writer.bind,
            ("log", "get"): lambda request, target, user: streams.log(request, target),
            ("exec", "get"): lambda request, target, user: streams.exec(request, target),
            ("exec", "create"): lambda request, target, user: streams.exec(request, target),
            ("attach", "get"): lambda request, target, user: streams.attach(request, target),
            ("attach", "create"): lambda request, target, user: streams.attach(request, target),
            ("portforward", "get"): lambda request, target, user: streams.port_forward(request, target),
            ("portforward", "create"): lambda request, target, user: streams.port_forward(request, target),
        }

    def handle(self, request: Request) -> Handled:
        """The answer to one request (the HTTP server's ``Handler``).

        Raises:
            Problem: the request is refused; the server answers with its Status.
        """
        path = request.path
        extra = self._extras.get((request.method, path))
        if extra is not None:
            return extra.do(request)
        user = acting_user(self._authenticator.user(request), request, self._authorizer)
        query = request.query
        watch = is_true(query["watch"][-1]) if "watch" in query else False
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
            field_selector=request.query.get("fieldSelector", [""])[-1],
        )
        if not self._authorizer.allows(user, attributes):
            raise refusal(user, attributes)
        if not target.is_served:
            handler = None
        elif target.subresource:
            handler = self._subresources.get((target.subresource, target.verb))
        else:
            handler = self._verbs.get(target.verb) if target.verb in kind.verbs else None
        if handler is None:
            raise MethodNotAllowed("the server does not allow this method on the requested resource", Details())
        return handler(request, target, user)

    def _other(self, request: Request, path: str, user: User) -> Handled:
        if request.method not in ("GET", "HEAD"):
            raise NotFound(NO_SUCH_RESOURCE, Details())
        if path in ("/healthz", "/livez", "/readyz") or path.startswith(("/healthz/", "/livez/", "/readyz/")):
            return self._health.answer(request, path)
        if path == "/version":
            return Response(200, self._version)
        self._authorize_path(request, path, user)
        if path in ("/openapi/v2", "/openapi/v3") or path.startswith("/openapi/v3/"):
            return self._openapi.answer(request, path)
        document = self._discovery.answer(request, path)
        if document is None:
            raise NotFound(NO_SUCH_RESOURCE, Details())
        return document

    def _authorize_path(self, request: Request, path: str, user: User) -> None:
        verb = {"GET": "get", "HEAD": "head", "POST": "post", "PUT": "put"}.get(request.method, request.method.lower())
        attributes = Attributes(verb, path=path)
        if not self._authorizer.allows(user, attributes):
            raise refusal(user, attributes)
