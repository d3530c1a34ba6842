"""PEM blocks out of bytes that anybody may send (RFC 7468, and the headers of RFC 1421)."""

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

# As many as a chain of certificates may sensibly have, and then some; more are not looked at.
BLOCKS_MAX: Final = 100

_BEGIN: Final = re.compile(rb"^-----BEGIN ([^\r\n]*?)-----[ \t\r]*$", re.MULTILINE)
_HEADER: Final = re.compile(rb"^[^\r\n:]+:[^\r\n]*\r?\n", re.MULTILINE)


@dataclass(frozen=True)
class PemBlock:
    """What stands between BEGIN and END: the label, whether there are headers, and the bytes."""

    label: str
    headers: bool
    data: bytes


def pem_blocks(raw: bytes) -> Iterator[PemBlock]:
    """The blocks in order; text around them and blocks that cannot be read are passed over."""
    at = 0
    for _ in range(BLOCKS_MAX):
        begin = _BEGIN.search(raw, at)
        if begin is None:
            return
        at = begin.end()
        end = raw.find(b"-----END " + begin[1] + b"-----", at)
        if end < 0:
            continue
        body = raw[at:end].lstrip(b"\r\n")
        headers = 0
        while found := _HEADER.match(body, headers):
            headers = found.end()
        try:
            data = binascii.a2b_base64(b"".join(body[headers:].split()), strict_mode=True)
        except binascii.Error:
            continue
        at = end
        yield PemBlock(begin[1].decode("utf-8", "replace"), headers > 0, data)
