import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k3py.model import field_selectors as selectors_of_fields
from k3py.model import selectors
from k3py.model.errors import BadRequest
from k3py.model.field_selectors import FieldLabels
from k3py.model.generated import meta_v1

WEB = {"app": "web", "tier": "front", "weight": "7"}

MATCHES = [
    ("", True), ("app=web", True), ("app==web", True), ("app!=web", False), ("nope!=web", True), ("app", True),
    ("!app", False), ("!nope", True), ("app in (web, db)", True), ("app notin (web)", False), ("nope notin (a)", True),
    ("app=web,tier=back", False), (" app = web , tier ", True), ("weight>6", True), ("weight < 7", False),
    ("app>1", False), ("in=a", False), ("app in (,web)", True), ("nope=", False), ("nope in ()x", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), [case for case in MATCHES if case[1] is not None])
def test_labels(text, expected):
    selector = selectors.parse_labels(text)
    assert selector.matches(WEB) is expected
    assert selector.matches(tuple(WEB.items())) is expected
    assert selectors.parse_labels(str(selector)).matches(WEB) is expected


REFUSED = [
    ("app=web,", "found '', expected: identifier after ','"),
    ("app=we b", "found 'b', expected: ',' or 'end of string'"),
    ("app in web", "unable to parse requirement: found 'web' expected: '('"),
    ("!", "unable to parse requirement: found '', expected: identifier"),
    ("app in (we b)", "unable to parse requirement: found 'b', expected: ',' or ')'"),
    ("app in (a, ", "unable to parse requirement: found '', expected: ',', or identifier"),
    ("app in (a,,)", "unable to parse requirement: found ')', expected: ',', or identifier"),
    ("=a", "found '=', expected: !, identifier, or 'end of string'"),
    ("app ~ b", "unable to parse requirement: found '~', expected: in, notin, =, ==, !=, gt, lt"),
    ("app=" + "a" * 64,
     f'unable to parse requirement: values[0][app]: Invalid value: "{"a" * 64}": must be no more than 63 bytes'),
    ("app&n", "unable to parse requirement: <nil>: Invalid value: \"app&n\": name part must consist of alphanumeric"
     " characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',"
     "  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_what_is_no_selector_is_refused_in_kubernetes_words(text, message):
    with pytest.raises(BadRequest) as caught:
        selectors.parse_labels(text)
    assert caught.value.message == message


def test_values_are_shown_quoted():
    with pytest.raises(BadRequest, match=r'Invalid value: "\\"w\\"": a valid label'):
        selectors.parse_labels('app="w"')


def test_commas_that_follow_each_other_leave_an_empty_value():
    for text in ("app in (,)", "app in (a,)", "app in (,a)", "app in (a,,b)", "app in (a,,,b)"):
        assert "" in selectors.parse_labels(text).requirements[0].values
    assert selectors.parse_labels("app in (a,b)").requirements[0].values == {"a", "b"}


def test_too_many_requirements_are_refused_at_the_bound():
    most = ",".join(f"k{number}" for number in range(selectors.REQUIREMENTS_MAX))
    assert len(selectors.parse_labels(most).requirements) == selectors.REQUIREMENTS_MAX
    with pytest.raises(BadRequest):
        selectors.parse_labels(most + ",more")


def test_none_selects_nothing_and_an_empty_struct_everything():
    assert not selectors.from_struct(None).matches({})
    assert selectors.from_struct(meta_v1.LabelSelector()).matches(WEB)


def test_a_struct_selector_asks_for_all_of_its_terms():
    def expression(operator, *values):
        return meta_v1.LabelSelectorRequirement(key="tier", operator=operator, values=list(values))

    def selector(*expressions):
        return selectors.from_struct(
            meta_v1.LabelSelector(match_labels={"app": "web"}, match_expressions=list(expressions))
        )

    assert selector(expression("In", "front", "back")).matches(WEB)
    assert not selector(expression("NotIn", "front")).matches(WEB)
    assert selector(expression("Exists")).matches(WEB)
    assert not selector(expression("DoesNotExist")).matches(WEB)
    with pytest.raises(ValueError, match="not a valid label selector operator"):
        selector(expression("Like"))


def test_a_struct_selector_is_written_in_the_order_of_its_keys():
    expressions = [
        meta_v1.LabelSelectorRequirement(key="z", operator="Exists"),
        meta_v1.LabelSelectorRequirement(key="c", operator="In", values=["y", "x"]),
        meta_v1.LabelSelectorRequirement(key="a", operator="DoesNotExist"),
    ]
    selector = meta_v1.LabelSelector(match_labels={"b": "1", "y": "2"}, match_expressions=expressions)
    assert str(selectors.from_struct(selector)) == "!a,b=1,c in (x,y),y=2,z"


def test_from_map_matches_all_labels():
    assert selectors.from_map({"app": "web"}).matches(WEB)
    assert not selectors.from_map({"app": "web", "x": "y"}).matches(WEB)
    assert selectors.from_map({}).everything


FIELDS = ("spec.nodeName", "status.phase")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        ("metadata.name=a", True),
        ("metadata.name!=a", False),
        ("metadata.namespace=ns,spec.nodeName==n1", True),
        ("status.phase=Running", False),
        ("status.phase!=Running,", True),
        ("spec.nodeName=n\\,1", False),
    ],
)
def test_fields(text, expected):
    selector = selectors.parse_fields(text, FIELDS)
    assert selector.matches("a", "ns", ("n1", "Pending")) is expected
    assert selectors.parse_fields(str(selector), FIELDS) == selector


