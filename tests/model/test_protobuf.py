"""Bodies here are written by hand, field by field, with the numbers of Kubernetes' .proto files."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k3py.model import protobuf


def varint(number):
    number &= (1 << 64) - 1
    out = bytearray()
    while True:
        out.append(number & 0x7F | (0x80 if number > 0x7F else 0))
        number >>= 7
        if not number:
            return bytes(out)


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def envelope(api_version, kind, body):
    return protobuf.MAGIC + field(1, field(1, api_version) + field(2, kind)) + field(2, body)


def test_a_pod():
    resources = field(2, field(1, "cpu") + field(2, field(1, "500m")))
    probe = field(1, field(3, field(1, field(1, 1) + field(3, "http")))) + field(2, -5)
    container = field(1, "c") + field(2, "busybox") + field(3, "sh") + field(3, "") + field(8, resources)
    container += field(10, probe)
    volume = field(1, "v") + field(2, field(2, b""))
    body = field(1, field(1, "p") + field(3, "ns") + field(8, field(1, 0)) + field(11, field(1, "a") + field(2, "b")))
    body += field(2, field(2, container) + field(1, volume) + field(4, 0))
    decoded = protobuf.decode(envelope("v1", "Pod", body))
    assert decoded == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "p",
            "namespace": "ns",
            "creationTimestamp": "1970-01-01T00:00:00Z",
            "labels": {"a": "b"},
        },
        "spec": {
            "containers": [
                {
                    "name": "c",
                    "image": "busybox",
                    "command": ["sh", ""],
                    "resources": {"requests": {"cpu": "500m"}},
                    "livenessProbe": {"tcpSocket": {"port": "http"}, "initialDelaySeconds": -5},
                }
            ],
            "volumes": [{"name": "v", "emptyDir": {}}],
            "terminationGracePeriodSeconds": 0,
        },
    }


def test_a_secret_has_base64_and_an_options_object_is_found_under_any_group():
    body = field(2, field(1, "k") + field(2, b"\x00\xff"))
    assert protobuf.decode(envelope("v1", "Secret", body))["data"] == {"k": "AP8="}
    assert protobuf.decode(envelope("apps/v1", "DeleteOptions", field(4, "Orphan")))["propagationPolicy"] == "Orphan"


def test_a_field_of_a_newer_client_is_passed_over():
    assert "metadata" in protobuf.decode(envelope("v1", "ConfigMap", field(999, "x") + field(1, field(1, "a"))))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        protobuf.MAGIC,
        envelope("v1", "Nope", b""),
        envelope("v1", "Pod", b"")[:-1],
        envelope("v1", "Pod", field(1, 5)),
        envelope("v1", "Pod", b"\x0a\x7f"),
        envelope("v1", "Pod", b"\x0b"),
        envelope("v1", "Pod", b"\xff" * 11),
        envelope("v1", "Pod", b"\x00\x00"),
        envelope("v1", "Pod", field(1, field(1, b"\xff"))),
        envelope("v1", "Pod", field(1, field(8, field(1, 1 << 62)))),
    ],
)
def test_what_is_no_message_is_refused(data):
    with pytest.raises(ValueError, match=r"."):
        protobuf.decode(data)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["Pod", "Secret", "Node", "Service", "Event", "DeleteOptions"]))
def test_any_bytes_are_an_object_or_a_value_error(body, kind):
    for data in (body, protobuf.MAGIC + body, envelope("v1", kind, body)):
        with contextlib.suppress(ValueError):
            assert isinstance(protobuf.decode(data), dict)
