"""Bodies of requests: JSON, YAML and protobuf, strict or lenient."""

import contextlib

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from k3py.model import protobuf
from k3py.model.errors import BadRequest, Problem, UnsupportedMediaType
from k3py.model.generated.meta_v1 import DeleteOptions
from k3py.objects import yaml_values
from k3py.objects.decode import PROTOBUF, YAML, decode_body, decode_options
from k3py.objects.options import FieldValidation
from tests.objects.world import kind_of

CONFIG, POD = kind_of("ConfigMap"), kind_of("Pod")
STRICT, WARN, IGNORE = FieldValidation.STRICT, FieldValidation.WARN, FieldValidation.IGNORE


def config(text, validation=STRICT, media_type=""):
    return decode_body(CONFIG, text.encode(), media_type, validation)


def refused(text, validation=STRICT, media_type="", kind=CONFIG):
    with pytest.raises(BadRequest) as caught:
        decode_body(kind, text.encode(), media_type, validation)
    return caught.value.message


def test_json_yaml_and_protobuf_say_the_same():
    wanted = config('{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"k":"v"}}')[0]
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  k: v\n"
    assert config(text, media_type=YAML)[0] == wanted

    def part(number, data):
        return bytes([number << 3 | 2, len(data)]) + data

    body = part(1, part(1, b"a")) + part(2, part(1, b"k") + part(2, b"v"))
    envelope = protobuf.MAGIC + part(1, part(1, b"v1") + part(2, b"ConfigMap")) + part(2, body)
    assert decode_body(CONFIG, envelope, PROTOBUF)[0] == wanted


def test_null_counts_as_absent():
    obj, warnings = config('{"metadata":{"name":"a","creationTimestamp":null,"labels":null},"data":null}')
    assert obj.metadata.labels == {}
    assert warnings == []


def test_null_among_the_values_of_a_map_or_a_list_is_a_zero_value():
    assert config('{"data":{"a":null}}')[0].data == {"a": ""}
    pod = decode_body(POD, b'{"spec":{"containers":[null,{"args":[null],"env":null}]}}', "")[0]
    assert pod.spec.containers[0].name == ""
    assert pod.spec.containers[1].args == [""]


@pytest.mark.parametrize(
    ("text", "media_type", "said"),
    [
        ("", "", "couldn't get version/kind; json parse error: unexpected end of JSON input (<empty>)"),
        ("[]", "", "json: cannot unmarshal array into Go value of type struct { APIVersion string"),
        ('{"kind":5}', "", 'cannot unmarshal number into Go struct field .kind of type string ({"kind":5})'),
        ('{"apiVersion":"a/b/c"}', "", 'unexpected GroupVersion string: a/b/c ({"apiVersion":"a/b/c"})'),
        ("x" * 31, "", f"looking for beginning of value ({'78' * 30} ...)"),
        ("a: b: c", YAML, "yaml: mapping values are not allowed in this context (613a20623a2063)"),
        ("a: b\nc: d: e", YAML, "yaml: line 2: mapping values are not allowed in this context"),
    ],
)
def test_what_cannot_be_recognised_is_shown_in_part(text, media_type, said):
    message = refused(text, media_type=media_type)
    assert message.startswith("the object provided is unrecognized (must be of type ConfigMap): ")
    assert said in message


@pytest.mark.parametrize(
    ("api_version", "name", "said"),
    [
        ("v1", "Pod", 'Pod in version "v1" cannot be handled as a ConfigMap: converting (v1.Pod) to (core.ConfigMap)'),
        ("v1", "PodList", "converting (v1.PodList) to (core.ConfigMap): unknown conversion"),
        ("v1", "Status", "converting (v1.Status) to (core.ConfigMap): unknown conversion"),
        ("apps/v1", "DeleteOptions", "converting (v1.DeleteOptions) to (core.ConfigMap): unknown conversion"),
        ("apps/v1", "Nope", 'Nope in version "v1" cannot be handled as a ConfigMap: no kind "Nope" is registered for'),
        ("apps/v2", "ConfigMap", 'no kind "ConfigMap" is registered for version "apps/v2" in scheme'),
    ],
)
def test_objects_of_other_kinds(api_version, name, said):
    assert said in refused(f'{{"apiVersion":"{api_version}","kind":"{name}"}}')


