"""What is wrong with pods: a table of specs and what is said of them, in order."""

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from k3py.model.generated import core_v1, meta_v1
from k3py.objects.defaults import pods as pod_defaults
from k3py.objects.fields import Errors
from k3py.objects.normalise import normalise
from k3py.objects.validation import pods
from k3py.objects.validation.pod_updates import pod_update

CONTAINER = {"name": "c", "image": "x"}


def made(spec: dict[str, Any], **metadata: Any) -> core_v1.Pod:
    pod = core_v1.Pod(metadata=msgspec.convert({"name": "p", **metadata}, meta_v1.ObjectMeta))
    pod.spec = msgspec.convert({"containers": [CONTAINER], **spec}, core_v1.PodSpec)
    normalise(pod)
    pod_defaults.pod(pod)
    return pod


def said(pod: core_v1.Pod) -> list[str]:
    wrong = Errors()
    pods.pod(pod, wrong)
    pods.new_pod(pod, wrong)
    return [f"{each.field}: {each.message}" for each in wrong.causes]


def one(**fields: Any) -> dict[str, Any]:
    return {"containers": [{**CONTAINER, **fields}]}


def volume(**source: Any) -> dict[str, Any]:
    return {"volumes": [{"name": "v", **source}]}


AT = "spec.containers[0]"
CASES: list[tuple[dict[str, Any], list[str]]] = [
    ({}, []),
    ({"hostUsers": False, "hostNetwork": True, "hostPID": True, **volume(persistentVolumeClaim={"claimName": "d"}),
      **one(volumeDevices=[{"name": "v", "devicePath": "/d"}])}, [
        "spec.hostNetwork: Forbidden: when `hostUsers` is false", "spec.HostPID: Forbidden: when `hostUsers` is false",
        f"{AT}.volumeDevices: Forbidden: when `hostUsers` is false"]),
    ({"securityContext": {"seLinuxChangePolicy": "MountOption"}}, [
        'spec.securityContext.seLinuxChangePolicy: Unsupported value: "MountOption": supported values: "Recursive"']),
    (one(restartPolicy="Never", restartPolicyRules=[{"action": "RestartAllContainers",
                                                     "exitCodes": {"operator": "In", "values": [1]}}]), []),
    ({"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule",
                                     "matchLabelKeys": ["a b"]}]}, [
        "spec.topologySpreadConstraints[0].matchLabelKeys: Forbidden: must not be specified when labelSelector is not"
        " set"]),
    (volume(ephemeral={"volumeClaimTemplate": {
        "metadata": {"name": "n", "uid": "u"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1"}}}}}), [
        "spec.volumes[0].ephemeral.volumeClaimTemplate.metadata.name: Forbidden: cannot be set",
        "spec.volumes[0].ephemeral.volumeClaimTemplate.metadata.uID: Forbidden: cannot be set"]),
    ({"volumes": [
        {"name": "v", "ephemeral": {"volumeClaimTemplate": {
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1"}}}}}},
        {"name": "w", "persistentVolumeClaim": {"claimName": "p-v"}}]}, [
        'spec.volumes[1].persistentVolumeClaim.claimName: Invalid value: "p-v": must not reference a PVC that gets'
        " created for an ephemeral volume"]),
    (one(volumeDevices=[{"name": "v", "devicePath": "/../d"}]), [
        f'{AT}.volumeDevices[0].name: Not found: "v"',
        f"{AT}.volumeDevices[0].devicePath: Invalid value: \"/../d\": can not contain backsteps ('..')"]),
    ({**volume(emptyDir={}), **one(volumeMounts=[{"name": "v", "mountPath": "/a", "recursiveReadOnly": "Enabled",
                                                  "mountPropagation": "HostToContainer"}])}, [
        f"{AT}.volumeMounts.recursiveReadOnly: Forbidden: may only be specified when readOnly is true",
        f"{AT}.volumeMounts.recursiveReadOnly: Forbidden: may only be specified when mountPropagation is None or not"
        " specified"]),
    (one(resizePolicy=[{"resourceName": "cpu", "restartPolicy": "RestartContainer"},
                       {"resourceName": "disk", "restartPolicy": ""}]), [
        f'{AT}.resizePolicy: Unsupported value: "disk": supported values: "cpu", "memory"',
        f"{AT}.resizePolicy: Required value"]),
    (one(restartPolicyRules=[{"action": "Stop"}, {"action": "Restart", "exitCodes": {"operator": "Is"}}]), [
        f"{AT}.restartPolicy: Required value: must specify restartPolicy when restart rules are used",
        f'{AT}.restartPolicyRules[0].action: Unsupported value: "Stop": supported values: "Restart",'
        ' "RestartAllContainers"',
        f"{AT}.restartPolicyRules[0].exitCodes: Required value: must be specified",
        f'{AT}.restartPolicyRules[1].exitCodes.operator: Unsupported value: "Is": supported values: "In", "NotIn"']),
    (one(restartPolicy="Always", restartPolicyRules=[{"action": "Restart", "exitCodes": {"operator": "In"}}] * 21), [
        f"{AT}.restartPolicyRules: Too many: 21: must have at most 20 items"]),
    (one(lifecycle={"preStop": {"sleep": {"seconds": 31}}, "stopSignal": "SIGUSR1"}), [
        f"{AT}.lifecycle.preStop.sleep: Invalid value: 31: must be non-negative and less than"
        " terminationGracePeriodSeconds (30)",
        f"{AT}.lifecycle.stopSignal: Forbidden: may not be set for containers with empty `spec.os.name`"]),
    (one(resources={"claims": [{"name": "d"}, {"name": "d"}, {"name": "e", "request": "R"}]}), [
        f'{AT}.resources.claims[0]: Not found: "d": must be one of the names in pod.spec.resourceClaims which is empty',
        f'{AT}.resources.claims[1]: Duplicate value: "d"',
        f'{AT}.resources.claims[1]: Not found: "d": must be one of the names in pod.spec.resourceClaims which is empty',
        f'{AT}.resources.claims[2].request: Invalid value: "R": a lowercase RFC 1123 label must consist of lower case'
        " alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or"
        " '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
        f'{AT}.resources.claims[2]: Not found: "e": must be one of the names in pod.spec.resourceClaims which is empty',
    ]),
    (one(resources={"limits": {"cpu": 1, "hugepages-2Mi": "3Mi"}}), [
        f'{AT}.resources.limits[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of'
        " hugepages-2Mi",
        f'{AT}.resources.requests[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of'
        " hugepages-2Mi"]),
    (one(resources={"requests": {"a.b/c": 1}}), [
        f"{AT}.resources.limits: Required value: Limit must be set for non overcommitable resources"]),
    ({"resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "1"}},
      **one(resources={"requests": {"cpu": "2"}, "limits": {"cpu": "2"}})}, [
        'spec.resources.requests[cpu]: Invalid value: "1": must be greater than or equal to aggregate container'
        " requests of 2",
        'spec.resources.containers[0][cpu].limits: Invalid value: "2": must be less than or equal to pod limits of 1']),
    ({"resources": {"requests": {"storage": "1"}}}, [
        'spec.resources.requests[storage]: Unsupported value: "storage": supported values: "cpu", "hugepages-",'
        ' "memory"']),
    (one(env=[{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "2"}}}]), [
        f'{AT}.env[0].valueFrom.resourceFieldRef.divisor: Invalid value: "limits.cpu": only divisor\'s values 1m and 1'
        " are supported with the cpu resource"]),
    (one(env=[{"name": "A", "valueFrom": {"fileKeyRef": {"volumeName": "v", "path": "../x", "key": "K"}}}]), [
        f"{AT}.env[0].valueFrom.fileKeyRef.path: Invalid value: \"../x\": must not contain '..'",
        f'{AT}.env[0].valueFrom.fileKeyRef.volumeName: Not found: "v"']),
    (one(securityContext={"procMount": "Unmasked", "allowPrivilegeEscalation": False, "appArmorProfile": {"type": ""},
                          "windowsOptions": {"gmsaCredentialSpec": "", "runAsUserName": "a\\b\\c"}}), [
        f'{AT}.securityContext.procMount: Invalid value: "Unmasked": `hostUsers` must be false to use `Unmasked`',
        f'{AT}.securityContext.windowsOptions.gmsaCredentialSpec: Invalid value: "": gmsaCredentialSpec cannot be an'
        " empty string",
        f'{AT}.securityContext.windowsOptions.runAsUserName: Invalid value: "a\\\\b\\\\c": runAsUserName cannot contain'
        " more than one backslash",
        f"{AT}.securityContext.appArmorProfile.type: Required value: type is required when appArmorProfile is set"]),
    ({"hostNetwork": True, "hostUsers": False, "hostPID": True, "shareProcessNamespace": True,
      "securityContext": {"sysctls": [{"name": "net/ipv4/ip_forward", "value": "1"}]}}, [
        "spec.securityContext.shareProcessNamespace: Invalid value: true: ShareProcessNamespace and HostPID cannot both"
        " be enabled",
        'spec.securityContext.sysctls[0].name: Invalid value: "net/ipv4/ip_forward": may not be specified when'
        " 'hostNetwork' is true",
        "spec.hostNetwork: Forbidden: when `hostUsers` is false",
        "spec.HostPID: Forbidden: when `hostUsers` is false"]),
    ({"os": {"name": "linux"}, "securityContext": {"windowsOptions": {}}}, [
        "spec.securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod"]),
    ({"os": {"name": "windows"}, "hostUsers": True, "shareProcessNamespace": False,
      **one(securityContext={"privileged": False, "capabilities": {}})}, [
        "spec.hostUsers: Forbidden: cannot be set for a windows pod",
        "spec.shareProcessNamespace: Forbidden: cannot be set for a windows pod",
        f"{AT}.securityContext.capabilities: Forbidden: cannot be set for a windows pod",
        f"{AT}.securityContext.privileged: Forbidden: cannot be set for a windows pod"]),
    ({"securityContext": {"windowsOptions": {"hostProcess": True}},
      **one(securityContext={"windowsOptions": {"hostProcess": False}})}, [
        f"{AT}.securityContext.windowsOptions.hostProcess: Invalid value: false: pod hostProcess value must be"
        " identical if both are specified, was true"]),
    ({"topologySpreadConstraints": [
        {"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "ScheduleAnyway", "minDomains": 0,
         "nodeTaintsPolicy": "No", "matchLabelKeys": ["k"]},
        {"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "ScheduleAnyway"}]}, [
        'spec.topologySpreadConstraints[0].{topologyKey, whenUnsatisfiable}: Duplicate value: "{z, ScheduleAnyway}"',
        "spec.topologySpreadConstraints[0].minDomains: Invalid value: 0: must be greater than zero",
        "spec.topologySpreadConstraints[0].minDomains: Invalid value: 0: can only use minDomains if"
        " whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway",
        'spec.topologySpreadConstraints[0].nodeTaintsPolicy: Unsupported value: "No": supported values: "Honor",'
        ' "Ignore"',
        "spec.topologySpreadConstraints[0].matchLabelKeys: Forbidden: must not be specified when labelSelector is not"
        " set"]),
    ({"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
        {"weight": 101, "preference": {"matchExpressions": [{"key": "a", "operator": "In", "values": ["b c"]}],
                                       "matchFields": [{"key": "metadata.uid", "operator": "Gt"}]}}]}}}, [
        "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 101: must"
        " be in the range 1-100",
        "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchFields[0]"
        '.operator: Invalid value: "Gt": not a valid selector operator',
        "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchFields[0].key:"
        ' Invalid value: "metadata.uid": not a valid field selector key']),
    ({"hostnameOverride": "a.b", "setHostnameAsFQDN": True}, [
        "spec.hostnameOverride: Forbidden: may not be specified when setHostnameAsFQDN is true"]),
    ({"preemptionPolicy": "Sometimes", "runtimeClassName": ""}, [
        "spec.runtimeClassName: Invalid value: \"\": a lowercase RFC 1123 subdomain must consist of lower case"
        " alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g."
        " 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?"
        "(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
        'spec.preemptionPolicy: Unsupported value: "Sometimes": supported values: "PreemptLowerPriority", "Never"']),
    (volume(projected={"sources": [{"configMap": {"name": "a", "items": [{"key": "k", "path": "f"}]}},
                                   {"secret": {"name": "b", "items": [{"key": "k", "path": "f"}]}}]}), [
        'spec.volumes[0].projected: Invalid value: "b": conflicting duplicate paths']),
    (volume(projected={"sources": [{"clusterTrustBundle": {"path": "x"}}, {"podCertificate": {"signerName": "a"}}]}), [
        "spec.volumes[0].projected.sources[0].clusterTrustBundle: Required value: either name or signerName must be"
        " specified",
        'spec.volumes[0].projected.sources[1].podCertificate.signerName: Invalid value: "a": must be a fully qualified'
        " domain and path of the form 'example.com/signer-name'",
        'spec.volumes[0].projected.sources[1].podCertificate.keyType: Unsupported value: "": supported values:'
        ' "RSA3072", "RSA4096", "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519"',
        "spec.volumes[0].projected.sources[1].podCertificate: Required value: specify at least one of"
        " credentialBundlePath, keyPath, and certificateChainPath"]),
    (volume(downwardAPI={"items": [{"path": "a", "resourceFieldRef": {"resource": "limits.cpu"}},
                                   {"path": "..x", "fieldRef": {"fieldPath": "spec.nodeName"}}]}), [
        "spec.volumes[0].downwardAPI.resourceFieldRef.containerName: Required value",
        "spec.volumes[0].downwardAPI.path: Invalid value: \"..x\": must not start with '..'",
        'spec.volumes[0].downwardAPI.fieldRef.fieldPath: Unsupported value: "spec.nodeName": supported values:'
        ' "metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"']),
    (volume(cephfs={"monitors": []}), ["spec.volumes[0].cephfs.monitors: Required value"]),
    (volume(emptyDir={}, cephfs={"monitors": []}), [
        "spec.volumes[0].cephFS: Forbidden: may not specify more than 1 volume type"]),
    (volume(gcePersistentDisk={"pdName": "", "partition": 256}), [
        "spec.volumes[0].persistentDisk.pdName: Required value",
        "spec.volumes[0].persistentDisk.partition: Invalid value: 256: must be between 1 and 255, inclusive"]),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "expected"), CASES)
def test_everything_is_said_at_once_and_in_order(spec: dict[str, Any], expected: list[str]) -> None:
    pod = made(spec)
    pod.spec.service_account_name = "default"
    assert said(pod) == expected


def test_annotations_have_their_rules() -> None:
    annotations = {
        "controller.kubernetes.io/pod-deletion-cost": "+1", "kubernetes.io/config.mirror": "x",
        "container.apparmor.security.beta.kubernetes.io/other": "odd",
        "seccomp.security.alpha.kubernetes.io/pod": "runtime/default",
    }  # fmt: skip
    pod = made({"securityContext": {"seccompProfile": {"type": "Unconfined"}}}, annotations=annotations)
    place = "metadata.annotations[container.apparmor.security.beta.kubernetes.io/other]: Invalid value"
    assert said(pod) == [
        'metadata.annotations[kubernetes.io/config.mirror]: Invalid value: "x": must set spec.nodeName if mirror pod'
        " annotation is set",
        'metadata.annotations[controller.kubernetes.io/pod-deletion-cost]: Invalid value: "+1": must be a 32bit'
        " integer",
        f'{place}: "other": container not found',
        f'{place}: "odd": invalid AppArmor profile name: "odd"',
        "spec.securityContext.seccompProfile.type: Forbidden: seccomp type in annotation and field must match",
    ]


def test_a_template_may_leave_to_the_pod_what_the_pod_decides() -> None:
    spec = made({"hostNetwork": True, **one(image=" x ")}).spec
    spec.containers[0].ports = [core_v1.ContainerPort(container_port=80, protocol="TCP")]
    wrong = Errors()
    pods.pod_spec(spec, meta_v1.ObjectMeta(), "spec.template.spec", wrong)
    assert wrong.causes == []
    spec.containers[0].ports[0].host_port = 81
    pods.pod_spec(spec, meta_v1.ObjectMeta(), "spec.template.spec", wrong)
    assert [each.field for each in wrong.causes] == ["spec.template.spec.containers[0].ports[0].hostPort"]


def test_images_of_the_newest_are_pulled_always() -> None:
    for image, policy in (
        ("x", "Always"), ("x:latest", "Always"), ("x:1", "IfNotPresent"), ("localhost:5000/a/x", "Always"),
        ("x@sha256:" + "a" * 64, "IfNotPresent"), ("x:latest@sha256:" + "a" * 64, "Always"), ("", "IfNotPresent"),
        ("Upper/case", "Always"), ("a/Upper", "IfNotPresent"), ("a b", "IfNotPresent"), ("f" * 64, "IfNotPresent"),
    ):  # fmt: skip
        assert made(one(image=image)).spec.containers[0].image_pull_policy == policy, image


def changes(after: dict[str, Any], before: dict[str, Any]) -> list[str]:
    wrong = Errors()
    pod_update(made(after), made(before), wrong)
    return [f"{each.field}: {each.message.partition('pod updates')[0]}" for each in wrong.causes]


GATE = {"schedulingGates": [{"name": "a"}]}
TERM = {"matchExpressions": [{"key": "a", "operator": "Exists"}]}
MORE = {"matchExpressions": [*TERM["matchExpressions"], {"key": "b", "operator": "Exists"}]}


def nodes(*terms: Any) -> dict[str, Any]:
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}
    return {**GATE, "affinity": {"nodeAffinity": required}}


