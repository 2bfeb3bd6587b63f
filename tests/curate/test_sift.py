"""From played to kept, and a funnel that accounts for every row of the file."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from curate.steps.rows import trajectory
from trajectune.curate.funnel import Funnel, FunnelRow
from trajectune.curate.sift import sift
from trajectune.curate.steps.contract import Context
from trajectune.curate.steps.filter import BELOW, INFRASTRUCTURE
from trajectune.curate.steps.registry import build_steps, default_steps
from trajectune.storage import JsonlWriter, read_records
from trajectune.trajectory import Trajectory

ROWS = [
    trajectory("a", 1, 1.0, 3, 5),
    trajectory("a", 2, 1.0, 3, 5),
    trajectory("a", 3, 1.0, 5),
    trajectory("b", 1, 0.5, 1),
    trajectory("b", 2, None),
    trajectory("c", 1, 1.0, 2),
]


def sifted(folder: Path, rows: list[Trajectory]) -> tuple[FunnelRow, list[str]]:
    path, kept = folder / "trajectories.jsonl", folder / "kept.jsonl"
    with JsonlWriter(path) as writer:
        for row in rows:
            writer.write(row)
    row = sift(path, kept, build_steps(default_steps()), Context("guess", 1.0))
    return row, [each.id for each in read_records(kept, Trajectory)]


def test_every_episode_is_accounted_for(tmp_path: Path) -> None:
    row, kept = sifted(tmp_path, ROWS)
    assert kept == ["guess/a/1", "guess/c/1"]
    rejected = {
        "the calls of another success": 1,
        "beyond the number kept per task": 1,
        "below the reward threshold": 1,
        "infrastructure error": 1,
    }
    assert row == FunnelRow(
        source="guess", environment="guess", tasks=3, episodes=6, rejected=rejected, kept=2, turns=1.5
    )
    assert (row.passed, row.infrastructure_errors) == (4, 1)
    assert row.pass_rate == 4 / 5
    assert row.ratio == 2 / 3


def test_rows_that_are_no_trajectories_are_counted_once(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(f'{{"id": 1}}\nnonsense\n{ROWS[0].model_dump_json()}\n', encoding="utf-8")
    row = sift(path, tmp_path / "kept.jsonl", build_steps(default_steps()), Context("guess"))
    assert (row.episodes, row.kept, row.unreadable) == (1, 1, 2)


def test_without_steps_everything_is_kept(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text(ROWS[3].model_dump_json() + "\n", encoding="utf-8")
    row = sift(tmp_path / "t.jsonl", tmp_path / "kept.jsonl", [], Context("guess"))
    assert (row.kept, row.rejected) == (1, {})


def test_who_passed_is_counted_whatever_the_steps_reject(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    with JsonlWriter(path) as writer:
        for each in ROWS:
            writer.write(each)
    steps = build_steps([{"length": {"least_steps": 3}}, "filter"])
    row = sift(path, tmp_path / "kept.jsonl", steps, Context("guess", 1.0))
    assert (row.kept, row.passed, row.infrastructure_errors) == (0, 4, 1)
    own = build_steps([{"filter": {"threshold": 0.5}}])
    assert sift(path, tmp_path / "kept.jsonl", own, Context("guess", 1.0)).passed == 5


def test_a_funnel_of_an_earlier_version_says_who_passed_by_its_reasons() -> None:
    stored = {"source": "db", "episodes": 9, "kept": 3, "rejected": {BELOW: 4, INFRASTRUCTURE: 2}}
    row = FunnelRow.model_validate(stored)
    assert (row.passed, row.infrastructure_errors, row.environment) == (3, 2, "")
    first = {"environment": "db", "episodes": 9, "kept": 3, "errors": 2, "failures": 4}
    assert FunnelRow.model_validate(first) == row
    assert FunnelRow.model_validate({**stored, "passed": 1}).passed == 1
    with pytest.raises(ValidationError, match="rejected"):
        FunnelRow.model_validate({"source": "db", "rejected": {BELOW: "many"}})


def test_nothing_kept_is_an_empty_file(tmp_path: Path) -> None:
    row, kept = sifted(tmp_path, ROWS[3:4])
    assert (row.kept, row.turns, row.pass_rate, kept) == (0, None, 0.0, [])
    nothing, _ = sifted(tmp_path / "none", [])
    assert (nothing.pass_rate, nothing.ratio) == (None, None)


def test_a_funnel_whose_counts_do_not_add_up_is_refused() -> None:
    with pytest.raises(ValidationError, match="9 episodes are not those kept and rejected"):
        FunnelRow(source="db", episodes=9, kept=3, rejected={"x": 5})


def test_the_total_is_made_of_counts(tmp_path: Path) -> None:
    one = FunnelRow(source="db", tasks=1000, episodes=1200, rejected={"x": 800}, kept=400, turns=2.0)
    two = FunnelRow(source="household", tasks=100, episodes=100, kept=100, turns=12.0)
    funnel = Funnel(rows=[one, two])
    funnel.save(tmp_path / "funnel.json")
    assert Funnel.load(tmp_path / "funnel.json") == funnel
    assert (funnel.total.turns, funnel.total.kept, funnel.total.tasks) == (4.0, 500, 1100)
    assert funnel.total.rejected == {"x": 800}


def test_a_row_of_the_first_version_is_read() -> None:
    old = {"environment": "db", "tasks": 3, "episodes": 8, "errors": 1, "failures": 3, "repeated": 1}
    row = FunnelRow.model_validate({**old, "over_cap": 1, "kept": 2, "unreadable": 0, "turns": 1.5})
    assert (row.source, row.infrastructure_errors, row.passed, row.kept) == ("db", 1, 4, 2)


def test_a_second_row_of_an_episode_is_set_aside_and_counted(tmp_path: Path) -> None:
    row, kept = sifted(tmp_path, [*ROWS, *ROWS])
    assert kept == ["guess/a/1", "guess/c/1"]
    assert (row.episodes, row.kept, row.unreadable) == (6, 2, 6)
