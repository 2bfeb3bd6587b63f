"""The funnel beside AgentTuning's Table 1: which row stands beside which source, and what is drawn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.report.contents import FunnelRow
from trajectune.report.sections.beside import beside, funnel_chart, paper_total
from trajectune.report.table1 import TABLE_1, paper_rows, together


def row(source: str, environment: str = "", *, tasks: int = 10, turns: float | None = 2.5) -> FunnelRow:
    return FunnelRow(
        source=source, environment=environment, tasks=tasks, episodes=10, passed=5, kept=4, turns=turns
    )


EVERY = [row(environment, environment) for environment in TABLE_1]


def test_the_papers_own_total_is_the_sum_of_its_rows() -> None:
    total = paper_total(EVERY)
    assert total is not None
    assert (total.tasks, total.kept, round(total.turns, 2)) == (35_341, 1_866, 5.24)
    assert round(100 * total.ratio, 2) == 5.28


@pytest.mark.parametrize(
    ("environment", "ratio"),
    [
        ("household", 35.2),
        ("web_shop", 23.6),
        ("web_navigation", 0.52),
        ("knowledge_graph", 13.0),
        ("operating_system", 30.1),
    ],
)
def test_ratios_are_those_of_the_paper(environment: str, ratio: float) -> None:
    paper = beside(row("mine", environment))
    assert paper is not None
    assert round(100 * paper.ratio, 2 if ratio < 1 else 1) == ratio


@pytest.mark.parametrize(
    ("source", "name", "kept", "turns"),
    [
        ("database", "Database", 538, 2.06),
        ("bird", "Database", 538, 2.06),
        ("database-derived", "Database, task derivation", 360, 2.03),
        ("Task-Derivation", "Database, task derivation", 360, 2.03),
        ("arm: database-self-instruct", "Database, self-instruct", 178, 2.13),
        ("self-derived", "Database", 538, 2.06),
    ],
)
def test_the_databases_two_ways_are_told_by_the_sources_name(
    source: str, name: str, kept: int, turns: float
) -> None:
    paper = beside(row(source, "database"))
    assert paper is not None
    assert (paper.name, paper.kept, round(paper.turns, 2)) == (name, kept, turns)


def test_what_the_paper_has_not_stands_alone() -> None:
    assert beside(row("derived")) is None
    assert beside(row("household", "my_house")) is None
    assert paper_total([row("a"), row("b")]) is None
    assert funnel_chart([row("a")]) is None


@given(st.lists(st.sampled_from([*EVERY, row("derived", "database"), row("self", "database"), row("x")])))
def test_no_row_of_the_paper_counts_twice(rows: list[FunnelRow]) -> None:
    found = {each for one in rows for each in paper_rows(one.source, one.environment)}
    total = paper_total(rows)
    assert (total.kept if total else 0) == sum(each.kept for each in found)
    assert together([]) is None


def test_the_chart_has_both_bars_and_leaves_out_what_was_not_measured() -> None:
    drawn = str(funnel_chart([row("mine", "household"), row("no tasks", "web_shop", tasks=0, turns=None)]))
    for words in ("mine", "no tasks", "40.0", "35.2", "2.5", "13.5", "23.6", "this run", "AgentTuning"):
        assert words in drawn
    assert ">0.0" not in drawn
    assert funnel_chart(EVERY) == funnel_chart(EVERY)
