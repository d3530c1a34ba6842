"""The table of what can be asked of resources: verb and subresource to the function that answers.

Kinds come from the registry and share the verbs; a new subresource is one line in ``_subresources``.
"""

import random
from collections.abc import Awaitable, Callable, Mapping

from k3py.api.authorization import Authorizer
from k3py.api.heavy.helper import Helper
from k3py.api.http.messages import Answer, Request
from k3py.api.metrics import Metrics, NodeFigures
from k3py.api.pod_subresources import PodSubresources
from k3py.api.pods import NodeStreams, PodStreams
from k3py.api.reading import Reader
from k3py.api.reverse_proxy.proxy import Proxy
from k3py.api.reviews import Reviews
from k3py.api.routing import Target
from k3py.api.tokens import Tokens
from k3py.api.watching import Watcher
from k3py.api.writing import Writer
from k3py.model import metrics
from k3py.model.errors import MethodNotAllowed
from k3py.model.user import User
from k3py.objects.evicting import Evictions
from k3py.objects.service import Objects

Handled = Answer | Awaitable[Answer]
# Every method that HTTP clients of applications use; a verb is what authorization is asked for.
PROXY_VERBS = ("get", "create", "update", "patch", "delete", "options")
Handler = Callable[[Request, Target, User], Handled]
# Subresources that are the object itself, of which a write changes only a part.
_PARTS = ("status", "approval", "ephemeralcontainers", "resize")


class Resources:
    """Answers requests for resources; who may ask was settled before."""

    def __init__(
        self,
        objects: Objects,
        authorizer: Authorizer,
        nodes: NodeStreams,
        tokens: Tokens,
        source: random.Random,
        helper: Helper | None = None,
    ) -> None:
        """``authorizer`` is asked by the self reviews; ``source`` spreads the ends of watches; ``helper`` does heavy
        writes, where there is one.
        """
        now = objects.clock.now
        reader = Reader(objects.store, objects, now)
        watcher = Watcher(objects.store, now, source)
        writer = Writer(objects, reader, Reviews(authorizer, tokens.review, now), now, helper)
        self._verbs = _verbs(reader, watcher, writer)
        figures = NodeFigures(nodes)
        self._metrics = _metrics(Metrics(objects, figures))
        proxy = Proxy(objects, nodes, figures, source)
        pods = PodSubresources(Evictions(objects))
        self._subresources = {
            **_subresources(reader, writer, PodStreams(objects, nodes), tokens),
            ("eviction", "create"): pods.evict,
            **{("proxy", verb): lambda request, target, user: proxy.answer(request, target) for verb in PROXY_VERBS},
        }

    def answer(self, request: Request, target: Target, user: User) -> Handled:
        """The answer to one request.

        Raises:
            MethodNotAllowed: the resource has no such verb.
            Problem: the request is refused.
        """
        handler: Handler | None = None
        served = target.is_served_to(request.method)
        if served and target.subresource:
            handler = self._subresources.get((target.subresource, target.verb))
        elif served and target.verb in target.kind.verbs:
            verbs = self._metrics if target.kind.group == metrics.GROUP else self._verbs
            handler = verbs.get(target.verb)
        if handler is None:
            raise MethodNotAllowed
        return handler(request, target, user)


def _verbs(reader: Reader, watcher: Watcher, writer: Writer) -> Mapping[str, Handler]:
    return {
        "get": lambda request, target, user: reader.get(request, target),
        "list": lambda request, target, user: reader.list(request, target),
        "watch": lambda request, target, user: watcher.watch(request, target),
        "create": writer.create,
        "update": writer.update,
        "patch": writer.patch,
        "delete": writer.delete,
        "deletecollection": writer.delete_collection,
    }


def _metrics(metrics: Metrics) -> Mapping[str, Handler]:
    return {
        "get": lambda request, target, user: metrics.get(request, target),
        "list": lambda request, target, user: metrics.list(request, target),
    }


def _subresources(
    reader: Reader, writer: Writer, streams: PodStreams, tokens: Tokens
) -> Mapping[tuple[str, str], Handler]:
    parts: dict[tuple[str, str], Handler] = {}
    for each in _PARTS:
        parts[each, "get"] = lambda request, target, user: reader.get(request, target)
    parts["scale", "get"] = lambda request, target, user: writer.get_scale(request, target)
    for each in (*_PARTS, "scale"):
        parts[each, "update"], parts[each, "patch"] = writer.update, writer.patch
    return {
        **parts,
        ("finalize", "update"): writer.update,
        ("binding", "create"): writer.bind,
        ("token", "create"): tokens.create,
        ("log", "get"): lambda request, target, user: streams.log(request, target),
        ("exec", "get"): lambda request, target, user: streams.exec(request, target),
        ("exec", "create"): lambda request, target, user: streams.exec(request, target),
        ("attach", "get"): lambda request, target, user: streams.attach(request, target),
        ("attach", "create"): lambda request, target, user: streams.attach(request, target),
        ("portforward", "get"): lambda request, target, user: streams.port_forward(request, target),
        ("portforward", "create"): lambda request, target, user: streams.port_forward(request, target),
    }
