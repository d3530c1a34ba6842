"""What the server decides about a certificate signing request: who asks, what stays, when a condition came.

Source: Kubernetes ``pkg/registry/certificates/certificates/strategy.go`` and the admission plugin
CertificateSubjectRestriction.
"""

from k3py.base.clock import rfc3339
from k3py.model.errors import forbidden
from k3py.model.generated import certificates_v1
from k3py.model.registry import Kind
from k3py.model.user import MASTERS, User
from k3py.objects.validation.certificates import CLIENT_SIGNER, organizations

Request = certificates_v1.CertificateSigningRequest


def name_requester(obj: Request, user: User) -> None:
    """Who asks is who is asking; what the object says of it does not count."""
    spec = obj.spec
    spec.username, spec.uid, spec.groups = user.name, user.uid, list(user.groups)
    spec.extra = {key: list(values) for key, values in user.extra.items()}


def check_subject(kind: Kind, obj: Request) -> None:
    """Nobody becomes a master by a client certificate.

    Raises:
        Forbidden: the subject is in the group ``system:masters``, or cannot be read.
    """
    if obj.spec.signer_name != CLIENT_SIGNER:
        return
    try:
        groups = organizations(obj.spec.request)
    except ValueError as error:
        why = f"failed to parse CSR: {error}"
        raise forbidden(kind.plural, kind.group, obj.metadata.name, why) from error
    if MASTERS in groups:
        why = f"use of {CLIENT_SIGNER} signer with {MASTERS} group is not allowed"
        raise forbidden(kind.plural, kind.group, obj.metadata.name, why)


def keep_request(new: Request, old: Request) -> None:
    """A change of the object itself reaches only its metadata."""
    new.spec = old.spec


def keep_for_approval(new: Request, old: Request) -> None:
    """An approval reaches only the conditions."""
    new.spec = old.spec
    conditions = new.status.conditions
    new.status = certificates_v1.CertificateSigningRequestStatus(
        conditions=conditions, certificate=old.status.certificate
    )


def stamp_conditions(new: Request, old: Request, now: float) -> None:
    """Conditions without times get ``now`` (seconds since 1970); one that was there keeps the time it came."""
    stamp = rfc3339(int(now))
    came = {(each.type, each.status): each.last_transition_time for each in reversed(old.status.conditions)}
    for each in new.status.conditions:
        each.last_update_time = each.last_update_time or stamp
        each.last_transition_time = each.last_transition_time or came.get((each.type, each.status)) or stamp
