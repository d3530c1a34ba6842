"""What the server says of itself: version, health, discovery, OpenAPI."""

from collections.abc import Mapping

from k3py.api.discovery import Discovery
from k3py.api.health import GIT_VERSION, PATHS, Check, Health
from k3py.api.http.messages import Request, Response
from k3py.api.openapi import OpenApi
from k3py.model.registry import Registry


class Documents:
    """Answers by path. ``version`` is the body of ``/version``, ``checks`` are those of ``/readyz`` and its kin."""

    def __init__(self, kinds: Registry, version: bytes, checks: Mapping[str, Check]) -> None:
        self._discovery = Discovery(kinds)
        self._openapi = OpenApi(kinds, GIT_VERSION)
        self._health = Health(checks)
        self._version = version

    def public(self, request: Request, path: str) -> Response | None:
        """What everybody may read, also without credentials; None when the path is nothing of that.

        Raises:
            NotFound: there is no such health check.
        """
        if path == "/version":
            return Response(200, self._version)
        if path in PATHS or path.startswith(tuple(f"{each}/" for each in PATHS)):
            return self._health.answer(request, path)
        return None

    def answer(self, request: Request, path: str) -> Response | None:
        """What those who may look at the API's description read; None when there is nothing at the path.

        Raises:
            NotFound: there is no such OpenAPI document.
        """
        if path in ("/openapi/v2", "/openapi/v3") or path.startswith("/openapi/v3/"):
            return self._openapi.answer(request, path)
        return self._discovery.answer(request, path)
