"""The funnel in a terminal."""

from __future__ import annotations

import io

from rich.console import Console

from trajectune.curate.funnel import Funnel, FunnelRow
from trajectune.report.sections.funnel import funnel_table

REJECTED = {"infrastructure error": 1_234, "below the reward threshold": 9_876, "the calls of another": 543}


def printed(*rows: FunnelRow) -> str:
    """The table as a terminal of 80 columns shows it."""
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(funnel_table(Funnel(rows=list(rows))))
    return console.export_text()


def test_what_is_shown() -> None:
    reasons = {"below the reward threshold": 800}
    one = FunnelRow(source="database", tasks=1000, episodes=1200, rejected=reasons, kept=400, turns=2.0)
    two = FunnelRow(source="household", tasks=100, episodes=100, kept=100, turns=12.0, unreadable=3)
    text = printed(one, two)
    for cell in (
        "1,200",
        "33.3%",
        "12.00",
        "total",
        "rejected: 800 below the reward threshold, 3 unreadable",
    ):
        assert cell in text


def test_one_source_has_no_total_and_nothing_played_is_a_dash() -> None:
    text = printed(FunnelRow(source="database"))
    assert "total" not in text
    assert "rejected" not in text
    assert text.count("–") == 3


def test_the_table_of_a_large_run_fits_80_columns() -> None:
    rows = [
        FunnelRow(
            source=name,
            tasks=12_345,
            episodes=21_653,
            rejected=REJECTED,
            kept=10_000,
            turns=12.25,
            unreadable=10,
        )
        for name in ("database", "household-official", "package.module")
    ]
    text = printed(*rows)
    assert "…" not in text
    for cell in ("household-official", "37,035", "64,959", "3,702", "30,000", "12.25", "51.6%"):
        assert cell in text
    assert max(map(len, text.splitlines())) <= 80


def test_the_papers_row_stands_below_the_sources() -> None:
    one = FunnelRow(source="database-derived", environment="database", tasks=20)
    two = FunnelRow(source="house", environment="household", tasks=20)
    text = printed(one, two, FunnelRow(source="mine", environment="my_house"))
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert any(
        line.startswith("paper: Database,") and line.endswith("5,302 360 2.03 6.8%") for line in lines
    )
    assert "paper: ALFWorld 954 336 13.52 35.2%" in lines
    assert "paper: total 6,256 696 7.58 11.1%" in lines
    assert "paper: AgentTuning, Table 1 (arXiv 2310.12823)" in lines
    assert "paper" not in printed(FunnelRow(source="mine", environment="my_house"))
