"""What names, label keys and label values may look like, in Kubernetes' words.

Every function takes a text and returns everything that is wrong with it; an empty list means that it is fine. Rules:
RFC 1123 labels as Kubernetes reads them, and its own label syntax (apimachinery ``pkg/util/validation``).
"""

import re
from functools import lru_cache
from typing import Final

LABEL_LENGTH_MAX: Final = 63
SUBDOMAIN_LENGTH_MAX: Final = 253
KEY_LENGTH_MAX: Final = 253
PORT_NAME_LENGTH_MAX: Final = 15
# Names repeat (label keys, namespaces); this many distinct answers are kept.
CACHE_ENTRIES: Final = 16_384

DNS_1123_LABEL: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
DNS_1123_SUBDOMAIN: Final = DNS_1123_LABEL + r"(\." + DNS_1123_LABEL + ")*"
QUALIFIED_NAME: Final = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
LABEL_VALUE: Final = f"({QUALIFIED_NAME})?"
CONFIG_KEY: Final = "[-._a-zA-Z0-9]+"
PATH_SEGMENT_NOT: Final = (".", "..")

_DNS_1123_LABEL = re.compile(DNS_1123_LABEL, re.ASCII)
_DNS_1123_SUBDOMAIN = re.compile(DNS_1123_SUBDOMAIN, re.ASCII)
_QUALIFIED_NAME = re.compile(QUALIFIED_NAME, re.ASCII)
_LABEL_VALUE = re.compile(LABEL_VALUE, re.ASCII)
_CONFIG_KEY = re.compile(CONFIG_KEY, re.ASCII)
_PORT_NAME = re.compile("[-a-z0-9]+", re.ASCII)
_PRINTABLE = re.compile("[ -<>-~]+", re.ASCII)


def too_long(maximum: int) -> str:
    """What is said of a text longer than ``maximum``."""
    return f"must be no more than {maximum} bytes"


def mismatch(rule: str, pattern: str, *examples: str) -> str:
    """What is said of a text that a pattern refuses: rule, examples and the pattern itself."""
    if not examples:
        return f"{rule} (regex used for validation is '{pattern}')"
    shown = ", ".join(f"'{each}'" if index == 0 else f" or '{each}'" for index, each in enumerate(examples))
    return f"{rule} (e.g. {shown}, regex used for validation is '{pattern}')"


_LABEL_RULE: Final = mismatch(
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with"
    " an alphanumeric character", DNS_1123_LABEL, "my-name", "123-abc")  # fmt: skip
_SUBDOMAIN_RULE: Final = mismatch(
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and"
    " end with an alphanumeric character", DNS_1123_SUBDOMAIN, "example.com")  # fmt: skip
_QUALIFIED_RULE: Final = mismatch(
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    QUALIFIED_NAME, "MyName", "my.name", "123-abc")  # fmt: skip
_VALUE_RULE: Final = mismatch(
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and"
    " end with an alphanumeric character", LABEL_VALUE, "MyValue", "my_value", "12345")  # fmt: skip
_KEY_RULE: Final = mismatch(
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
    CONFIG_KEY, "key.name", "KEY_NAME", "key-name")  # fmt: skip
_ENVIRONMENT_RULE: Final = (
    "a valid environment variable name must consist only of printable ASCII characters other than '='"
)


def dns_1123_label(text: str) -> list[str]:
    """A lower-case name without dots, at most 63 characters: names of containers, volumes, services."""
    wrong = []
    if len(text) > LABEL_LENGTH_MAX:
        wrong.append(f"must be no more than {LABEL_LENGTH_MAX} characters")
    if not _DNS_1123_LABEL.fullmatch(text):
        wrong.append(_SUBDOMAIN_AS_LABEL if _DNS_1123_SUBDOMAIN.fullmatch(text) else _LABEL_RULE)
    return wrong


_SUBDOMAIN_AS_LABEL: Final = "must not contain dots"