@pytest.mark.parametrize(("after", "before", "expected"), [
    (one(image="y"), one(), []),
    (one(name="d"), one(), ["spec: Forbidden: "]),
    ({"tolerations": [{"key": "k", "operator": "Exists", "tolerationSeconds": 1, "effect": "NoExecute"}]},
     {"tolerations": [{"key": "k", "operator": "Exists", "tolerationSeconds": 2, "effect": "NoExecute"}]}, []),
    ({}, {"tolerations": [{"key": "k", "operator": "Exists"}]},
     ["spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds"]),
    ({"terminationGracePeriodSeconds": 1}, {"terminationGracePeriodSeconds": -1}, []),
    ({**GATE, "nodeSelector": {"a": "b", "c": "d"}}, {**GATE, "nodeSelector": {"a": "b"}}, []),
    ({**GATE, "nodeSelector": {"a": "c"}}, {**GATE, "nodeSelector": {"a": "b"}},
     ['spec.nodeSelector: Invalid value: {"a":"c"}: only additions to spec.nodeSelector are allowed (no mutations or'
      " deletions)"]),
    (nodes(TERM), GATE, []),
    (nodes(MORE), nodes(TERM), []),
    ({**GATE, "affinity": {"podAffinity": {}}}, GATE, ["spec: Forbidden: "]),
])  # fmt: skip
def test_hardly_anything_of_a_pod_changes(after: Any, before: Any, expected: list[str]) -> None:
    assert changes(after, before) == expected


