"""Plain values in Go's words."""

import pytest

from k3py.objects.go_values import go_syntax, go_text, type_name


@pytest.mark.parametrize(
    ("value", "text", "syntax", "kind"),
    [
        ("a b", "a b", '"a b"', "string"),
        (True, "true", "true", "bool"),
        (7, "7", "7", "int64"),
        (1.0, "1", "1", "float64"),
        (-0.25, "-0.25", "-0.25", "float64"),
        (0.0001, "0.0001", "0.0001", "float64"),
        (0.00001, "1e-05", "1e-05", "float64"),
        (123456.5, "123456.5", "123456.5", "float64"),
        (1234567.5, "1.2345675e+06", "1.2345675e+06", "float64"),
        (1e21, "1e+21", "1e+21", "float64"),
        (None, "<nil>", "interface {}(nil)", "<nil>"),
        ([], "[]", "[]interface {}{}", "[]interface {}"),
        ({"b": [1, "x", None], "a": {}}, "map[a:map[] b:[1 x <nil>]]",
         'map[string]interface {}{"a":map[string]interface {}{}, "b":[]interface {}{1, "x", interface {}(nil)}}',
         "map[string]interface {}"),
    ],
)  # fmt: skip
def test_a_value_is_printed_as_go_does(value, text, syntax, kind):
    assert (go_text(value), go_syntax(value), type_name(value)) == (text, syntax, kind)
