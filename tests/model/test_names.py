import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k3py.model import names

RULES = {
    "label": names.dns_1123_label,
    "subdomain": names.dns_1123_subdomain,
    "qualified": names.qualified_name,
    "value": names.label_value,
    "key": names.config_key,
    "variable": names.environment_name,
    "port": names.port_name,
    "segment": names.path_segment,
}

FINE = [
    ("label", "a"), ("label", "1-a"), ("label", "a" * 63), ("subdomain", "a.b-c.d"), ("subdomain", "a" * 253),
    ("qualified", "Name"), ("qualified", "a.b/c_D.e"), ("value", ""), ("value", "A_b.c"),
    ("key", "..a" [2:]), ("key", "A_b-c.d"), ("variable", "MY.var-1"), ("port", "http"), ("port", "a-1"),
    ("segment", "system:node"),
]  # fmt: skip
WRONG = [
    ("label", ""), ("label", "A"), ("label", "a."), ("label", "-a"), ("label", "a" * 64), ("label", "a\n"),
    ("subdomain", "a..b"), ("subdomain", "a" * 254), ("qualified", "/a"), ("qualified", "a/"),
    ("qualified", "a/b/c"), ("qualified", "A_b/c"), ("qualified", ""), ("qualified", "a" * 64), ("value", "-"),
    ("value", "a" * 64), ("value", "\u00e4"), ("key", ""), ("key", ".."), ("key", "..a"), ("key", "a/b"),
    ("variable", ""), ("variable", "a=b"), ("variable", "a\t"), ("port", ""), ("port", "123"), ("port", "a--b"),
    ("port", "-a"), ("port", "a" * 16), ("port", "A"), ("segment", ".."), ("segment", "a/b"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "text"), FINE)
def test_fine(rule, text):
    assert RULES[rule](text) == []


@pytest.mark.parametrize(("rule", "text"), WRONG)
def test_wrong(rule, text):
    assert RULES[rule](text)


def test_ports():
    assert [names.port_number(number) for number in (1, 65535)] == [[], []]
    assert all(names.port_number(number) for number in (0, -1, 65536))


def test_the_words_are_those_of_kubernetes():
    assert names.dns_1123_label("a.b") == ["must not contain dots"]
    assert names.label_value("a b") == [
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start"
        " and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for"
        " validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
    ]


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80))
def test_any_text_has_an_answer(text):
    for rule in RULES.values():
        assert all(isinstance(said, str) and said for said in rule(text))
