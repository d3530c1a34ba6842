"""Rows come out as kubectl prints them."""

from typing import Any

import pytest

from k3py.cli.tables import Layout, Shown, headings, labels_text, table_rows

COLUMNS: list[dict[str, Any]] = [
    {"name": "Name", "format": "name", "priority": 0},
    {"name": "Ready", "priority": 0},
    {"name": "IP", "priority": 1},
]
ROW: dict[str, Any] = {
    "cells": ["web", None, "10.0.0.1"],
    "object": {"metadata": {"name": "web", "namespace": "shop", "labels": {"b": "2", "a": "1"}}},
}
TABLE: dict[str, Any] = {"columnDefinitions": COLUMNS, "rows": [ROW]}


def test_a_column_is_three_wider_than_its_widest_cell_and_the_last_is_not_padded() -> None:
    assert Layout().format([["NAME", "AGE"], ["a-long-name", "5s"]]) == "NAME          AGE\na-long-name   5s\n"


def test_a_narrow_column_is_six_wide() -> None:
    assert Layout().format([["A", "B"], ["x", "y"]]) == "A     B\nx     y\n"


def test_widths_are_remembered_and_only_grow() -> None:
    layout = Layout()
    layout.format([["a-very-long-name", "1"]])
    assert layout.format([["b", "2"]]) == "b                  2\n"


def test_what_follows_a_line_end_in_a_cell_is_cut_off() -> None:
    assert Layout().format([["one\ntwo", "x"]]) == "one...   x\n"


SHOWN = [
    (Shown(), ["NAME", "READY"], ["web", "<none>"]),
    (Shown(wide=True), ["NAME", "READY", "IP"], ["web", "<none>", "10.0.0.1"]),
    (Shown(namespaces=True), ["NAMESPACE", "NAME", "READY"], ["shop", "web", "<none>"]),
    (Shown(labels=True), ["NAME", "READY", "LABELS"], ["web", "<none>", "a=1,b=2"]),
    (Shown(kind_prefix="pod", namespaces=True), ["NAMESPACE", "NAME", "READY"], ["shop", "pod/web", "<none>"]),
]


@pytest.mark.parametrize(("shown", "heading", "row"), SHOWN)
def test_what_is_shown_of_a_table(shown: Shown, heading: list[str], row: list[str]) -> None:
    assert headings(COLUMNS, shown) == heading
    assert table_rows(TABLE, shown) == [row]


def test_later_parts_of_a_watch_bring_no_columns() -> None:
    assert table_rows({"rows": [ROW]}, Shown(), columns=COLUMNS) == [["web", "<none>"]]


def test_no_labels() -> None:
    assert labels_text({}) == "<none>"
