"""Names and ids, drawn from a random source that the caller owns."""

import random
from typing import Final

# Kubernetes leaves out vowels and look-alikes (apimachinery util/rand), so that no suffix spells a word.
SUFFIX_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"
SUFFIX_LENGTH: Final = 5
GENERATED_NAME_BASE_MAX: Final = 63 - SUFFIX_LENGTH


# All bits of a UUID but its version and variant, and these.
_RANDOM: Final = (1 << 128) - 1 & ~(0xF << 76) & ~(0x3 << 62)
_VERSION_4: Final = 0x4 << 76 | 0x2 << 62


def new_uid(source: random.Random) -> str:
    """A random UUID (RFC 9562, version 4), e.g. for ``metadata.uid``."""
    bits = source.getrandbits(128) & _RANDOM | _VERSION_4
    text = f"{bits:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def suffix(source: random.Random, length: int = SUFFIX_LENGTH) -> str:
    """``length`` random characters as Kubernetes appends them to ``generateName``."""
    return "".join(source.choices(SUFFIX_ALPHABET, k=length))


def generated_name(base: str, source: random.Random) -> str:
    """A name from ``metadata.generateName``: the base, cut to leave room within 63 characters, and a suffix."""
    return base[:GENERATED_NAME_BASE_MAX] + suffix(source)
