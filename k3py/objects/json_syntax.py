"""What is wrong with a text that is no JSON, in the words of Go's ``encoding/json``: clients know them.

Only asked when a decoder has refused the text; a scan that looks at each byte once. Depth is bounded by a list, not by
the stack.
"""

from typing import Final

# Go's bound, too.
DEPTH_MAX: Final = 10_000
ENDED_EARLY: Final = "unexpected end of JSON input"

_SPACE: Final = b" \t\r\n"
_DIGITS: Final = b"0123456789"
_HEX: Final = b"0123456789abcdefABCDEF"
_ESCAPES: Final = b'"\\/bfnrt'
_WORDS: Final = {0x74: b"true", 0x66: b"false", 0x6E: b"null"}


class _Wrong(Exception):
    """Where the text stops being JSON."""


def syntax_error(data: bytes) -> str:
    """What Go's decoder says of the text; empty when it is JSON."""
    try:
        _Scanner(data).document()
    except _Wrong as wrong:
        return str(wrong)
    return ""


class _Scanner:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._open: list[int] = []  # the closing bytes that are due

    def document(self) -> None:
        """Scan one value and what surrounds it."""
        self._value()
        while self._open:
            self._after_value()
        self._space()
        if self._at < len(self._data):
            self._wrong("after top-level value")

    def _value(self) -> None:
        """The beginning of a value; of a list or an object only what comes before its first value."""
        while True:
            self._space()
            byte = self._byte()
            if byte == 0x7B:
                if self._enter(0x7D):
                    self._key("looking for beginning of object key string")
                    continue
            elif byte == 0x5B:
                if self._enter(0x5D):
                    continue
            elif byte == 0x22:
                self._string()
            elif byte in _WORDS:
                self._word(_WORDS[byte])
            elif byte == 0x2D or byte in _DIGITS:
                self._number(byte)
            else:
                self._wrong("looking for beginning of value")
            return

    def _enter(self, closing: int) -> bool:
        """Go into a list or an object; returns whether there is something in it."""
        if len(self._open) >= DEPTH_MAX:
            raise _Wrong("exceeded max depth")
        self._at += 1
        self._space()
        if self._byte() == closing:
            self._at += 1
            return False
        self._open.append(closing)
        return True

    def _after_value(self) -> None:
        self._space()
        byte, closing = self._byte(), self._open[-1]
        if byte == closing:
            self._at += 1
            self._open.pop()
            return
        if byte != 0x2C:
            self._wrong("after object key:value pair" if closing == 0x7D else "after array element")
        self._at += 1
        if closing == 0x7D:
            self._space()
            self._key("looking for beginning of object key string")
        self._value()

    def _key(self, where: str) -> None:
        if self._byte() != 0x22:
            self._wrong(where)
        self._string()
        self._space()
        if self._byte() != 0x3A:
            self._wrong("after object key")
        self._at += 1

    def _string(self) -> None:
        self._at += 1
        while (byte := self._byte()) != 0x22:
            if byte < 0x20:
                self._wrong("in string literal")
            self._at += 1
            if byte == 0x5C:
                self._escape()
        self._at += 1

    def _escape(self) -> None:
        byte = self._byte()
        if byte == 0x75:
            for _ in range(4):
                self._at += 1
                if self._byte() not in _HEX:
                    self._wrong("in \\u hexadecimal character escape")
        elif byte not in _ESCAPES:
            self._wrong("in string escape code")
        self._at += 1

    def _word(self, word: bytes) -> None:
        for expected in word:
            if self._byte() != expected:
                self._wrong(f"in literal {word.decode()} (expecting {_quoted(expected)})")
            self._at += 1

    def _number(self, byte: int) -> None:
        if byte == 0x2D:
            self._at += 1
            if self._byte() not in _DIGITS:
                self._wrong("in numeric literal")
        if self._byte() == 0x30:
            self._at += 1
        else:
            self._digits()
        if self._peek(b"."):
            self._at += 1
            self._some_digits("after decimal point in numeric literal")
        if self._peek(b"eE"):
            self._at += 1
            if self._peek(b"+-"):
                self._at += 1
            self._some_digits("in exponent of numeric literal")

    def _some_digits(self, where: str) -> None:
        if self._byte() not in _DIGITS:
            self._wrong(where)
        self._digits()

    def _digits(self) -> None:
        while self._peek(_DIGITS):
            self._at += 1

    def _space(self) -> None:
        while self._peek(_SPACE):
            self._at += 1

    def _peek(self, wanted: bytes) -> bool:
        return self._at < len(self._data) and self._data[self._at] in wanted

    def _byte(self) -> int:
        if self._at >= len(self._data):
            raise _Wrong(ENDED_EARLY)
        return self._data[self._at]

    def _wrong(self, where: str) -> None:
        raise _Wrong(f"invalid character {_quoted(self._data[self._at])} {where}")


def _quoted(byte: int) -> str:
    """A byte as Go quotes it in these messages."""
    if byte == 0x27:
        return r"'\''"
    if byte == 0x22:
        return "'\"'"
    character = chr(byte)
    if character == "\\":
        return r"'\\'"
    if character.isprintable():
        return f"'{character}'"
    named = {7: "a", 8: "b", 12: "f", 10: "n", 13: "r", 9: "t", 11: "v"}.get(byte)
    if named is not None:
        return f"'\\{named}'"
    return f"'\\x{byte:02x}'" if byte < 0x80 else f"'\\u{byte:04x}'"
