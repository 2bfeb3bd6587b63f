"""The page says how tasks were made, where they were made."""

from __future__ import annotations

from trajectune.report.contents import InstructionsRow, Page
from trajectune.report.page import render

ROW = InstructionsRow(
    source="shop",
    way="Self-Instruct",
    teacher="<b>teacher</b>",
    asked=4,
    written=10,
    accepted=1,
    rejected="9 × it fails",
)


def test_the_funnel_of_instructions_is_in_the_data_section() -> None:
    shown = render(Page(title="t", instructions=[ROW]), [])
    section = shown[shown.index("<h2>Data</h2>") : shown.index("<h2>Training</h2>")]
    assert "From requests to tasks" in section
    assert "&lt;b&gt;teacher&lt;/b&gt;" in section
    assert "9 × it fails" in section


def test_a_run_without_made_tasks_says_nothing_of_them() -> None:
    assert "From requests to tasks" not in render(Page(title="t"), [])
