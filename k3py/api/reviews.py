"""Reviews: who am I, may I, what may I, whose token is this (``authentication.k8s.io``, ``authorization.k8s.io``)."""

from collections.abc import Callable

from k3py.api.authorization import Attributes, Authorizer
from k3py.model.generated import authentication_v1, authorization_v1
from k3py.model.struct import Wire
from k3py.model.user import MASTERS, User


class Reviews:
    """Answers reviews. They are asked with a create, and nothing is kept."""

    def __init__(
        self,
        authorizer: Authorizer,
        review_token: Callable[[authentication_v1.TokenReview], authentication_v1.TokenReview],
    ) -> None:
        self._authorizer = authorizer
        self._review_token = review_token

    def answer(self, review: Wire, user: User) -> Wire:
        """The review with its status filled in.

        Raises:
            BadRequest: a TokenReview has no token.
        """
        if isinstance(review, authentication_v1.SelfSubjectReview):
            review.status.user_info = user_info(user)
        elif isinstance(review, authentication_v1.TokenReview):
            return self._review_token(review)
        elif isinstance(review, authorization_v1.SelfSubjectAccessReview):
            allowed = self._authorizer.allows(user, _attributes(review.spec))
            review.status = authorization_v1.SubjectAccessReviewStatus(allowed=allowed)
        elif isinstance(review, authorization_v1.SelfSubjectRulesReview):
            review.status = _rules(user)
        return review


def user_info(user: User) -> authentication_v1.UserInfo:
    """A user as reviews show it."""
    extra = {key: list(values) for key, values in user.extra.items()}
    return authentication_v1.UserInfo(username=user.name, uid=user.uid, groups=list(user.groups), extra=extra)


def _attributes(spec: authorization_v1.SelfSubjectAccessReviewSpec) -> Attributes:
    resource, other = spec.resource_attributes, spec.non_resource_attributes
    if resource is not None:
        return Attributes(
            resource.verb,
            resource.group,
            resource.resource,
            resource.subresource,
            resource.namespace,
            resource.name,
        )
    return Attributes(other.verb if other else "", path=other.path if other else "/")


def _rules(user: User) -> authorization_v1.SubjectRulesReviewStatus:
    if MASTERS in user.groups:
        return authorization_v1.SubjectRulesReviewStatus(
            resource_rules=[authorization_v1.ResourceRule(verbs=["*"], api_groups=["*"], resources=["*"])],
            non_resource_rules=[authorization_v1.NonResourceRule(verbs=["*"], non_resource_urls=["*"])],
        )
    reviews = ["selfsubjectaccessreviews", "selfsubjectrulesreviews"]
    return authorization_v1.SubjectRulesReviewStatus(
        resource_rules=[
            authorization_v1.ResourceRule(verbs=["create"], api_groups=["authorization.k8s.io"], resources=reviews),
            authorization_v1.ResourceRule(
                verbs=["create"], api_groups=["authentication.k8s.io"], resources=["selfsubjectreviews"]
            ),
        ],
        incomplete=True,
        evaluation_error="rules of nodes are not listed",
    )
