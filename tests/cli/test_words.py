"""What people type: resources, outputs, durations, files, kubeconfigs."""

import contextlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.cli.access import find_kubeconfig
from k3py.cli.app import Failure
from k3py.cli.applying import placed
from k3py.cli.durations import parse_duration
from k3py.cli.kubeconfig import merge_kubeconfigs
from k3py.cli.manifests import Manifest, decode_manifests
from k3py.cli.output import parse_output, print_objects
from k3py.cli.resources import parse_one, parse_resources
from k3py.cli.sources import read_manifests

RESOURCES = [
    (["pods"], [("pods", ())]),
    (["po", "a", "b"], [("pods", ("a", "b"))]),
    (["Deployment.apps"], [("deployments", ())]),
    (["pods,deploy,po"], [("pods", ()), ("deployments", ())]),
    (["pod/a", "deploy/b"], [("pods", ("a",)), ("deployments", ("b",))]),
    (["hpa"], [("horizontalpodautoscalers", ())]),
    (["ev", "limits", "quota"], [("events", ("limits", "quota"))]),
]


@pytest.mark.parametrize(("words", "asked"), RESOURCES)
def test_resources(words: list[str], asked: list[tuple[str, tuple[str, ...]]]) -> None:
    assert [(each.kind.plural, each.names) for each in parse_resources(words)] == asked


def test_all_is_what_runs() -> None:
    assert [each.kind.plural for each in parse_resources(["all"])] == [
        "pods", "services", "replicationcontrollers", "deployments", "replicasets", "statefulsets", "daemonsets",
        "jobs", "cronjobs", "horizontalpodautoscalers",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "code"), [([], 2), (["pod/a", "b"], 2), (["pod/"], 2), (["/a"], 2), (["nosuch"], 1), (["bindings"], 1)]
)
def test_resources_that_mean_nothing(words: list[str], code: int) -> None:
    with pytest.raises(Failure) as caught:
        parse_resources(words)
    assert caught.value.exit_code == code


def test_exactly_one_object() -> None:
    assert parse_one(["deploy", "web"])[1] == parse_one(["deploy/web"])[1] == "web"
    with pytest.raises(Failure, match="which object"):
        parse_one(["pods"])


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("30s", 30), ("1h30m", 5400), ("1.5h", 5400), ("250ms", 0.25), ("-1s", -1), (".5s", 0.5)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@given(st.text(alphabet="0123456789hmsun.-µ ", max_size=12))
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    with contextlib.suppress(Failure):
        assert isinstance(parse_duration(text), float)


@pytest.mark.parametrize("text", ["", "5", "5 s", "s", "1d", "--1s", "1s2"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(Failure):
        parse_duration(text)


def test_documents_lists_and_comments() -> None:
    text = b"# first\n---\nkind: A\n--- # second\nkind: List\nitems: [{kind: B}, {kind: C}]\n---\n\n"
    assert [each.object["kind"] for each in decode_manifests(text, "x")] == ["A", "B", "C"]
    assert decode_manifests(b'{\t"kind": "A"}', "x")[0].object == {"kind": "A"}


@pytest.mark.parametrize("text", [b"a: b: c", b"[1]", b"hello", b"a: 1\na: 2", b"\xff\xfe\xfd", b"a: !!binary eA=="])
def test_what_is_no_manifest(text: bytes) -> None:
    with pytest.raises(Failure, match=r"bad\.yaml"):
        decode_manifests(text, "bad.yaml")


@given(st.binary(max_size=60))
def test_any_bytes_are_manifests_or_refused(data: bytes) -> None:
    with contextlib.suppress(Failure):
        assert all(isinstance(each.object, dict) for each in decode_manifests(data, "x"))


def test_a_folder_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("kind: B")
    (tmp_path / "a.json").write_text('{"kind": "A"}')
    (tmp_path / "notes.txt").write_text("kind: no")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/c.yml").write_text("kind: C")
    assert [each.object["kind"] for each in read_manifests([str(tmp_path)], False)] == ["A", "B"]
    assert [each.object["kind"] for each in read_manifests([str(tmp_path)], True)] == ["A", "B", "C"]
    with pytest.raises(Failure, match="No such file"):
        read_manifests([str(tmp_path / "none.yaml")], False)


MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}}


def test_where_an_object_goes() -> None:
    inside = {**MAP, "metadata": {"name": "m", "namespace": "own"}}
    assert placed(Manifest(MAP, "x"), "", "default")[2] == "default"
    assert placed(Manifest(MAP, "x"), "asked", "default")[2] == "asked"
    assert placed(Manifest(inside, "x"), "", "default")[2] == "own"
    with pytest.raises(Failure, match="own"):
        placed(Manifest(inside, "x"), "asked", "default")
    with pytest.raises(Failure, match="no matches for kind"):
        placed(Manifest({"apiVersion": "v9", "kind": "X"}, "x"), "", "default")


def test_outputs() -> None:
    shown = [{**MAP, "metadata": {"name": "m", "managedFields": [1]}}]
    assert print_objects(shown, parse_output("name"), single=True) == "configmap/m\n"
    assert "managedFields" not in print_objects(shown, parse_output("yaml"), single=True)
    assert '"kind": "List"' in print_objects(shown, parse_output("json"), single=False)
    assert print_objects(shown, parse_output("jsonpath={.metadata.name}"), single=True) == "m"
    columns = parse_output("custom-columns=N:.metadata.name,X:.x")
    assert print_objects(shown, columns, single=True) == "N     X\nm     <none>\n"


@pytest.mark.parametrize("text", ["xml", "json=1", "jsonpath", "jsonpath={", "custom-columns=", "custom-columns=A"])
def test_outputs_that_are_none(text: str) -> None:
    with pytest.raises(Failure) as caught:
        parse_output(text)
    assert caught.value.exit_code == 2


ADMIN, HOME = Path("/etc/admin"), Path("/home/me")
KUBECONFIGS = [
    ("/flag", {"KUBECONFIG": "/env"}, {"/env", "/etc/admin"}, "/flag"),
    ("", {"KUBECONFIG": f"/none{os.pathsep}/env"}, {"/env", "/etc/admin"}, "/env"),
    ("", {"KUBECONFIG": "/none"}, {"/etc/admin"}, "/none"),
    ("", {}, {"/etc/admin", "/home/me/.kube/config"}, "/etc/admin"),
    ("", {}, {"/home/me/.kube/config"}, "/home/me/.kube/config"),
    ("", {}, set(), None),
]


@pytest.mark.parametrize(("asked", "environment", "there", "found"), KUBECONFIGS)
def test_which_kubeconfig(asked: str, environment: dict[str, str], there: set[str], found: str | None) -> None:
    path = find_kubeconfig(asked, environment, ADMIN, HOME, lambda each: str(each) in there)
    assert (None if path is None else str(path)) == found


def test_merging_kubeconfigs_keeps_what_was_there() -> None:
    one = {"clusters": [{"name": "a", "cluster": {"server": "s"}}], "users": [{"name": "a", "user": {}}],
           "contexts": [{"name": "a", "context": {}}]}  # fmt: skip
    merged = merge_kubeconfigs({"users": [{"name": "other"}, {"name": "k3py", "user": {"old": 1}}]}, one, "k3py")
    assert [each["name"] for each in merged["users"]] == ["other", "k3py"]
    assert merged["current-context"] == "k3py"
    assert merged["contexts"] == [{"name": "k3py", "context": {"cluster": "k3py", "user": "k3py"}}]
    with pytest.raises(Failure, match="no cluster"):
        merge_kubeconfigs({}, {}, "k3py")
