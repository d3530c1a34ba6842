"""Links in a page that comes through the proxy, led through it again. It decides only.

Absolute paths in a page mean the backend's root, which is below a prefix here. As Kubernetes does, the attributes of
HTML that hold URLs are changed, and nothing else: scripts and styles stay as they are.
"""

import re
from collections.abc import Callable
from typing import Final

from k3py.api.reverse_proxy.headers import rewrite_url

# A tag that is longer is passed on as it is; what has come of it is held until its end.
TAG_BYTES_MAX: Final = 16 * 1024

_ATTRIBUTES: Final[dict[bytes, tuple[bytes, ...]]] = {
    b"a": (b"href",), b"applet": (b"codebase",), b"area": (b"href",), b"audio": (b"src",), b"base": (b"href",),
    b"blockquote": (b"cite",), b"body": (b"background",), b"button": (b"formaction",), b"command": (b"icon",),
    b"del": (b"cite",), b"embed": (b"src",), b"form": (b"action",), b"frame": (b"longdesc", b"src"),
    b"head": (b"profile",), b"html": (b"manifest",), b"iframe": (b"longdesc", b"src"),
    b"img": (b"longdesc", b"src", b"usemap"), b"input": (b"src", b"usemap", b"formaction"), b"ins": (b"cite",),
    b"link": (b"href",), b"object": (b"classid", b"codebase", b"data", b"usemap"), b"q": (b"cite",),
    b"script": (b"src",), b"source": (b"src",), b"video": (b"poster", b"src"),
}  # fmt: skip
_NAME: Final = re.compile(rb"<([a-zA-Z][a-zA-Z0-9]*)(?=[\s/>])")
_STOP: Final = re.compile(rb"[>\"']")
_VALUE: Final = re.compile(rb"""([a-zA-Z-]+)(\s*=\s*)("[^"]*"|'[^']*'|[^\s"'>]+)|"[^"]*"|'[^']*'""")
_OPAQUE: Final = (b"script", b"style", b"textarea", b"title")


class LinkRewriter:
    """Rewrites a page piece by piece: give it bytes, pass on what it returns, and ``finish`` at the end."""

    def __init__(self, prefix: str, request_host: str) -> None:
        """Arguments as those of ``rewrite_url``."""
        self._rewrite: Callable[[str], str] = lambda text: rewrite_url(text, prefix, request_host)
        self._held = b""
        self._until = b""  # inside this element nothing is a tag but its end

    def feed(self, data: bytes) -> bytes:
        """What can be passed on now; the beginning of a tag is held until its end comes."""
        data, self._held, at, out = self._held + data, b"", 0, []
        while at < len(data):
            start = data.find(b"<", at)
            if start < 0:
                out.append(data[at:])
                break
            out.append(data[at:start])
            end = _tag_end(data, start)
            if end < 0:
                if len(data) - start > TAG_BYTES_MAX:
                    out.append(data[start:])
                else:
                    self._held = data[start:]
                break
            out.append(self._tag(data[start:end]))
            at = end
        return b"".join(out)

    def finish(self) -> bytes:
        """What was held."""
        held, self._held = self._held, b""
        return held

    def _tag(self, tag: bytes) -> bytes:
        if self._until:
            if tag[2:].lower().startswith(self._until) and tag[1:2] == b"/":
                self._until = b""
            return tag
        named = _NAME.match(tag)
        if named is None:
            return tag
        name = named[1].lower()
        if name in _OPAQUE:
            self._until = name
        attributes = _ATTRIBUTES.get(name)
        if attributes is None:
            return tag
        return _VALUE.sub(lambda found: self._attribute(found, attributes), tag)

    def _attribute(self, found: re.Match[bytes], attributes: tuple[bytes, ...]) -> bytes:
        if found[1] is None or found[1].lower() not in attributes:
            return found[0]
        quote = found[3][:1] if found[3][:1] in (b'"', b"'") else b""
        text = found[3][len(quote) : len(found[3]) - len(quote)]
        # Only bytes that are no letters of ASCII could be changed by reading them as another code; latin-1 keeps them.
        return found[1] + found[2] + quote + self._rewrite(text.decode("latin-1")).encode("latin-1") + quote


def _tag_end(data: bytes, start: int) -> int:
    """Where the tag at ``start`` ends (behind its ``>``); -1 when that has not come yet."""
    if data[start + 1 : start + 2] in (b"/", b"!", b"?") or not data[start + 1 : start + 2].isalpha():
        if start + 1 == len(data):
            return -1
        if data[start + 1 : start + 2] != b"/":
            return start + 1
        end = data.find(b">", start)
        return end + 1 if end >= 0 else -1
    at = start + 1
    while (found := _STOP.search(data, at, start + TAG_BYTES_MAX)) is not None:
        if found[0] == b">":
            return found.end()
        closing = data.find(found[0], found.end(), start + TAG_BYTES_MAX)
        if closing < 0:
            return -1
        at = closing + 1
    return -1
