"""Names and ids, drawn from a random source that the caller owns."""

import random
import uuid
from typing import Final

# Kubernetes leaves out vowels and look-alikes (apimachinery util/rand), so that no suffix spells a word.
SUFFIX_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"
SUFFIX_LENGTH: Final = 5
GENERATED_NAME_BASE_MAX: Final = 63 - SUFFIX_LENGTH


def new_uid(source: random.Random) -> str:
    """A random UUID (RFC 9562, version 4), e.g. for ``metadata.uid``."""
    return str(uuid.UUID(int=source.getrandbits(128), version=4))


def suffix(source: random.Random, length: int = SUFFIX_LENGTH) -> str:
    """``length`` random characters as Kubernetes appends them to ``generateName``."""
    return "".join(source.choices(SUFFIX_ALPHABET, k=length))


def generated_name(base: str, source: random.Random) -> str:
    """A name from ``metadata.generateName``: the base, cut to leave room within 63 characters, and a suffix."""
    return base[:GENERATED_NAME_BASE_MAX] + suffix(source)