def test_a_selector_for_one_name_says_so():
    assert selectors.parse_fields("metadata.name=a", ()).exact_name() == "a"
    assert selectors.parse_fields("metadata.name!=a", ()).exact_name() is None


@pytest.mark.parametrize(
    ("text", "supported", "message"),
    [
        ("spec.nope=x", FIELDS, "field label not supported: spec.nope"),
        ("spec.nope=x", (), '"spec.nope" is not a known field selector: only "metadata.name", "metadata.namespace"'),
        ("metadata.name", FIELDS, "invalid selector: 'metadata.name'; can't understand 'metadata.name'"),
        ("bad=\\x", FIELDS, "invalid field selector: invalid escape sequence: \\x"),
    ],
)
def test_field_selectors_are_refused_in_kubernetes_words(text, supported, message):
    with pytest.raises(BadRequest) as caught:
        selectors.parse_fields(text, supported)
    assert caught.value.message == message


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab=!(), <>\\/.-in\u00e9\n", max_size=40))
def test_any_text_is_a_selector_or_a_bad_request(text):
    for parse in (selectors.parse_labels, lambda text: selectors.parse_fields(text, FIELDS)):
        try:
            selector = parse(text)
        except BadRequest:
            continue
        assert parse(str(selector)) == selector


def test_a_kind_says_which_fields_it_knows():
    pods = FieldLabels(FIELDS, aliases={"spec.host": "spec.nodeName"}, unset=frozenset(["status.podIPs"]))
    terms = selectors_of_fields.parse_field_terms("status.podIPs=1.2.3.4,spec.host=n1")
    assert not selectors_of_fields.field_selector(terms, pods).matches("a", "ns", ("n1", "Pending"))
    assert selectors_of_fields.field_selector(terms[:1], pods).matches("a", "ns", ("n1", "Pending"))
    nodes, classes = FieldLabels(["spec.unschedulable"], namespaced=False), FieldLabels(namespaced=False)
    with pytest.raises(BadRequest, match=r"field label not supported: metadata[.]namespace"):
        nodes.position("metadata.namespace")
    assert classes.position("metadata.namespace") == -1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a=b=c", "invalid field selector: unescaped character in value: 61"),
        ("a=b\\", "invalid field selector: invalid escape sequence: \\"),
        ("b,a", "invalid selector: 'b,a'; can't understand 'a'"),
    ],
)
def test_terms_are_refused_in_their_order_by_name(text, message):
    with pytest.raises(BadRequest) as caught:
        selectors_of_fields.parse_field_terms(text)
    assert caught.value.message == message
