"""Paired comparisons: only what all systems answered counts, and the change is the metrics' difference."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trajectune.errors import DataError
from trajectune.evaluate.compare import GapShare, PairedChange, compare, gap_shares
from trajectune.evaluate.contract import Group, Item, Measurement, SystemIdentity
from trajectune.evaluate.items import write_items

Scores = dict[str, float]


def stored(
    folder: Path, name: str, scores: Scores, *, suite: str = "s", group: Group = "held-in", **fields: object
) -> list[Measurement]:
    """A measurement with its items on the disk, as `evaluate` leaves it."""
    weight = float(fields.pop("weight", 1.0))  # pyright: ignore[reportArgumentType]
    items = [Item(task=task, score=score, weight=weight) for task, score in scores.items()]
    return [
        Measurement.model_validate(
            {"suite": suite, "group": group, "system": SystemIdentity(name=name, model="tiny"),
             "headline": "score", "items": write_items(folder / suite / "items.jsonl", items)} | fields
        )
    ]  # fmt: skip


def change(tmp_path: Path, before: Scores, after: Scores, **fields: object) -> PairedChange:
    one, two = tmp_path / "one", tmp_path / "two"
    old, new = stored(one, "base", before, **fields), stored(two, "tuned", after, **fields)  # pyright: ignore[reportArgumentType]
    (found,) = compare(old, new, one, two)
    return found


def test_pairs_count_what_was_gained_and_lost(tmp_path: Path) -> None:
    before = {"a": 0.0, "b": 1.0, "c": 0.0, "e": 1.0, "only": 1.0}
    found = change(tmp_path, before, {"a": 1.0, "b": 1.0, "c": 1.0, "e": 0.0, "other": 0.0, "third": 1.0})
    assert (found.before, found.after, found.suite) == ("base", "tuned", "s")
    assert (found.tasks, found.unpaired, found.gained, found.lost) == (4, 3, 2, 1)
    assert found.change is not None
    assert found.change.value == pytest.approx(0.25)
    assert found.p_value == 1.0


def test_of_a_loss_less_is_gained(tmp_path: Path) -> None:
    found = change(tmp_path, {"a": 8.0, "b": 4.0}, {"a": 6.0, "b": 5.0}, weight=2.0, lower_is_better=True)
    assert (found.gained, found.lost) == (1, 1)
    assert found.change is not None
    assert found.change.value == pytest.approx(-1 / 4)


def test_rows_of_other_length_are_no_pair(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    old, new = stored(one, "base", {"a": 1.0}, weight=3), stored(two, "tuned", {"a": 1.0}, weight=4)
    (found,) = compare(old, new, one, two)
    assert (found.tasks, found.unpaired, found.change) == (0, 2, None)


def test_only_suites_that_both_finished_are_compared(tmp_path: Path) -> None:
    done = stored(tmp_path, "base", {"a": 1.0})
    failed = [done[0].model_copy(update={"status": "failed", "items": ""})]
    other = stored(tmp_path, "base", {"a": 1.0}, suite="other")
    assert compare(done, failed, tmp_path, tmp_path) == []
    assert compare(done, other, tmp_path, tmp_path) == []
    assert [each.suite for each in compare([*other, *done], [*done, *other], tmp_path, tmp_path)] == [
        "other",
        "s",
    ]


def test_items_that_cannot_be_read_are_no_smaller_comparison(tmp_path: Path) -> None:
    measured = stored(tmp_path, "base", {"a": 1.0})
    with (tmp_path / "s" / "items.jsonl").open("a") as file:
        file.write('{"task": "b"}\n')
    with pytest.raises(DataError, match="score") as caught:
        compare(measured, measured, tmp_path, tmp_path)
    assert "items.jsonl, line 2" in caught.value.where


def test_items_that_are_not_told_apart_are_no_comparison(tmp_path: Path) -> None:
    measured = stored(tmp_path, "base", {"a": 1.0})
    write_items(tmp_path / "s" / "items.jsonl", [Item(task="a", score=1.0), Item(task="a", score=0.0)])
    with pytest.raises(DataError, match="not told apart"):
        compare(measured, measured, tmp_path, tmp_path)


marks = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, 1.0])), min_size=1, max_size=15
)


@settings(max_examples=30)
@given(pairs=marks)
def test_turning_a_comparison_round_turns_its_sign(
    pairs: list[tuple[float, float]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("pairs")
    before, after = ({str(n): pair[i] for n, pair in enumerate(pairs)} for i in (0, 1))
    there, back = change(folder, before, after), change(folder, after, before)
    assert (there.gained, there.lost, there.p_value) == (back.lost, back.gained, back.p_value)
    assert there.change is not None
    assert back.change is not None
    assert there.change.value == pytest.approx(-back.change.value)
    assert there.change.value == pytest.approx((sum(after.values()) - sum(before.values())) / len(pairs))


def three(
    tmp_path: Path, floor: Scores, system: Scores, ceiling: Scores, **fields: object
) -> list[GapShare]:
    folders = (tmp_path / "f", tmp_path / "s", tmp_path / "c")
    named = zip(folders, ("base", "emulated", "tuned"), (floor, system, ceiling), strict=True)
    first, second, third = (stored(folder, name, scores, **fields) for folder, name, scores in named)  # pyright: ignore[reportArgumentType]
    return gap_shares(first, second, third, folders)


def test_the_share_of_a_gap_is_of_tasks_that_all_three_played(tmp_path: Path) -> None:
    floor = {str(n): 0.0 for n in range(10)}
    ceiling = {str(n): 1.0 for n in range(10)}
    system = {str(n): float(n < 4) for n in range(8)}
    (gap,) = three(tmp_path, floor, system, ceiling)
    assert (gap.floor, gap.system, gap.ceiling, gap.suite) == ("base", "emulated", "tuned", "s")
    assert gap.share is not None
    assert gap.share.value == pytest.approx(0.5)


def test_without_a_gap_there_is_no_share(tmp_path: Path) -> None:
    same = {"a": 1.0, "b": 0.0}
    assert three(tmp_path, same, same, same)[0].share is None


@pytest.mark.parametrize("fields", [{"group": "general"}, {"lower_is_better": True}])
def test_gaps_are_of_agent_skill(tmp_path: Path, fields: dict[str, object]) -> None:
    scores = {"a": 1.0}
    assert three(tmp_path, {"a": 0.0}, scores, scores, **fields) == []


def test_equal_lines_of_merged_files_count_once_and_are_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    old, new = stored(one, "base", {"a": 0.0, "b": 0.0}), stored(two, "tuned", {"a": 1.0, "b": 0.0})
    path = two / "s" / "items.jsonl"
    path.write_bytes(path.read_bytes() * 2)
    (found,) = compare(old, new, one, two)
    assert (found.tasks, found.gained) == (2, 1)
    assert "2 items stand there twice and count once" in caplog.text
