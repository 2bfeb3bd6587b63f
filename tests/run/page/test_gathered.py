"""Samples of what was gathered: of every environment, from the files of two stages alone."""

from __future__ import annotations

from pathlib import Path

from curate.steps.rows import trajectory
from trajectune.run.page.gathered import gathered_samples
from trajectune.run.recipe import Recipe, check_recipe
from trajectune.storage import JsonlWriter
from trajectune.trajectory import Trajectory


def recipe(**collect: int) -> Recipe:
    environments = {
        name: {"environment": "database", "collect": number} for name, number in collect.items()
    }
    return check_recipe(
        {"name": "x", "model": "tiny", "environments": environments, "curate": {"eta": 1, "validation": 0}},
        where="a test",
    )


def write(path: Path, *rows: Trajectory) -> None:
    path.parent.mkdir(exist_ok=True)
    with JsonlWriter(path) as writer:
        for row in rows:
            writer.write(row)


GOOD, SAME, BAD = (trajectory("a", seed, reward, 1) for seed, reward in ((1, 1.0), (2, 1.0), (3, 0.0)))
BROKEN, EMPTY = trajectory("a", 0, None, 1), trajectory("a", 0, 0.0)


def shown(folder: Path, found: Recipe, before: str = "") -> list[tuple[str, str, str]]:
    samples = gathered_samples(found, folder / "collect", folder / "curate", before)
    return [
        (sample.suite, name, each.id) for sample in samples for name, each in sample.played.items() if each
    ]


def test_one_that_was_kept_and_the_worst_that_was_not(tmp_path: Path) -> None:
    write(tmp_path / "collect" / "one.jsonl", BROKEN, EMPTY, SAME, GOOD, BAD)
    write(tmp_path / "curate" / "one.kept.jsonl", GOOD)
    write(tmp_path / "collect" / "two.jsonl", GOOD)
    write(tmp_path / "curate" / "two.kept.jsonl", GOOD)
    assert shown(tmp_path, recipe(one=3, two=1, three=0), "arm: ") == [
        ("arm: one", "became training data", "guess/a/1"),
        ("arm: one", "was rejected", "guess/a/3"),
        ("arm: two", "became training data", "guess/a/1"),
    ]


def test_files_that_are_not_there_have_no_sample(tmp_path: Path) -> None:
    write(tmp_path / "collect" / "one.jsonl", GOOD)
    assert shown(tmp_path, recipe(one=1)) == []
    write(tmp_path / "curate" / "one.kept.jsonl")
    assert shown(tmp_path, recipe(one=1)) == [("one", "was rejected", "guess/a/1")]
