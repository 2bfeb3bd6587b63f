"""Files as pairs: the same ones in any order of the rows, every task accounted for, TRL can read them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.pairs.test_pair import guessed, played
from trajectune.curate.pairs.files import (
    NO_ATTEMPT,
    NO_FAILURE,
    NO_SUCCESS,
    PairCount,
    PairSettings,
    make_pairs,
)
from trajectune.curate.pairs.pair import SAME_WORDS, Pair
from trajectune.dialects.registry import get_dialect
from trajectune.storage import JsonlWriter
from trajectune.trajectory import Fault, Outcome, Trajectory


def settings(dialect: str = "json", per_task: int = 1) -> PairSettings:
    return PairSettings(lambda name: get_dialect(dialect, name), lambda _: 1.0, per_task)


def attempt(task: str, number: int, reward: float | None, *moves: int) -> Trajectory:
    row = played(*moves, reward=reward or 0.0)
    broken = {} if reward is not None else {"reward": None, "outcome": Outcome.AGENT_ERROR}
    return row.model_copy(update={"id": f"guess/{task}/{number}", "task": task, **broken})


def paired(path: Path, rows: Sequence[Trajectory], wanted: PairSettings) -> tuple[list[Pair], PairCount]:
    with JsonlWriter(path) as writer:
        for row in rows:
            writer.write(row)
    count = PairCount()
    return list(make_pairs(path, wanted, count)), count


ROWS = [
    attempt("a", 0, 1.0, 1, 2, 3),
    attempt("a", 1, 1.0, 1, 2),
    attempt("a", 2, 0.0, 4),
    attempt("a", 3, 0.0, 5, 6),
    attempt("won", 0, 1.0, 1),
    attempt("lost", 0, 0.0, 1),
    attempt("lost", 1, None),
    attempt("broken", 0, None),
    attempt("empty", 0, 0.0),
    attempt("same", 0, 1.0, 1, 2),
    attempt("same", 1, 0.0, 1),
]


def test_which_episodes_are_set_against_each_other(tmp_path: Path) -> None:
    pairs, count = paired(tmp_path / "t.jsonl", ROWS, settings())
    assert [pair.row()["id"] for pair in pairs] == ["guess/a/1 > guess/a/2"]
    assert (count.pairs, count.tasks, count.unreadable) == (1, 1, 0)
    assert count.without == {NO_FAILURE: 1, NO_SUCCESS: 1, NO_ATTEMPT: 2, SAME_WORDS: 1}


def test_several_pairs_of_a_task_take_turns(tmp_path: Path) -> None:
    pairs, _ = paired(tmp_path / "t.jsonl", ROWS, settings(per_task=3))
    ids = [(pair.chosen_from.id[-1], pair.rejected_from.id[-1]) for pair in pairs]
    assert ids == [("1", "2"), ("1", "3"), ("0", "2")]


def test_clean_episodes_come_first(tmp_path: Path) -> None:
    faulty = attempt("a", 0, 0.0, 7)
    faulty = faulty.model_copy(update={"steps": [guessed(7, fault=Fault.BAD_ARGUMENTS)]})
    pairs, _ = paired(tmp_path / "t.jsonl", [faulty, *ROWS[1:4]], settings())
    assert pairs[0].rejected_from.id == "guess/a/2"


def test_rows_that_are_no_trajectories_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text("nonsense\n", encoding="utf-8")
    _, count = paired(path, [ROWS[0], ROWS[0], ROWS[2]], settings())
    assert (count.pairs, count.unreadable) == (1, 2)


attempts = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.sampled_from([None, 0.0, 0.5, 1.0]),
        st.lists(st.integers(1, 2), max_size=3),
    ),
    max_size=10,
)


@given(found=attempts, per_task=st.integers(1, 3), shuffle=st.randoms(use_true_random=False))
def test_every_task_has_pairs_or_a_reason_and_order_does_not_matter(
    found: list[tuple[str, float | None, list[int]]],
    per_task: int,
    shuffle: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    rows = [attempt(task, n, reward, *moves) for n, (task, reward, moves) in enumerate(found)]
    folder = tmp_path_factory.mktemp("pairs")
    pairs, count = paired(folder / "a.jsonl", rows, settings(per_task=per_task))
    shuffle.shuffle(rows)
    again, count_again = paired(folder / "b.jsonl", rows, settings(per_task=per_task))
    assert [pair.row() for pair in pairs] == [pair.row() for pair in again]
    assert (count.pairs, count.tasks, count.without) == (
        count_again.pairs, count_again.tasks, count_again.without,
    )  # fmt: skip
    assert count.tasks + count.without.total() == len({row.task for row in rows})
    assert len(pairs) == count.pairs <= per_task * count.tasks
    for pair in pairs:
        assert pair.chosen_from.task == pair.rejected_from.task
        assert pair.chosen_from.reward == 1.0
        assert (pair.rejected_from.reward or 0.0) < 1.0


@pytest.mark.parametrize("dialect", ["json", "native"])
def test_trl_takes_the_rows_for_conversations(dialect: str, tmp_path: Path) -> None:
    data_utils = pytest.importorskip("trl.data_utils", reason="TRL is an optional package")
    pairs, _ = paired(tmp_path / "t.jsonl", ROWS, settings(dialect=dialect))
    row = json.loads(json.dumps(pairs[0].row()))
    assert data_utils.is_conversational(row)
    assert data_utils.is_conversational({"messages": row["prompt"]})
    assert ("tools" in row) == (dialect == "native")
