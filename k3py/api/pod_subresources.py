"""``pods/eviction``: HTTP around evictions."""

import msgspec

from k3py.api.heavy.weight import check_question
from k3py.api.http.messages import Request, Response
from k3py.api.routing import Target
from k3py.api.warning_headers import warning_headers
from k3py.api.write_options import media_type, write_options
from k3py.model.generated import policy_v1
from k3py.model.registry import Kind
from k3py.model.user import User
from k3py.objects.decode import decode_body
from k3py.objects.evicting import Evictions
from k3py.objects.identity import check_namespace

EVICTION = Kind(policy_v1.Eviction, "evictions", stored=False)
_EVICTED = msgspec.json.encode({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201})


class PodSubresources:
    """Answers writes of pods' subresources that are no part of the pod."""

    def __init__(self, evictions: Evictions) -> None:
        self._evictions = evictions

    async def evict(self, request: Request, target: Target, user: User) -> Response:
        """Delete a pod if its disruption budget allows that.

        Raises:
            Problem: as ``Evictions.evict``, or the body cannot be read.
        """
        options = write_options(request)
        check_question(request.body, media_type(request))
        asked, said = decode_body(EVICTION, request.body, media_type(request), options.field_validation)
        assert isinstance(asked, policy_v1.Eviction)
        check_namespace(EVICTION, target.namespace, asked.metadata)
        await self._evictions.evict(target.namespace, target.name, asked, options, user)
        return Response(201, _EVICTED, headers=warning_headers(said))