def test_another_version_of_the_kind():
    text = '{"apiVersion":"events.k8s.io/v1","kind":"Event"}'
    assert refused(text, kind=kind_of("Event")) == (
        "the API version in the data (events.k8s.io/v1) does not match the expected API version (v1)"
    )


UNKNOWN = '{"metadata":{"name":"a","Labels":{"x":"y"}},"Data":{},"x":1}'
SAID = 'unknown field "metadata.Labels", unknown field "Data", unknown field "x"'


def test_unknown_fields():
    start = 'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: '
    assert refused(UNKNOWN) == start + SAID
    obj, warnings = config(UNKNOWN, WARN)
    assert obj.metadata.name == "a"
    assert ", ".join(warnings) == SAID
    assert config(UNKNOWN, IGNORE)[1] == []


DUPLICATE = '{"metadata":{"name":"b","name":"a"},"data":{"a":"1","a":"2"},"data":{"b":"2"}}'


def test_fields_that_stand_twice():
    assert refused(DUPLICATE).endswith(
        'strict decoding error: duplicate field "metadata.name", duplicate field "data.a", duplicate field "data"'
    )
    obj, warnings = config(DUPLICATE, WARN)
    assert obj.metadata.name == "a"
    assert obj.data == {"a": "2", "b": "2"}
    assert warnings[0] == 'duplicate field "metadata.name"'
    assert config(DUPLICATE, IGNORE)[1] == []


def test_odd_spacing_is_no_duplicate():
    assert config('{ "metadata" : {\n"name" :\t"a" } , "data" : {"k\\u0022:" : "v\\":"} }')[1] == []


def test_a_yaml_key_that_stands_twice_is_told_with_its_line():
    text = "kind: ConfigMap\napiVersion: v1\nmetadata: {name: a}\ndata:\n  a: '1'\n  a: '2'\nfoo: bar\n"
    assert refused(text, media_type=YAML).endswith(
        'strict decoding error: yaml: unmarshal errors:\n  line 6: key "a" already set in map, unknown field "foo"'
    )


def test_yaml_has_only_the_types_of_json():
    assert config("data: {a: '1', b: 2001-01-01}", media_type=YAML)[0].data == {"a": "1", "b": "2001-01-01"}
    assert yaml_values.load_yaml(b"[1, 0o7, 010, 0x1f, 1.5, 1e3, yes, ~, 22:22, 1_000, '1', !!str 1, -3]")[0] == [
        1, 7, 8, 31, 1.5, 1000, True, None, "22:22", 1000, "1", "1", -3,
    ]  # fmt: skip
    assert yaml_values.load_yaml(b"[3.0, -2e-1, 1e21, '1e3', .5, 1., -0o17]")[0] == [3, -0.2, 1e21, "1e3", 0.5, 1, -15]
    assert isinstance(yaml_values.load_yaml(b"3.0")[0], int)
    merged = yaml_values.load_yaml(b"a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\n1: 2")[0]
    assert merged == {"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 3}, "1": 2}
    for text in ("a: .inf", "a: .nan", "a: *b", "? {a: b}\n: c", "a: 1\n---\nb: 2", "a: b\n<<: 5"):
        with pytest.raises(yaml.YAMLError):
            yaml_values.load_yaml(text.encode())
    for text in ("data: {a: !!binary aGk=}", "data: !!set {a}", "data: !!python/name:os.system", "a: b: c", "- 1"):
        assert "unrecognized" in refused(text, media_type=YAML)


def test_a_small_yaml_that_stands_for_much_is_refused_at_the_bound():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert "excessive aliasing" in refused("\n".join(lines), media_type=YAML)
    assert "itself" in refused("a: &a [*a]", media_type=YAML)
    items = yaml_values.YAML_NODES_MAX - 3  # the document's map, its key and the list count too
    assert len(yaml_values.load_yaml(b"a: [" + b"1," * items + b"]")[0]["a"]) == items
    with pytest.raises(yaml.YAMLError):
        yaml_values.load_yaml(b"a: [" + b"1," * (items + 1) + b"]")


@pytest.mark.parametrize("media_type", ["", YAML])
def test_deep_nesting_is_refused(media_type):
    assert "unrecognized" in refused("[" * 5_000 + "]" * 5_000, media_type=media_type)
    assert refused('{"a":' * 5_000 + "1" + "}" * 5_000, media_type=media_type)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "couldn't get version/kind; json parse error"),
        ("[]", "must be of type ConfigMap"),
        ("{", "couldn't get version/kind"),
        ("apiVersion: v1", "couldn't get version/kind"),
        ('{"data":{"k":5}}', 'ConfigMap in version "v1" cannot be handled as a ConfigMap'),
        ('{"binaryData":{"k":"!!"}}', "cannot be handled as a ConfigMap"),
        ('{"apiVersion":"v1","kind":"Nope"}', 'no kind "Nope" is registered for version "v1"'),
        ('{"apiVersion":"a/b/c","kind":"ConfigMap"}', "unexpected GroupVersion string: a/b/c"),
        ('{"apiVersion":"v1","kind":"Secret"}', "cannot be handled as a ConfigMap"),
        ('{"data":{"k":NaN}}', "couldn't get version/kind"),
    ],
)
def test_what_is_no_object_of_the_kind(text, said):
    assert said in refused(text)


