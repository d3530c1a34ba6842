"""Addresses and ranges: what is good, what is only written badly, and what was stored before the rules were strict."""

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k3py.objects.fields import Errors
from k3py.objects.validation import addresses
from tests.objects.validation.said import said


def check(text, kept=()):
    return said(lambda wrong: addresses.check_address("ip", text, wrong, kept))


def check_range(text, kept=()):
    return said(lambda wrong: addresses.check_network("cidr", text, wrong, kept))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("10.0.0.1", None),
        ("fd00::1", None),
        ("", addresses.ADDRESS_RULE),
        ("10.0.0", addresses.ADDRESS_RULE),
        ("10.0.0.256", addresses.ADDRESS_RULE),
        ("fe80::1%eth0", addresses.ADDRESS_RULE),
        ("9" * (addresses.TEXT_LENGTH_MAX + 1), addresses.ADDRESS_RULE),
        ("010.000.000.005", "must not have leading 0s"),
        ("::ffff:10.0.0.1", "must not be an IPv4-mapped IPv6 address"),
    ],
)
def test_addresses(text, why):
    assert check(text) == ([f'ip: Invalid value: "{text}": {why}'] if why else [])
    assert check(text, kept={text}) == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("10.0.0.0/8", None),
        ("0.0.0.0/0", None),
        ("fd00::/8", None),
        ("10.0.0.0", addresses.NETWORK_RULE),
        ("10.0.0.0/33", addresses.NETWORK_RULE),
        ("10.0.0.0/-1", addresses.NETWORK_RULE),
        ("10.0.0.0/255.0.0.0", addresses.NETWORK_RULE),
        ("10.0.0.1/8", "must not have bits set beyond the prefix length"),
        ("010.0.0.0/8", "must not have leading 0s in IP or prefix length"),
        ("10.0.0.0/08", "must not have leading 0s in IP or prefix length"),
        ("::ffff:10.0.0.0/104", "must not have an IPv4-mapped IPv6 address"),
    ],
)
def test_ranges(text, why):
    assert check_range(text) == ([f'cidr: Invalid value: "{text}": {why}'] if why else [])
    assert check_range(text, kept={text}) == []


@given(st.ip_addresses())
def test_every_address_in_its_own_words_is_good(address):
    mapped = isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None
    assert bool(check(str(address))) == mapped


@settings(max_examples=200)
@given(st.text(alphabet="0123456789abcdef.:/%x -", max_size=70) | st.text(max_size=20))
def test_any_text_gets_an_answer(text):
    wrong = Errors()
    assert addresses.check_address("ip", text, wrong) != bool(wrong)
    network = addresses.check_network("cidr", text, Errors())
    assert network is None or addresses.parse_network(str(network)) == network