def dns_1123_subdomain(text: str) -> list[str]:
    """A lower-case name that may have dots, at most 253 characters: names of most objects."""
    wrong = []
    if len(text) > SUBDOMAIN_LENGTH_MAX:
        wrong.append(too_long(SUBDOMAIN_LENGTH_MAX))
    if not _DNS_1123_SUBDOMAIN.fullmatch(text):
        wrong.append(_SUBDOMAIN_RULE)
    return wrong


def path_segment(text: str) -> list[str]:
    """A name that is safe in a URL path; the rule for names of RBAC roles."""
    if text in PATH_SEGMENT_NOT:
        return [f"may not be '{text}'"]
    return [f"may not contain '{each}'" for each in "/%" if each in text]


@lru_cache(CACHE_ENTRIES)
def _qualified_name(text: str) -> tuple[str, ...]:
    wrong = []
    prefix, slash, name = text.rpartition("/")
    if "/" in prefix:
        rule = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric"
        return (
            f"a qualified name {mismatch(f'{rule} character', QUALIFIED_NAME, 'MyName', 'my.name', '123-abc')}"
            " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
        )
    if slash:
        if not prefix:
            wrong.append("prefix part must be non-empty")
        else:
            wrong += [f"prefix part {said}" for said in dns_1123_subdomain(prefix)]
    if not name:
        wrong.append("name part must be non-empty")
    elif len(name) > LABEL_LENGTH_MAX:
        wrong.append(f"name part {too_long(LABEL_LENGTH_MAX)}")
    if not _QUALIFIED_NAME.fullmatch(name):
        wrong.append(f"name part {_QUALIFIED_RULE}")
    return tuple(wrong)


def qualified_name(text: str) -> list[str]:
    """A label key: ``[prefix.example.com/]Name``."""
    return list(_qualified_name(text))


@lru_cache(CACHE_ENTRIES)
def _label_value(text: str) -> tuple[str, ...]:
    wrong = []
    if len(text) > LABEL_LENGTH_MAX:
        wrong.append(too_long(LABEL_LENGTH_MAX))
    if not _LABEL_VALUE.fullmatch(text):
        wrong.append(_VALUE_RULE)
    return tuple(wrong)


def label_value(text: str) -> list[str]:
    """The value of a label; may be empty."""
    return list(_label_value(text))


def config_key(text: str) -> list[str]:
    """A key in a ConfigMap or a Secret: a file name."""
    wrong = []
    if len(text) > KEY_LENGTH_MAX:
        wrong.append(too_long(KEY_LENGTH_MAX))
    if not _CONFIG_KEY.fullmatch(text):
        wrong.append(_KEY_RULE)
    return wrong + _no_dots(text)


def _no_dots(text: str) -> list[str]:
    if text in (".", ".."):
        return [f"must not be '{text}'"]
    return ["must not start with '..'"] if text.startswith("..") else []


def environment_name(text: str) -> list[str]:
    """The name of an environment variable."""
    return [] if _PRINTABLE.fullmatch(text) else [_ENVIRONMENT_RULE]


def port_name(text: str) -> list[str]:
    """A named port: an IANA service name (RFC 6335 section 5.1), at most 15 characters."""
    wrong = []
    if len(text) > PORT_NAME_LENGTH_MAX:
        wrong.append(f"must be no more than {PORT_NAME_LENGTH_MAX} characters")
    if not _PORT_NAME.fullmatch(text):
        wrong.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search("[a-z]", text):
        wrong.append("must contain at least one letter (a-z)")
    if "--" in text:
        wrong.append("must not contain consecutive hyphens")
    if text.startswith("-") or text.endswith("-"):
        wrong.append("must not begin or end with a hyphen")
    return wrong


def port_number(number: int) -> list[str]:
    """A TCP, UDP or SCTP port."""
    return [] if 1 <= number <= 65535 else ["must be between 1 and 65535, inclusive"]