def test_other_media_types_are_not_read():
    with pytest.raises(UnsupportedMediaType, match="accepted media types include: application/json"):
        config("{}", media_type="text/plain")


def test_options_may_be_absent_and_carry_unknown_fields():
    assert decode_options(DeleteOptions, b"", "") == DeleteOptions()
    read = decode_options(DeleteOptions, b'{"kind":"DeleteOptions","apiVersion":"v1","gracePeriodSeconds":5,"x":1}', "")
    assert read.grace_period_seconds == 5
    for data, said in (
        (b"[]", "couldn't get version/kind; json parse error: json: cannot unmarshal array into Go value of type"),
        (b"{", "couldn't get version/kind; json parse error: unexpected end of JSON input"),
        (b'{"gracePeriodSeconds":"x"}', "json: cannot unmarshal string into Go struct field DeleteOptions.grace"),
        (b'{"kind":"Status"}', "decoded object cannot be converted to DeleteOptions"),
        (b'{"kind":"Pod"}', 'no kind "Pod" is registered for version "meta.k8s.io/v1" in scheme "pkg/apis/meta/'),
        (b'{"kind":"Pod","apiVersion":"v1"}', 'no kind "Pod" is registered for version "v1" in scheme "pkg/apis/meta/'),
    ):
        with pytest.raises(BadRequest) as refused:
            decode_options(DeleteOptions, data, "")
        assert refused.value.message.startswith(said)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["metadata", "name", "spec", "containers", "kind", "x", "labels"]), inner)
    ),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(JSON_VALUES, st.sampled_from([STRICT, WARN, IGNORE]))
def test_any_json_is_a_pod_or_a_problem(value, validation):
    import orjson

    with contextlib.suppress(TypeError):
        data = orjson.dumps(value)
        with contextlib.suppress(Problem):
            decode_body(POD, data, "", validation)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=100) | st.text(alphabet="{}[]&*!:,-'\"ab \n\t", max_size=60).map(str.encode))
def test_any_bytes_are_a_pod_or_a_problem(data):
    for media_type in ("", YAML, PROTOBUF):
        with contextlib.suppress(Problem):
            decode_body(POD, data, media_type, WARN)


def test_an_empty_list_of_managed_fields_is_more_than_none():
    for body, count in ((b'{"metadata":{"managedFields":[]}}', 1), (b'{"metadata":{}}', 0), (b'{"metadata":null}', 0)):
        for form in ("application/json", "application/yaml"):
            obj, _ = decode_body(kind_of("ConfigMap"), body, form)
            assert len(obj.metadata.managed_fields) == count
