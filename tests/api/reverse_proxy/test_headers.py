"""Header fields on both ways, redirects, and links in pages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.api.reverse_proxy.headers import join_paths, request_fields, response_fields, rewrite_url, upgrade_fields
from k3py.api.reverse_proxy.html import TAG_BYTES_MAX, LinkRewriter

PREFIX = "/api/v1/namespaces/ns/services/web/proxy"


def sent(headers: dict[str, str], **more: str) -> dict[str, str]:
    raw = {name.encode(): value.encode() for name, value in headers.items()}
    return dict(request_fields(raw, "192.0.2.9", f"{PREFIX}/x", 3, **more))


def test_hop_by_hop_fields_and_credentials_stay_behind() -> None:
    fields = sent(
        {
            "host": "api", "accept": "*/*", "connection": "keep-alive, X-Hop", "x-hop": "1", "keep-alive": "5",
            "te": "gzip, trailers", "transfer-encoding": "chunked", "authorization": "Bearer secret",
            "impersonate-user": "root", "proxy-authorization": "x", "upgrade": "h2c", "content-length": "99",
            "cookie": "a=b", "expect": "100-continue", "x-forwarded-for": "198.51.100.1",
        }
    )  # fmt: skip
    assert fields == {
        "host": "api", "accept": "*/*", "cookie": "a=b", "te": "trailers", "content-length": "3",
        "connection": "close", "x-forwarded-for": "198.51.100.1, 192.0.2.9", "x-forwarded-uri": f"{PREFIX}/x",
    }  # fmt: skip


def test_an_upgrade_keeps_its_fields_but_no_token() -> None:
    fields = sent(
        {
            "connection": "Upgrade", "upgrade": "websocket", "sec-websocket-key": "k",
            "sec-websocket-protocol": "chat, base64url.bearer.authorization.k8s.io.c2VjcmV0",
        },
        upgrade="websocket",
    )  # fmt: skip
    assert (fields["connection"], fields["upgrade"]) == ("Upgrade", "websocket")
    assert fields["sec-websocket-protocol"] == "chat"
    only_token = {"sec-websocket-protocol": "base64url.bearer.authorization.k8s.io.c2VjcmV0"}
    assert "sec-websocket-protocol" not in sent(only_token)


def test_an_answers_fields() -> None:
    answered = [
        ("Content-Length", "5"), ("Content-Type", "text/plain"), ("Connection", "close, X-Mine"), ("X-Mine", "1"),
        ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("Access-Control-Allow-Origin", "*"),
        ("Transfer-Encoding", "chunked"), ("Upgrade", "websocket"),
    ]  # fmt: skip
    assert response_fields(answered) == [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
    assert ("Upgrade", "websocket") in upgrade_fields(answered)


@pytest.mark.parametrize(
    ("link", "led"),
    [
        ("/login", f"{PREFIX}/login"),
        ("/", f"{PREFIX}/"),
        ("/a/?q=1#x", f"{PREFIX}/a/?q=1#x"),
        ("login", "login"),
        ("?page=2", "?page=2"),
        ("#top", "#top"),
        ("http://api:6443/login", f"http://api:6443{PREFIX}/login"),
        ("https://elsewhere/login", "https://elsewhere/login"),
        ("//cdn.example/x.js", "//cdn.example/x.js"),
        (f"{PREFIX}/again", f"{PREFIX}/again"),
        (f"{PREFIX}x", f"{PREFIX}{PREFIX}x"),
        ("mailto:a@b", "mailto:a@b"),
        ("http://[broken", "http://[broken"),
    ],
)
def test_links_that_stay_on_the_backend_are_led_through_the_proxy(link: str, led: str) -> None:
    assert rewrite_url(link, PREFIX, "api:6443") == led


@given(st.text(max_size=60))
def test_a_link_is_rewritten_once(link: str) -> None:
    once = rewrite_url(link, PREFIX, "api")
    assert rewrite_url(once, PREFIX, "api") == once


def test_paths_are_joined_with_one_slash() -> None:
    assert join_paths(PREFIX, "") == PREFIX
    assert join_paths(PREFIX, "/a//b/") == f"{PREFIX}/a/b/"
    assert join_paths("/", "/") == "/"


PAGES = [
    ('<a href="/x">', f'<a href="{PREFIX}/x">'),
    ("<A class=b HREF='/x' title=\"> /no\">", f"<A class=b HREF='{PREFIX}/x' title=\"> /no\">"),
    ("<img src=/i.png alt='/no'>", f"<img src={PREFIX}/i.png alt='/no'>"),
    ('<p title="/x" href="/x">', '<p title="/x" href="/x">'),
    ('<script src="/s.js">var a = "<a href=\'/x\'>";</script><a href="/y">',
     f'<script src="{PREFIX}/s.js">var a = "<a href=\'/x\'>";</script><a href="{PREFIX}/y">'),
    ('a < b <!-- <a> --> <a\nhref = "/x" >', f'a < b <!-- <a> --> <a\nhref = "{PREFIX}/x" >'),
    ('<form action="/f"><input formaction="/g" value="/v">',
     f'<form action="{PREFIX}/f"><input formaction="{PREFIX}/g" value="/v">'),
    ('<a data-x="href=\'/n\'" href="/y">', f'<a data-x="href=\'/n\'" href="{PREFIX}/y">'),
]  # fmt: skip


@pytest.mark.parametrize(("page", "shown"), PAGES)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_links_in_a_page(page: str, shown: str, size: int) -> None:
    rewriter = LinkRewriter(PREFIX, "api")
    pieces = [page[at : at + size].encode() for at in range(0, len(page), size)]
    assert b"".join([*map(rewriter.feed, pieces), rewriter.finish()]).decode() == shown


WORDS = [b"<a href=", b'"/x"', b">", b"<script>", b"</script>", b"<"]


@given(st.lists(st.binary(max_size=40) | st.sampled_from(WORDS)))
def test_a_page_without_links_to_rewrite_passes_as_it_is(pieces: list[bytes]) -> None:
    rewriter = LinkRewriter("", "api")  # everything is below an empty prefix already
    assert b"".join([*map(rewriter.feed, pieces), rewriter.finish()]) == b"".join(pieces)


def test_a_tag_without_an_end_is_not_held_for_ever() -> None:
    rewriter = LinkRewriter(PREFIX, "api")
    endless = b'<a href="' + b"x" * TAG_BYTES_MAX
    assert rewriter.feed(endless[:-1000]) == b""
    assert rewriter.feed(endless[-1000:]) == endless
    assert rewriter.finish() == b""
