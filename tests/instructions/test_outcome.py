"""The funnel counts every task once, and is read back as it was written."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from trajectune.errors import DataError
from trajectune.instructions.outcome import Construction, by_reason
from trajectune.report.sections.instructions import instructions_table, rejected
from trajectune.terminal import Terminal

MADE = Construction(
    way="self_instruct",
    environment="database",
    teacher="a [bold]teacher",
    asked=4,
    written=10,
    rejected={"it fails": 6, "it is like an earlier task": 3},
    accepted=1,
)


def test_a_task_that_is_lost_is_no_funnel() -> None:
    with pytest.raises(ValidationError, match="10 tasks are not those accepted and rejected"):
        Construction.model_validate({**MADE.model_dump(), "accepted": 2})


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    MADE.save(tmp_path)
    assert Construction.load(tmp_path) == MADE
    assert MADE.ratio == 0.1
    (tmp_path / "instructions.json").write_text("{}")
    with pytest.raises(DataError, match=r"instructions\.json"):
        Construction.load(tmp_path)


@given(st.lists(st.sampled_from(["a", "a: 1", "a: 2: x", "b"]), max_size=20))
def test_reasons_are_counted_without_their_details(reasons: list[str]) -> None:
    counts = by_reason(reasons)
    assert sum(counts.values()) == len(reasons)
    assert counts.get("b", 0) == reasons.count("b")
    assert list(counts.values()) == sorted(counts.values(), reverse=True)


def test_the_table_shows_the_funnel_and_every_reason() -> None:
    page = io.StringIO()
    Terminal(file=page, width=160, color_system=None).print(instructions_table({"shop": MADE}))
    shown = " ".join(page.getvalue().split())
    assert "shop Self-Instruct a [bold]teacher 4 10 1 10.0%" in shown
    assert f"shop: {rejected(MADE)}" in shown
    assert rejected(MADE) == "6 × it fails; 3 × it is like an earlier task"
