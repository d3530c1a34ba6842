"""Version and health: what load balancers, ``kubectl version`` and people ask first."""

from collections.abc import Callable, Mapping

import msgspec

from k3py import __version__
from k3py.api.http.messages import Request, Response

KUBERNETES_MAJOR, KUBERNETES_MINOR = "1", "36"
GIT_VERSION = f"v{KUBERNETES_MAJOR}.{KUBERNETES_MINOR}.0+k3py{__version__}"
TEXT = "text/plain; charset=utf-8"
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


def is_health(path: str) -> bool:
    """Whether a path is one of ``Health``'s."""
    return path in PATHS or path.startswith(tuple(f"{each}/" for each in PATHS))


class Health:
    """Runs named checks. A check is cheap and never waits."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = {"ping": lambda: None, **checks}

    def answer(self, request: Request, path: str) -> Response:
        """``/healthz``, ``/livez``, ``/readyz`` with ``?verbose`` and ``?exclude=``, or one check below them."""
        root, _, one = path.removeprefix("/").partition("/")
        if one:
            check = self._checks.get(one)
            if check is None:
                return Response(404, b"404 page not found\n", TEXT)
            problem = check()
            return Response(
                500 if problem else 200, (f"internal server error: {problem}\n" if problem else "ok").encode(), TEXT
            )
        excluded = request.query.get("exclude", ())
        lines, failed = [], False
        for name, check in self._checks.items():
            why = None if name in excluded else check()
            failed = failed or why is not None
            said = f"{name} excluded: ok" if name in excluded else f"{name} ok"
            lines.append(f"[-]{name} failed: {why}" if why is not None else f"[+]{said}")
        if not failed and "verbose" not in request.query:
            return Response(200, b"ok", TEXT)
        unknown = sorted({each for each in excluded if each not in self._checks})
        if unknown:
            quoted = ", ".join(f'"{each}"' for each in unknown)
            lines.append(f"warn: some health checks cannot be excluded: no matches for {quoted}")
        lines.append(f"{root} check {'failed' if failed else 'passed'}\n")
        return Response(500 if failed else 200, "\n".join(lines).encode(), TEXT)
