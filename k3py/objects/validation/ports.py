"""What ports speak: the same for those of containers, services and endpoints."""

from typing import Final

from k3py.model import names
from k3py.objects.fields import Errors

PROTOCOLS: Final = ("SCTP", "TCP", "UDP")


def check_protocol(text: str | None, path: str, wrong: Errors) -> None:
    """A transport protocol has to be given."""
    if not text:
        wrong.required(path)
    elif text not in PROTOCOLS:
        wrong.unsupported(path, text, PROTOCOLS)


def check_app_protocol(text: str | None, path: str, wrong: Errors) -> None:
    """What is spoken above it may be said, as a name with or without a domain."""
    if text is not None:
        wrong.each_invalid(path, text, names.qualified_name(text))