def test_requirements_of_a_gated_pod_are_not_taken_back() -> None:
    (fewer,) = changes(nodes(TERM), nodes(MORE))
    assert fewer.endswith("only additions are allowed (no mutations or deletions)")
    (terms,) = changes(nodes(TERM, TERM), nodes(TERM))
    assert terms.endswith("no additions/deletions to non-empty NodeSelectorTerms list are allowed")


def test_warnings_speak_of_what_is_going_or_hidden() -> None:
    ports = [{"containerPort": 80}, {"containerPort": 80}]
    environment = [{"name": "A", "value": "1"}, {"name": "A", "value": "$(A)2"}, {"name": "A", "value": "3"}]
    spec = {
        **one(ports=ports, env=environment, resources={"requests": {"memory": "1500m"}}),
        "nodeSelector": {"beta.kubernetes.io/os": "linux"}, "terminationGracePeriodSeconds": -1,
        "imagePullSecrets": [{"name": "s"}, {"name": "s"}, {}],
        "volumes": [{"name": "v", "gitRepo": {"repository": "r"}}],
        "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule"}],
    }  # fmt: skip
    found = pods.warnings(made(spec, name="a.b"))
    assert [each.partition(":")[0] for each in found] == [
        "metadata.name", "spec.nodeSelector[beta.kubernetes.io/os]", "spec.topologySpreadConstraints[0].labelSelector",
        "spec.volumes[0].gitRepo", "spec.imagePullSecrets[1].name", "spec.imagePullSecrets[2].name",
        f"{AT}.resources.requests[memory]", f"{AT}.env[2]", f"{AT}.ports[1]", "spec.terminationGracePeriodSeconds",
    ]  # fmt: skip
    assert found[6].endswith('fractional byte value "1500m" is invalid, must be an integer')
    assert pods.template_warnings(made(spec).spec, "spec.template.spec")[0].startswith(
        "spec.template.spec.nodeSelector"
    )


