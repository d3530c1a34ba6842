"""The options of a list, watch or collection delete, and which of them go together.

Kubernetes' ``ListOptions`` (API Concepts, "Resource versions"; apimachinery ``internalversion/validation``).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from k3py.api.parameters import Query, first, flag, integer
from k3py.model.errors import BadRequest, Cause, Details, Invalid, Timeout, invalid
from k3py.model.field_selectors import FieldTerm, parse_field_terms
from k3py.model.selectors import Selector, parse_labels

EXACT = "Exact"
NOT_OLDER_THAN = "NotOlderThan"
# Nobody can have seen a greater one: revisions are numbers of 64 bits.
_REVISION_MAX = (1 << 64) - 1
_REVISION_DIGITS_MAX = 20
# Clients are asked to come back after this time for a revision that is on its way.
_COME_BACK_SECONDS = 1


@dataclass(frozen=True)
class ListOptions:
    """What a query says, read but not yet checked. ``labels`` None: every object; ``limit`` 0: no limit."""

    labels: Selector | None = None
    fields: Sequence[FieldTerm] = ()
    limit: int = 0
    continue_token: str = ""
    resource_version: str = ""
    match: str = ""
    send_initial_events: bool | None = None
    bookmarks: bool = False
    timeout_seconds: int | None = None

    @property
    def any_version(self) -> bool:
        """Whether the client takes whatever the server has."""
        return self.resource_version in ("", "0")


def list_options(query: Query) -> ListOptions:
    """The options in a query.

    Raises:
        BadRequest: a number or a selector cannot be parsed.
    """
    timeout, limit = integer(query, "timeoutSeconds"), integer(query, "limit")
    labels, fields = first(query, "labelSelector"), first(query, "fieldSelector")
    return ListOptions(
        labels=parse_labels(labels) if labels else None,
        fields=parse_field_terms(fields) if fields else (),
        limit=max(0, limit or 0),
        continue_token=first(query, "continue"),
        resource_version=first(query, "resourceVersion"),
        match=first(query, "resourceVersionMatch"),
        send_initial_events=flag(query, "sendInitialEvents"),
        bookmarks=bool(flag(query, "allowWatchBookmarks")),
        timeout_seconds=timeout,
    )


def check_list(options: ListOptions) -> None:
    """Whether the options of a list or a collection delete go together.

    Raises:
        Invalid: they do not; everything that is wrong is said.
    """
    wrong: list[Cause] = []
    match = options.match
    if match and not options.resource_version:
        wrong.append(_match("Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"))
    if match and options.continue_token:
        wrong.append(_match("Forbidden: resourceVersionMatch is forbidden when continue is provided"))
    if match and match not in (EXACT, NOT_OLDER_THAN):
        wrong.append(_match(f'Unsupported value: "{match}": supported values: "Exact", "NotOlderThan", ""'))
    if match == EXACT and options.resource_version == "0":
        wrong.append(_match('Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"'))
    if options.send_initial_events is not None:
        said = "Forbidden: sendInitialEvents is forbidden for list"
        wrong.append(Cause("FieldValueForbidden", said, "sendInitialEvents"))
    if wrong:
        raise _refused(wrong)


def check_watch(options: ListOptions) -> None:
    """Whether the options of a watch go together.

    Raises:
        Invalid: they do not; everything that is wrong is said.
    """
    wrong: list[Cause] = []
    match, asked = options.match, options.send_initial_events is not None
    if asked and match != NOT_OLDER_THAN:
        wrong.append(_match("Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"))
    if match and not asked:
        said = "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
        wrong.append(_match(said))
    if match and match != NOT_OLDER_THAN:
        wrong.append(_match(f'Unsupported value: "{match}": supported values: "NotOlderThan"'))
    if options.continue_token and (match or _begins_with_a_list(options)):
        wrong.append(_match("Forbidden: resourceVersionMatch is forbidden when continue is provided"))
    if wrong:
        raise _refused(wrong)


def sends_initial_events(options: ListOptions) -> bool:
    """Whether a watch begins with the objects that are there: when asked to, or when nothing is said of a version."""
    if options.send_initial_events is not None:
        return options.send_initial_events
    return _begins_with_a_list(options)


def _begins_with_a_list(options: ListOptions) -> bool:
    return options.any_version and not options.match and options.send_initial_events is None


def is_exact(options: ListOptions, *, one_object: bool) -> bool:
    """Whether a list is of the very revision it names: also a page of it, unless ``one_object`` alone can match."""
    if options.match:
        return options.match == EXACT
    return bool(options.limit) and not one_object and not options.any_version


def parse_revision(text: str) -> int:
    """A resourceVersion parameter; 0 when it is not given.

    Raises:
        BadRequest: it is no number of 64 bits.
    """
    if not text:
        return 0
    digits = text.isascii() and text.isdigit()
    significant = text.lstrip("0") or "0"
    if digits and len(significant) <= _REVISION_DIGITS_MAX and int(significant) <= _REVISION_MAX:
        return int(significant)
    said = "value out of range" if digits else "invalid syntax"
    shown = text if len(text) <= 2 * _REVISION_DIGITS_MAX else f"{text[: 2 * _REVISION_DIGITS_MAX]}..."
    raise BadRequest(
        f'invalid resource version: resourceVersion: Invalid value: "{shown}": strconv.ParseUint: parsing "{shown}": '
        f"{said}"
    )


def too_large(revision: int, newest: int) -> Timeout:
    """What is said of a revision that has not come yet."""
    causes = (Cause("ResourceVersionTooLarge", "Too large resource version", ""),)
    return Timeout(
        f"Timeout: Too large resource version: {revision}, current: {newest}",
        Details(causes=causes, retry_after_seconds=_COME_BACK_SECONDS),
    )


def _match(said: str) -> Cause:
    reason = "FieldValueForbidden" if said.startswith("Forbidden") else "FieldValueNotSupported"
    return Cause(reason, said, "resourceVersionMatch")


def _refused(wrong: Sequence[Cause]) -> Invalid:
    return invalid("ListOptions", "meta.k8s.io", "", wrong)
