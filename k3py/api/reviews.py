"""Reviews: who am I, may I, what may I, whose token is this (``authentication.k8s.io``, ``authorization.k8s.io``)."""

from collections.abc import Callable
from typing import Any

from k3py.api.authorization import Attributes, Authorizer
from k3py.api.review_checks import AccessReview, check_access_review
from k3py.base.clock import rfc3339
from k3py.model import codec
from k3py.model.errors import BadRequest
from k3py.model.generated import authentication_v1, authorization_v1, meta_v1
from k3py.model.registry import Kind
from k3py.model.struct import Wire
from k3py.model.user import MASTERS, User
from k3py.objects.apply import target_of, updated
from k3py.objects.managing import typed_entries


class Reviews:
    """Answers reviews. They are asked with a create, and nothing is kept."""

    def __init__(
        self,
        authorizer: Authorizer,
        review_token: Callable[[authentication_v1.TokenReview], authentication_v1.TokenReview],
        now: Callable[[], float],
    ) -> None:
        """``now``: seconds since 1970."""
        self._authorizer = authorizer
        self._review_token = review_token
        self._now = now

    def answer(self, review: Wire, user: User, namespace: str) -> Wire:
        """The review with its status filled in; ``namespace`` is the request's, empty for those of the cluster.

        Raises:
            BadRequest: a TokenReview has no token, a review of rules no namespace. Invalid: an access review is wrong.
        """
        if isinstance(review, authentication_v1.SelfSubjectReview):
            return authentication_v1.SelfSubjectReview(
                metadata=meta_v1.ObjectMeta(creation_timestamp=rfc3339(int(self._now()))),
                status=authentication_v1.SelfSubjectReviewStatus(user_info=user_info(user)),
            )
        if isinstance(review, authentication_v1.TokenReview):
            return self._review_token(review)
        if isinstance(review, authorization_v1.SelfSubjectRulesReview):
            if not review.spec.namespace:
                raise BadRequest("no namespace on request")
            review.status = _rules(user)
        elif isinstance(review, AccessReview):
            check_access_review(review, namespace)
            allowed = self._authorizer.allows(_subject(review.spec, user), _attributes(review.spec))
            review.status = authorization_v1.SubjectAccessReviewStatus(allowed=allowed)
        return review


Spec = authorization_v1.SelfSubjectAccessReviewSpec | authorization_v1.SubjectAccessReviewSpec


def _subject(spec: Spec, asking: User) -> User:
    """Of whom it is asked what they may: the one who asks, or the one who is named."""
    if isinstance(spec, authorization_v1.SelfSubjectAccessReviewSpec):
        return asking
    return User(spec.user, spec.groups, spec.uid, spec.extra)


def own_review(kind: Kind, review: Any, manager: str, now: float) -> None:
    """Say in its metadata who wrote a review, as of anything that is created; what is answered is nobody's.

    ``now`` in seconds since 1970.
    """
    asked = {key: value for key, value in codec.to_plain(review).items() if key != "status"}
    review.metadata.managed_fields = typed_entries(updated(target_of(kind), None, asked, manager=manager, now=now))


def user_info(user: User) -> authentication_v1.UserInfo:
    """A user as reviews show it."""
    extra = {key: list(values) for key, values in user.extra.items()}
    return authentication_v1.UserInfo(username=user.name, uid=user.uid, groups=list(user.groups), extra=extra)


def _attributes(spec: Spec) -> Attributes:
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