TEXTS = st.sampled_from(["", "a", "A", "a b", "..", "/", "a/b", "1", "Always", "é", "x" * 64])


def structs(kind: Any, depth: int = 2) -> st.SearchStrategy[Any]:
    """Pod specs of odd texts and numbers, as deep as a spec is."""
    return st.builds(
        lambda containers, volumes, rest: {"containers": containers, "volumes": volumes, **rest},
        st.lists(st.fixed_dictionaries({"name": TEXTS, "image": TEXTS}, optional={
            "env": st.lists(st.fixed_dictionaries({"name": TEXTS}, optional={
                "valueFrom": st.fixed_dictionaries({}, optional={
                    "fieldRef": st.fixed_dictionaries({"fieldPath": TEXTS}),
                    "fileKeyRef": st.fixed_dictionaries({"volumeName": TEXTS, "path": TEXTS, "key": TEXTS}),
                    "resourceFieldRef": st.fixed_dictionaries({"resource": TEXTS}),
                })}), max_size=2),
            "volumeMounts": st.lists(st.fixed_dictionaries({"name": TEXTS, "mountPath": TEXTS}, optional={
                "subPath": TEXTS, "subPathExpr": TEXTS, "mountPropagation": TEXTS,
                "recursiveReadOnly": TEXTS}), max_size=2),
            "resources": st.fixed_dictionaries({}, optional={
                side: st.dictionaries(TEXTS, st.integers(-1, 3), max_size=2) for side in ("limits", "requests")}),
            "lifecycle": st.fixed_dictionaries({}, optional={"stopSignal": TEXTS}),
        }), max_size=2),
        st.lists(st.fixed_dictionaries({"name": TEXTS}, optional={
            "secret": st.fixed_dictionaries({}, optional={"secretName": TEXTS}),
            "hostPath": st.fixed_dictionaries({"path": TEXTS}, optional={"type": TEXTS}),
            "image": st.fixed_dictionaries({}, optional={"reference": TEXTS}),
            "iscsi": st.fixed_dictionaries({"targetPortal": TEXTS, "iqn": TEXTS, "lun": st.integers(-1, 300)}),
        }), max_size=2),
        st.fixed_dictionaries({}, optional={
            "os": st.fixed_dictionaries({"name": TEXTS}), "restartPolicy": TEXTS, "dnsPolicy": TEXTS,
            "hostnameOverride": TEXTS, "nodeSelector": st.dictionaries(TEXTS, TEXTS, max_size=2),
            "tolerations": st.lists(st.fixed_dictionaries({}, optional={"key": TEXTS, "operator": TEXTS}), max_size=2),
        }),
    )  # fmt: skip


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(structs(core_v1.PodSpec))
def test_whatever_decodes_is_checked_and_defaults_stay_as_they_are(spec: dict[str, Any]) -> None:
    pod = made(spec)
    said(pod)
    pods.warnings(pod)
    again = msgspec.json.encode(pod)
    pod_defaults.pod(pod)
    assert msgspec.json.encode(pod) == again
