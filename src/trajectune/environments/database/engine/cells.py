"""Cells as text: as an agent is shown them, and in the form in which states are compared.

Invariants: the text that is shown is `repr` of the rows, cut at `MAX_CHARS`, and no more memory than that
is spent on a cell, however large it is; both forms take time linear in the length of a cell.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

MAX_CHARS = 800
"""Longest output, as in AgentBench; the rest is cut and `[TRUNCATED]` says so."""

INTEGER = re.compile(r"[+-]?\d{1,40}", re.A)
NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?", re.I | re.A)


def plain(value: object) -> str:
    """A cell as text, so that `7`, `7.0` and `'7'` are one value, whatever column type holds them."""
    if value is None:
        return "\0null"
    text = str(value).strip()
    if INTEGER.fullmatch(text):
        return str(int(text))
    if not NUMBER.fullmatch(text):
        return text  # float() would take "nan" and "1_0" too
    number = float(text)
    if math.isinf(number):
        return text
    return str(int(number)) if number.is_integer() and abs(number) < 1e19 else repr(number)


def shown(rows: Iterable[Sequence[object]]) -> str:
    """Rows as Python writes a list of tuples, cut at `MAX_CHARS`; no more rows are read than are shown."""
    parts: list[str] = []
    length = 2
    for row in rows:
        parts.append(_row(row))
        length += len(parts[-1]) + 2
        if length > MAX_CHARS + 2:
            break
    text = f"[{', '.join(parts)}]"
    return text if len(text) <= MAX_CHARS else text[:MAX_CHARS] + "[TRUNCATED]"


def _row(row: Sequence[object]) -> str:
    cells: list[str] = []
    length = 0
    for cell in row:
        cells.append(_cell(cell))
        length += len(cells[-1]) + 2
        if length > MAX_CHARS:
            break  # the rest is not shown
    return f"({cells[0]},)" if len(row) == 1 else f"({', '.join(cells)})"


def _cell(cell: object) -> str:
    """The beginning of `repr(cell)`, as much of it as can be shown."""
    if isinstance(cell, str) and len(cell) > MAX_CHARS:
        marks = "".join(mark for mark in "'\"" if mark in cell)  # they settle which quotes repr takes
        return repr(cell[:MAX_CHARS] + marks)
    if isinstance(cell, bytes) and len(cell) > MAX_CHARS:
        return repr(cell[:MAX_CHARS] + b"".join(mark for mark in (b"'", b'"') if mark in cell))
    return repr(cell)
