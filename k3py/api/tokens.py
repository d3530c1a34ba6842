"""TokenRequest and TokenReview: tokens of service accounts are given, and anybody's are looked at."""

from collections.abc import Sequence

from k3py.api.authentication import TokenAuthenticator, authenticated
from k3py.api.heavy.weight import check_question
from k3py.api.http.messages import Request, Response
from k3py.api.lists import respond
from k3py.api.negotiation import wanted
from k3py.api.reviews import user_info
from k3py.api.routing import Target
from k3py.api.service_account_tokens import ServiceAccountTokens
from k3py.api.warning_headers import warning_headers
from k3py.api.write_options import media_type, write_options
from k3py.model import codec
from k3py.model.errors import BadRequest
from k3py.model.generated.authentication_v1 import TokenRequest, TokenReview, TokenReviewStatus
from k3py.model.registry import Kind
from k3py.model.user import User
from k3py.objects.decode import decode_body
from k3py.objects.token_requests import TokenIssuer
from k3py.pki.errors import BadSignedToken
from k3py.pki.service_account_tokens import API_AUDIENCES

TOKEN_REQUEST = Kind(TokenRequest, "tokenrequests", stored=False)


class Tokens:
    """Answers what is asked about tokens. ``others`` recognise tokens that are no service account's."""

    def __init__(
        self, issuer: TokenIssuer, accounts: ServiceAccountTokens, others: Sequence[TokenAuthenticator] = ()
    ) -> None:
        self._issuer = issuer
        self._accounts = accounts
        self._others = others

    def create(self, request: Request, target: Target, user: User) -> Response:
        """``serviceaccounts/token``: a new token.

        Raises:
            Problem: as ``TokenIssuer.issue``, or the body cannot be read.
        """
        form = wanted(request)
        options = write_options(request)
        check_question(request.body, media_type(request))
        asked, warnings = decode_body(TOKEN_REQUEST, request.body, media_type(request), options.field_validation)
        made = self._issuer.issue(target.namespace, target.name, asked, user)
        return respond(201, codec.encode(made), form, warning_headers(warnings))

    def review(self, review: TokenReview) -> TokenReview:
        """The review with its status filled in.

        Raises:
            BadRequest: it has no token.
        """
        token = review.spec.token
        if not token:
            raise BadRequest("token is required for TokenReview in authentication")
        audiences = review.spec.audiences or list(API_AUDIENCES)
        try:
            user, shared = self._accounts.review(token, audiences)
            review.status = _status(user, shared)
        except BadSignedToken as problem:
            review.status = self._by_others(token, audiences) or TokenReviewStatus(error=f"{problem}")
        return review

    def _by_others(self, token: str, audiences: Sequence[str]) -> TokenReviewStatus | None:
        """Other tokens are for the API server alone."""
        shared = [each for each in audiences if each in API_AUDIENCES]
        for method in self._others if shared else ():
            user = method.authenticate(token)
            if user is not None:
                return _status(user, shared)
        return None


def _status(user: User, audiences: Sequence[str]) -> TokenReviewStatus:
    return TokenReviewStatus(authenticated=True, user=user_info(authenticated(user)), audiences=list(audiences))
