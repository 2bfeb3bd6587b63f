"""The page of the steps names each of them with every option and its default."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic_core import PydanticUndefined

from trajectune.curate.steps.registry import BUILT_IN
from trajectune.report.table1 import TABLE_1

PAGE = (Path(__file__).parents[3] / "docs" / "funnel.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip(" `") for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if "|" in line
]
STEPS = ("pass_rate", "faults", "length", "language", "filter", "deduplicate")


@pytest.mark.parametrize("name", STEPS)
def test_options_and_defaults_are_those_of_the_step(name: str) -> None:
    start = next(number for number, row in enumerate(ROWS) if row[0] == name)
    options = {}
    for row in ROWS[start + 1 :]:
        if row[0]:
            break
        options[row[1]] = row[2]
    fields = BUILT_IN[name].Options.model_fields
    assert set(options) == set(fields)
    for option, field in fields.items():
        default = field.get_default(call_default_factory=True, validated_data={})
        assert default is not PydanticUndefined
        shown = f"[{', '.join(default)}]" if isinstance(default, list) else default
        said = "" if shown is None else f"{shown:g}" if isinstance(shown, float) else str(shown)
        assert options[option] == said, option


def test_the_papers_table_is_the_one_that_is_drawn() -> None:
    for environment, rows in TABLE_1.items():
        for row in rows:
            shown = next(cells for cells in ROWS if cells[0] == row.name)
            numbers = [float(re.sub(r"[, %]", "", cell)) for cell in shown[1:5]]
            assert numbers[:3] == [row.tasks, row.kept, row.turns]
            assert abs(numbers[3] - 100 * row.ratio) < 0.06
            assert shown[5] == environment
