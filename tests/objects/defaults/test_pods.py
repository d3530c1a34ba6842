"""What the server changes in pods beside filling in defaults."""

from typing import Any

import msgspec
import pytest

from k3py.model.generated import core_v1
from k3py.objects.defaults import pods as defaults
from k3py.objects.validation import pods

KEY = "container.apparmor.security.beta.kubernetes.io/c"


def new(spec: dict[str, Any], container: dict[str, Any], annotation: str | None = None) -> core_v1.Pod:
    body = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "x", **container}], **spec}}
    if annotation is not None:
        body["metadata"]["annotations"] = {KEY: annotation}
    pod = msgspec.convert(body, core_v1.Pod)
    defaults.pod(pod)
    defaults.new_pod(pod)
    return pod


@pytest.mark.parametrize(("annotation", "kind", "file"), [
    ("runtime/default", "RuntimeDefault", None), ("unconfined", "Unconfined", None), ("localhost/a", "Localhost", "a"),
])  # fmt: skip
def test_a_profile_in_an_annotation_becomes_a_field_and_is_warned_of(
    annotation: str, kind: str, file: str | None
) -> None:
    pod = new({}, {}, annotation)
    security = pod.spec.containers[0].security_context
    assert security is not None
    assert security.app_armor_profile == core_v1.AppArmorProfile(type=kind, localhost_profile=file)
    assert pods.warnings(pod) == [
        f'metadata.annotations[{KEY}]: deprecated since v1.30; use the "appArmorProfile" field instead'
    ]


def test_an_annotation_that_cannot_be_read_is_only_warned_of() -> None:
    pod = new({}, {}, "localhost/ ")
    assert pod.spec.containers[0].security_context is None
    assert len(pods.warnings(pod)) == 1


def test_an_annotation_that_says_what_the_pod_says_changes_nothing() -> None:
    pod = new({"securityContext": {"appArmorProfile": {"type": "RuntimeDefault"}}}, {}, "runtime/default")
    assert pod.spec.containers[0].security_context is None
    assert pods.warnings(pod) == []


def test_windows_knows_no_app_armor() -> None:
    pod = new({"os": {"name": "windows"}}, {}, "runtime/default")
    assert pod.spec.containers[0].security_context is None
    assert pods.warnings(pod) == []


def test_what_is_behind_a_closed_gate_is_taken_out() -> None:
    sources = [{"clusterTrustBundle": {"path": "x", "name": "a"}}, {"podCertificate": {"signerName": "a/b"}}]
    pod = new({"volumes": [{"name": "v", "projected": {"sources": sources}}]}, {"lifecycle": {"stopSignal": "SIGINT"}})
    assert pod.spec.containers[0].lifecycle is None
    assert pod.spec.volumes[0].projected is not None
    assert pod.spec.volumes[0].projected.sources == [core_v1.VolumeProjection(), core_v1.VolumeProjection()]


def test_other_hooks_stay_when_the_signal_goes() -> None:
    pod = new({}, {"lifecycle": {"stopSignal": "SIGINT", "preStop": {"sleep": {"seconds": 1}}}})
    hooks = pod.spec.containers[0].lifecycle
    assert hooks is not None
    assert hooks.stop_signal is None
    assert hooks.pre_stop is not None
