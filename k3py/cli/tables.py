"""Rows of text under headings, aligned as kubectl aligns them. Decides."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

_CELL_WIDTH_MIN: Final = 6
_PADDING: Final = 3
_CELL_ENDS: Final = "\n\r\f"  # a cell is one line; what follows is cut off


class Layout:
    """Column widths. They are remembered and only grow, so that what a watch prints later stays in line."""

    def __init__(self, padding: int = _PADDING) -> None:
        self._padding = padding
        self._widths: list[int] = []

    def format(self, rows: Iterable[Sequence[str]]) -> str:
        """The rows as lines, each with its end. The last column is not padded."""
        cut = [[_one_line(cell) for cell in row] for row in rows]
        for row in cut:
            for index, cell in enumerate(row[:-1]):
                if index == len(self._widths):
                    self._widths.append(_CELL_WIDTH_MIN)
                self._widths[index] = max(self._widths[index], len(cell) + self._padding)
        return "".join(self._line(row) for row in cut)

    def _line(self, row: Sequence[str]) -> str:
        padded = [cell.ljust(self._widths[index]) for index, cell in enumerate(row[:-1])]
        return "".join([*padded, *row[-1:]]) + "\n"


def _one_line(cell: str) -> str:
    for index, character in enumerate(cell):
        if character in _CELL_ENDS:
            return f"{cell[:index]}..."
    return cell


@dataclass(frozen=True)
class Shown:
    """How much of a server's table is shown."""

    wide: bool = False
    namespaces: bool = False
    labels: bool = False
    headers: bool = True
    kind_prefix: str = ""


def table_rows(table: dict[str, Any], shown: Shown, *, columns: Sequence[dict[str, Any]] = ()) -> list[list[str]]:
    """The rows of a ``meta.k8s.io/v1`` Table. ``columns`` are those of an earlier part, if this one has none."""
    columns = table.get("columnDefinitions") or columns
    visible = [index for index, each in enumerate(columns) if shown.wide or not each.get("priority")]
    return [_row(row, visible, columns, shown) for row in table.get("rows") or ()]


def headings(columns: Sequence[dict[str, Any]], shown: Shown) -> list[str]:
    """The headings over those rows."""
    names = [str(each["name"]).upper() for each in columns if shown.wide or not each.get("priority")]
    return [*(["NAMESPACE"] if shown.namespaces else []), *names, *(["LABELS"] if shown.labels else [])]


def _row(row: dict[str, Any], visible: Sequence[int], columns: Sequence[dict[str, Any]], shown: Shown) -> list[str]:
    metadata = (row.get("object") or {}).get("metadata") or {}
    cells = [_text(row["cells"][index]) if index < len(row["cells"]) else "" for index in visible]
    if shown.kind_prefix and cells and columns[visible[0]].get("format") == "name":
        cells[0] = f"{shown.kind_prefix}/{cells[0]}"
    if shown.namespaces:
        cells.insert(0, str(metadata.get("namespace") or ""))
    if shown.labels:
        cells.append(labels_text(metadata.get("labels") or {}))
    return cells


def labels_text(labels: dict[str, str]) -> str:
    """``a=1,b=2``, sorted; ``<none>`` for none."""
    return ",".join(f"{key}={labels[key]}" for key in sorted(labels)) or "<none>"


def _text(cell: Any) -> str:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return "<none>" if cell is None else str(cell)
