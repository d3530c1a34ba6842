"""Version and health: what load balancers, ``kubectl version`` and people ask first."""

from collections.abc import Callable, Mapping

import msgspec

from k3py import __version__
from k3py.api.http.messages import Request, Response
from k3py.model.errors import NotFound

KUBERNETES_MAJOR, KUBERNETES_MINOR = "1", "36"
GIT_VERSION = f"v{KUBERNETES_MAJOR}.{KUBERNETES_MINOR}.0+k3py{__version__}"
PATHS = ("/healthz", "/livez", "/readyz")

Check = Callable[[], str | None]
"""Says what is wrong, or None."""


def version_document(platform: str, python: str) -> bytes:
    """``/version``: the Kubernetes version whose API is spoken; ``platform`` is like ``linux/amd64``."""
    return msgspec.json.encode(
        {
            "major": KUBERNETES_MAJOR,
            "minor": KUBERNETES_MINOR,
            "emulationMajor": KUBERNETES_MAJOR,
            "emulationMinor": KUBERNETES_MINOR,
            "minCompatibilityMajor": KUBERNETES_MAJOR,
            "minCompatibilityMinor": str(int(KUBERNETES_MINOR) - 1),
            "gitVersion": GIT_VERSION,
            "gitCommit": "",
            "gitTreeState": "clean",
            "buildDate": "1970-01-01T00:00:00Z",
            "goVersion": f"python{python}",
            "compiler": "cpython",
            "platform": platform,
        }
    )


class Health:
    """Runs named checks. A check is cheap and never waits."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = {"ping": lambda: None, **checks}

    def answer(self, request: Request, path: str) -> Response:
        """``/healthz``, ``/livez``, ``/readyz`` with ``?verbose`` and ``?exclude=``, or one check below them.

        Raises:
            NotFound: no such check.
        """
        root, _, one = path.removeprefix("/").partition("/")
        if one:
            if one not in self._checks:
                raise NotFound("the server could not find the requested resource")
            problem = self._checks[one]()
            return Response(500 if problem else 200, (problem or "ok").encode(), "text/plain; charset=utf-8")
        excluded = set(request.query.get("exclude", ()))
        results = {name: check() for name, check in self._checks.items() if name not in excluded}
        failed = any(results.values())
        if not failed and "verbose" not in request.query:
            return Response(200, b"ok", "text/plain; charset=utf-8")
        lines = [f"[-]{name} failed: {why}" if why else f"[+]{name} ok" for name, why in results.items()]
        lines += [f"[+]{name} excluded: ok" for name in sorted(excluded & set(self._checks))]
        lines.append(f"{root} check {'failed' if failed else 'passed'}\n")
        return Response(500 if failed else 200, "\n".join(lines).encode(), "text/plain; charset=utf-8")
