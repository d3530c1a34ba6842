"""Any query is read or refused."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from k3py.api.log_options import check_log_options, logs_request
from k3py.model.errors import BadRequest, Invalid
from k3py.model.generated.core_v1 import Pod
from k3py.model.streams import decode_request, encode_request

NAMES = st.sampled_from(["tailLines", "limitBytes", "sinceSeconds", "sinceTime", "follow", "previous", "stream"])
TEXTS = st.text(max_size=25) | st.integers().map(str) | st.datetimes().map(lambda time: f"{time.isoformat()}Z")


@given(st.dictionaries(NAMES, st.lists(TEXTS, min_size=1, max_size=2)))
def test_any_query_is_read_or_refused(query: dict[str, list[str]]) -> None:
    with contextlib.suppress(BadRequest, Invalid):
        check_log_options(query, "web")
        request = logs_request(Pod(), "c", query)
        assert decode_request(encode_request(request)) == request
