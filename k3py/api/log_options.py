"""The options of a log, as Kubernetes reads and checks them (core/v1 PodLogOptions). Values in, values out."""

import re
from typing import Final

from k3py.api.parameters import Query, first, flag, integer
from k3py.base.clock import parse_rfc3339
from k3py.model.errors import BadRequest, invalid
from k3py.model.generated.core_v1 import Pod
from k3py.model.streams import Logs
from k3py.objects.fields import Errors

_RFC3339: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})")
_QUOTED_MAX: Final = 64
ALL_STREAMS: Final = "All"
STREAMS: Final = (ALL_STREAMS, "Stderr", "Stdout")


def check_log_options(query: Query, pod: str) -> None:
    """Whether the options of a log of the pod with this name make sense.

    Raises:
        BadRequest: one cannot be read.
        Invalid: one is out of its range, or two exclude each other.
    """
    wrong = Errors()
    tail, limit, since = integer(query, "tailLines"), integer(query, "limitBytes"), integer(query, "sinceSeconds")
    since_time = _time(query)
    wrong.not_negative("tailLines", tail)
    if limit is not None and limit < 1:
        wrong.invalid("limitBytes", limit, "must be greater than 0")
    if since is not None and since_time is not None:
        wrong.forbidden("", "at most one of `sinceTime` or `sinceSeconds` may be specified")
    elif since is not None and since < 1:
        wrong.invalid("sinceSeconds", since, "must be greater than 0")
    stream = first(query, "stream") or ALL_STREAMS
    if stream not in STREAMS:
        wrong.unsupported("stream", stream[:_QUOTED_MAX], STREAMS)
    elif stream != ALL_STREAMS and tail is not None:
        wrong.forbidden("", "`tailLines` and specific `stream` are mutually exclusive for now")
    if wrong:
        raise invalid("PodLogOptions", "", pod, wrong.causes)


def logs_request(pod: Pod, container: str, query: Query) -> Logs:
    """What the node is asked for; the options were checked before."""
    return Logs(
        namespace=pod.metadata.namespace,
        pod=pod.metadata.name,
        uid=pod.metadata.uid,
        container=container,
        follow=_flag(query, "follow"),
        previous=_flag(query, "previous"),
        since_seconds=integer(query, "sinceSeconds"),
        since_time=_time(query),
        tail_lines=integer(query, "tailLines"),
        timestamps=_flag(query, "timestamps"),
        limit_bytes=integer(query, "limitBytes"),
        stream=first(query, "stream") or ALL_STREAMS,
    )


def _flag(query: Query, name: str) -> bool:
    return bool(flag(query, name))


def _time(query: Query) -> str | None:
    text = first(query, "sinceTime")
    if not text:
        return None
    try:
        if not _RFC3339.fullmatch(text):
            raise ValueError
        parse_rfc3339(text)
    except (ValueError, OverflowError):
        shown = text[:_QUOTED_MAX]
        raise BadRequest(
            f'parsing time "{shown}" as "2006-01-02T15:04:05Z07:00": cannot parse "{shown}" as "2006"'
        ) from None
    return text
