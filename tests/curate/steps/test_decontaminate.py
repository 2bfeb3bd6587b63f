"""Training rows that hold an evaluation sample go; all others stay, whatever stands beside them."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import trajectune as tt
from curate.contamination.reference import dirty_tokens
from curate.steps.rows import example
from trajectune.curate.contamination import kept as batches
from trajectune.curate.steps.apply import Curated, apply_steps
from trajectune.curate.steps.registry import build_steps
from trajectune.errors import DataError
from trajectune.example import Example


def words(start: int, end: int) -> str:
    return " ".join(f"w{n}" for n in range(start, end))


def questions(folder: Path, *texts: str) -> str:
    path = folder / "questions.jsonl"
    path.write_text("".join(json.dumps({"question": text}) + "\n" for text in texts))
    return str(path)


def applied(against: Any, *texts: str, above: float = 0.8) -> Curated[Example]:
    steps = build_steps([{"decontaminate": {"against": [against], "above": above}}])
    return apply_steps(steps, [example(number, text) for number, text in enumerate(texts)])


def test_a_row_that_holds_enough_of_a_sample_goes(tmp_path: Path) -> None:
    path = questions(tmp_path, words(0, 100), words(100, 200))
    done = applied(path, "fine", words(0, 80), words(0, 79), f"now {words(100, 190)} there")
    assert [row.id for row in done.rows] == ["e0", "e2"]
    reason = "holds 80% or more of a sample of questions.jsonl"
    assert [(each.id, each.reason) for each in done.rejected] == [("e1", reason), ("e3", reason)]
    assert [row.id for row in applied(path, words(0, 20), words(0, 19), above=0.2).rows] == ["e1"]


def test_fragments_of_several_rows_leave_each_of_them(tmp_path: Path) -> None:
    halves = words(0, 50), words(50, 100)
    path = questions(tmp_path, words(0, 100))
    assert len(applied(path, *halves).rows) == 2
    found = tt.contamination([example(n, half) for n, half in enumerate(halves)], [path])
    assert found.sets[0].dirty.samples == 1


def test_the_problems_of_an_environment_are_kept_out() -> None:
    options = {"train": 1, "test": 2}
    environment = tt.environment("database", options)
    samples = [row.texts[0] for row in tt.evaluation_tasks(environment, "test")]
    done = applied({"environment": "database", "options": options}, "fine", *samples)
    assert [row.id for row in done.rows] == ["e0"]
    assert "database test" in done.rejected[0].reason


@settings(max_examples=30)
@given(st.integers(0, 1 << 30), st.sampled_from([0.2, 0.5, 0.8, 1.0]), st.integers(1, 200))
def test_rows_are_judged_by_the_definition_each_alone(seed: int, above: float, batch: int) -> None:
    rng = random.Random(seed)
    samples = [words(start, start + rng.randint(11, 20)) for start in (0, 20)]
    texts = [" ".join(cut(rng) for _ in range(rng.randint(1, 2))) for _ in range(5)]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(batches, "BATCH", batch)
        done = judged(samples, texts, above)
    expected = [f"e{n}" for n, text in enumerate(texts) if worst(samples, text) < above - 1e-9]
    assert [row.id for row in done.rows] == expected


def cut(rng: random.Random) -> str:
    start = rng.randrange(35)
    return words(start, start + rng.randint(5, 20)) + " x"


def worst(samples: Sequence[str], text: str) -> float:
    """The largest share of a sample that a text holds."""
    split = [sample.split() for sample in samples]
    return max(len(dirty_tokens(sample, [text.split()], 10, 4)) / len(sample) for sample in split)


def judged(samples: Sequence[str], texts: Sequence[str], above: float) -> Curated[Example]:
    with TemporaryDirectory() as folder:
        return applied(questions(Path(folder), *samples), *texts, above=above)


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    assert not applied(questions(tmp_path, words(0, 20)), words(0, 20)).rows
    assert applied(questions(tmp_path, words(50, 99)), words(0, 20)).rows


def test_a_set_that_cannot_be_read_is_no_empty_set(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "questions.jsonl"
    path.write_text('{"label": 1}\n')
    with pytest.raises(DataError, match="no sample can be read"):
        applied(str(path), "a")
    assert "questions.jsonl, line 1 rejected: no question" in caplog.text
    with pytest.raises(DataError, match="does not exist"):
        applied(str(tmp_path / "none.jsonl"), "a")


def test_its_files_are_known_to_whoever_takes_fingerprints(tmp_path: Path) -> None:
    path = questions(tmp_path, "a")
    tasks = {"environment": "database", "options": {"file": path, "level": "plain"}}
    (step,) = build_steps([{"decontaminate": {"against": ["other.csv", tasks]}}])
    assert step.files() == ["other.csv", path]
