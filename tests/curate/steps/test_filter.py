"""The filter keeps what is worth learning, and the funnel accounts for every episode."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from trajectune.curate.funnel import Funnel, FunnelRow, funnel_table
from trajectune.curate.steps.filter import keep_successes
from trajectune.storage import JsonlWriter, read_json, read_records
from trajectune.trajectory import Outcome, Step, ToolCall, Trajectory


def trajectory(task: str, seed: int, reward: float | None, *numbers: int, thought: str = "") -> Trajectory:
    calls = [ToolCall(name="guess", arguments={"number": number}) for number in numbers]
    return Trajectory(
        id=f"guess/{task}/{seed}",
        environment="guess",
        task=task,
        instruction="",
        observation="",
        steps=[Step(thought=thought, call=call) for call in calls],
        reward=reward,
        outcome=Outcome.AGENT_ERROR if reward is None else Outcome.COMPLETED,
    )


ROWS = [
    trajectory("a", 1, 1.0, 3, 5),
    trajectory("a", 2, 1.0, 3, 5, thought="the same calls"),
    trajectory("a", 3, 1.0, 5),
    trajectory("a", 4, 1.0, 4, 4, 5),
    trajectory("b", 1, 0.5, 1),
    trajectory("b", 2, 0.0),
    trajectory("b", 3, None),
    trajectory("c", 1, 1.0),
]


def keep(
    folder: Path, rows: list[Trajectory], threshold: float, per_task: int
) -> tuple[FunnelRow, list[str]]:
    path, kept = folder / "trajectories.jsonl", folder / "kept.jsonl"
    path.unlink(missing_ok=True)
    with JsonlWriter(path) as writer:
        for row in rows:
            writer.write(row)
    funnel = keep_successes(path, kept, threshold, per_task=per_task)
    return funnel, [row.id for row in read_records(kept, Trajectory)]


def test_every_episode_is_accounted_for(tmp_path: Path) -> None:
    row, kept = keep(tmp_path, ROWS, 1.0, 2)
    assert kept == ["guess/a/1", "guess/a/3"]
    counts = {
        "tasks": 3,
        "episodes": 8,
        "errors": 1,
        "failures": 3,
        "repeated": 1,
        "over_cap": 1,
        "kept": 2,
    }
    assert row == FunnelRow(environment="guess", turns=1.5, **counts)
    assert row.pass_rate == 4 / 7
    assert row.ratio == 2 / 3


@pytest.mark.parametrize(("threshold", "kept"), [(1.0, {"a"}), (0.5, {"a", "b"})])
def test_the_threshold_belongs_to_the_environment(tmp_path: Path, threshold: float, kept: set[str]) -> None:
    _, ids = keep(tmp_path, ROWS, threshold, 9)
    assert {name.split("/")[1] for name in ids} == kept


def test_the_order_of_the_file_does_not_matter(tmp_path: Path) -> None:
    row, kept = keep(tmp_path, ROWS, 1.0, 1)
    assert (row, set(kept)) == (keep(tmp_path, ROWS[::-1], 1.0, 1)[0], {"guess/a/1"})


def test_rows_that_are_no_trajectories_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(f'{{"id": 1}}\nnonsense\n{ROWS[0].model_dump_json()}\n', encoding="utf-8")
    row = keep_successes(path, tmp_path / "kept.jsonl", 1.0)
    assert (row.episodes, row.kept, row.unreadable) == (1, 1, 2)


def test_nothing_kept_is_an_empty_file(tmp_path: Path) -> None:
    row, kept = keep(tmp_path, ROWS[4:6], 1.0, 1)
    assert (row.kept, row.turns, row.pass_rate, kept) == (0, 0.0, 0.0, [])


def test_the_funnel_is_stored_and_shown(tmp_path: Path) -> None:
    one = FunnelRow(environment="database", tasks=1000, episodes=1200, failures=800, kept=400, turns=2.0)
    two = FunnelRow(environment="household", tasks=100, episodes=100, kept=100, turns=12.0)
    funnel = Funnel(rows=[one, two])
    funnel.save(tmp_path / "funnel.json")
    assert Funnel.model_validate(read_json(tmp_path / "funnel.json")) == funnel
    assert (funnel.total.turns, funnel.total.kept, funnel.total.tasks) == (4.0, 500, 1100)
    text = printed(funnel)
    for cell in ("1,200", "33.3%", "12.00", "total", "left out: 800 below the reward threshold"):
        assert cell in text
    assert "beyond" not in text


def test_the_table_of_a_large_run_fits_80_columns() -> None:
    counts = {"tasks": 12_345, "episodes": 23_456, "errors": 1_234, "failures": 9_876, "repeated": 543}
    rows = [
        FunnelRow(environment=name, **counts, over_cap=1_803, kept=10_000, turns=12.25, unreadable=10)
        for name in ("database", "household-official", "package.module")
    ]
    text = printed(Funnel(rows=rows))
    assert "…" not in text
    for cell in ("household-official", "37,035", "70,368", "3,702", "30,000", "12.25", "55.6%"):
        assert cell in text
    assert max(map(len, text.splitlines())) <= 80


def printed(funnel: Funnel) -> str:
    """The table as a terminal of 80 columns shows it."""
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(funnel_table(funnel.rows))
    return console.export_text()
