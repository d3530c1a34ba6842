"""What the server says of itself: version, health, discovery, OpenAPI."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from k3py.api.discovery import JSON, Discovery
from k3py.api.health import GIT_VERSION, PATHS, Check, Health, is_health
from k3py.api.http.messages import Request, Response
from k3py.api.openapi import OpenApi
from k3py.model.errors import MethodNotAllowed
from k3py.model.registry import Registry
from k3py.pki.jwt import ALGORITHM, SigningKeys
from k3py.pki.service_account_tokens import ISSUER

ISSUER_PATH: Final = "/.well-known/openid-configuration"
KEYS_PATH: Final = "/openid/v1/jwks"
VERSION_PATH: Final = "/version"
OTHER_PATHS: Final = (ISSUER_PATH, KEYS_PATH, *PATHS, "/openapi/v2", "/openapi/v3", VERSION_PATH)
"""What ``/`` names beside the discovery documents."""


@dataclass(frozen=True)
class IssuerDocuments:
    """What others need to check service accounts' tokens: OpenID Connect Discovery 1.0, section 3, and the keys."""

    configuration: bytes
    keys: bytes

    @classmethod
    def of(cls, keys: SigningKeys) -> "IssuerDocuments":
        """The documents of an issuer with these keys."""
        configuration = {
            "issuer": ISSUER,
            "jwks_uri": ISSUER + KEYS_PATH,
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [ALGORITHM],
        }
        return cls(msgspec.json.encode(configuration), msgspec.json.encode(keys.jwks()))


class Documents:
    """Answers by path. ``version`` is the body of ``/version``, ``checks`` are those of ``/readyz`` and its kin."""

    def __init__(self, kinds: Registry, version: bytes, checks: Mapping[str, Check], issuer: IssuerDocuments) -> None:
        self._discovery = Discovery(kinds)
        self._openapi = OpenApi(kinds, GIT_VERSION)
        self._health = Health(checks)
        self._read_only = {
            VERSION_PATH: (version, JSON),
            ISSUER_PATH: (issuer.configuration, JSON),
            KEYS_PATH: (issuer.keys, "application/jwk-set+json"),
        }
        self._root = msgspec.json.encode({"paths": sorted([*self._discovery.paths, *OTHER_PATHS])})

    @staticmethod
    def is_public(path: str) -> bool:
        """Whether everybody may GET what is there, also without credentials."""
        return path in (VERSION_PATH, KEYS_PATH) or is_health(path)

    def answer(self, request: Request, path: str) -> Response | None:
        """What is at a path; None when there is nothing. As in kube-apiserver, some of it is there for every method.

        Raises:
            MethodNotAllowed: it is only to be had with GET.
            NotAcceptable: the client takes none of the forms of a discovery document.
        """
        read_only = self._read_only.get(path)
        if read_only is not None:
            if request.method != "GET":
                raise MethodNotAllowed
            return Response(200, *read_only)
        if path == "/":
            return Response(200, self._root)
        if is_health(path):
            return self._health.answer(request, path)
        if path in ("/openapi/v2", "/openapi/v3") or path.startswith("/openapi/v3/"):
            return self._openapi.answer(request, path)
        return self._discovery.answer(request, path)

    def missing(self, path: str) -> Response:
        """The answer where nothing is.

        Raises:
            NotFound: it would be in the API's groups.
        """
        return self._discovery.missing(path)
