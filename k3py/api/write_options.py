"""The options of writes and deletions, from a request's query, user agent and body.

Kubernetes' ``CreateOptions``, ``UpdateOptions``, ``PatchOptions`` and ``DeleteOptions`` (apimachinery
``meta/v1/validation``): everything that is wrong with them is said at once.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from k3py.api.http.messages import Request
from k3py.api.parameters import first, flag, integer
from k3py.model.errors import invalid
from k3py.model.generated import meta_v1
from k3py.objects.apply.managed import UNKNOWN
from k3py.objects.decode import decode_options
from k3py.objects.deletion import check_options
from k3py.objects.fields import Errors
from k3py.objects.options import (
    APPLY_PATCH,
    FIELD_MANAGER_LENGTH_MAX,
    FieldValidation,
    WriteOptions,
    field_manager_causes,
)

# Clients whose usual options are kept.
USER_AGENTS_MAX: Final = 64
# Which options object a method's refusal speaks of.
_KINDS: Final = {"POST": "CreateOptions", "PUT": "UpdateOptions", "PATCH": "PatchOptions"}
_VALIDATIONS: Final = {each.value: each for each in FieldValidation} | {"": FieldValidation.WARN}


def write_options(request: Request) -> WriteOptions:
    """The options of a write.

    Raises:
        Invalid: a value is none of those that Kubernetes has, or does not go with this kind of write.
    """
    query = request.query
    if not query and (request.method != "PATCH" or media_type(request) != APPLY_PATCH):
        return _usual_options(_user_agent(request))
    wrong = Errors()
    manager, force = first(query, "fieldManager"), flag(query, "force")
    if request.method == "PATCH":
        if media_type(request) != APPLY_PATCH:
            if force is not None:
                wrong.forbidden("force", "may not be specified for non-apply patch")
        elif not manager:
            wrong.required("fieldManager", "is required for apply patch")
    wrong.causes += field_manager_causes(manager)
    chosen = query.get("dryRun", [])
    if any(each != "All" for each in chosen):
        wrong.unsupported("dryRun", chosen, ("All",))
    validation = first(query, "fieldValidation")
    if validation not in _VALIDATIONS:
        wrong.unsupported("fieldValidation", validation, sorted(_VALIDATIONS))
    if wrong:
        raise invalid(_KINDS.get(request.method, "CreateOptions"), "meta.k8s.io", "", wrong.causes)
    return WriteOptions(
        dry_run=bool(chosen),
        field_manager=manager or _user_agent(request),
        field_validation=_VALIDATIONS[validation],
        force=bool(force),
    )


@lru_cache(USER_AGENTS_MAX)
def _usual_options(manager: str) -> WriteOptions:
    """Those of a client that asks for nothing."""
    return WriteOptions(field_manager=manager, field_validation=FieldValidation.WARN)


def _user_agent(request: Request) -> str:
    """The field manager of a client that names none: what its user agent says before the first slash."""
    name = request.header(b"user-agent").partition("/")[0]
    if not (len(name) <= FIELD_MANAGER_LENGTH_MAX and name.isascii() and name.isprintable()):
        name = _cut("".join(each for each in name if each.isprintable()))
    return name or UNKNOWN


def _cut(name: str) -> str:
    return name.encode()[:FIELD_MANAGER_LENGTH_MAX].decode(errors="ignore")


def media_type(request: Request) -> str:
    """The body's media type without parameters; JSON when the client does not say."""
    return request.header(b"content-type").partition(";")[0].strip().lower() or "application/json"


def delete_options(request: Request) -> meta_v1.DeleteOptions:
    """The options of a deletion: from the body, or when there is none from the query.

    Raises:
        BadRequest: the body or a number cannot be read.
        Invalid: they contradict themselves.
        UnsupportedMediaType: the body's type is unknown.
    """
    if request.body:
        options = decode_options(meta_v1.DeleteOptions, request.body, media_type(request))
    else:
        options = _from_query(request)
    # An alpha gate of Kubernetes guards it, and closed gates leave fields out.
    options.ignore_store_read_error_with_cluster_breaking_potential = None
    check_options(options)
    return options


def _from_query(request: Request) -> meta_v1.DeleteOptions:
    query = request.query
    policy: Sequence[str] = query.get("propagationPolicy", ())
    return meta_v1.DeleteOptions(
        grace_period_seconds=integer(query, "gracePeriodSeconds"),
        propagation_policy=policy[0] if policy else None,
        orphan_dependents=flag(query, "orphanDependents"),
        dry_run=list(query.get("dryRun", ())),
    )
