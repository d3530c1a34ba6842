"""Templates as Kubernetes' messages print them."""

import json

import msgspec

from k3py.model.generated import core_v1
from k3py.objects.validation.go_templates import template_names


def test_fields_have_the_names_and_the_order_of_gos_type() -> None:
    body = {
        "metadata": {"labels": {"a": "b"}},
        "spec": {
            "hostNetwork": True,
            "hostUsers": False,
            "securityContext": {"fsGroup": 5},
            "containers": [{"name": "c", "tty": True}],
        },
    }
    shown = json.loads(bytes(template_names(msgspec.convert(body, core_v1.PodTemplateSpec))))
    assert list(shown) == ["labels", "Spec"]
    spec = shown["Spec"]
    assert list(spec)[:4] == ["Volumes", "InitContainers", "Containers", "EphemeralContainers"]
    assert "HostNetwork" not in spec
    assert list(spec["SecurityContext"])[:2] == ["HostNetwork", "HostPID"]
    assert (spec["SecurityContext"]["HostNetwork"], spec["SecurityContext"]["HostUsers"]) == (True, False)
    assert spec["SecurityContext"]["FSGroup"] == 5
    assert list(spec["Containers"][0])[0::24] == ["Name", "TTY"]
    assert spec["Containers"][0]["TTY"] is True


def test_a_template_without_anything_is_shown_all_the_same() -> None:
    shown = json.loads(bytes(template_names(core_v1.PodTemplateSpec())))
    assert (shown["Spec"]["Containers"], shown["Spec"]["SecurityContext"]) == (None, None)
