"""The whole analysis: shares, the four subsets, what is shown, and that order does not matter."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import trajectune as tt
from curate.steps.rows import example
from trajectune.curate.contamination import Source, kept
from trajectune.curate.contamination.report import SetReport
from trajectune.curate.contamination.texts import TextRow
from trajectune.environments.registry import load_environment
from trajectune.progress import Progress


def words(start: int, end: int, name: str = "w") -> str:
    return " ".join(f"{name}{n}" for n in range(start, end))


def source(name: str, *texts: str) -> Source:
    rows = [TextRow(f"line {n}", (text,)) for n, text in enumerate(texts, 1)]
    return Source(name, lambda _: rows)


def test_the_shares_cut_a_set_into_the_papers_subsets() -> None:
    samples = [words(0, 100), words(100, 200), words(200, 300), "too short"]
    training = source("train", words(0, 80), f"so {words(120, 140)} so", words(200, 219))
    (found,) = tt.contamination([training], [source("eval", *samples)]).sets
    assert [finding.share for finding in found.findings] == [0.8, 0.2, 0.19]
    sizes = [each.samples for each in (found.clean, found.not_clean, found.not_dirty, found.dirty)]
    assert sizes == [2, 2, 3, 1]
    assert (found.samples, found.too_short, found.tokens, found.dirty_tokens) == (4, 1, 302, 119)
    assert found.not_clean.share == pytest.approx(0.5)
    assert found.dirty.share == pytest.approx(0.8)


@given(st.lists(st.floats(0, 1)))
def test_every_sample_is_in_two_subsets(shares: list[float]) -> None:
    found = SetReport.subsets(shares)
    assert found["clean"].samples + found["not_clean"].samples == len(shares)
    assert found["dirty"].samples + found["not_dirty"].samples == len(shares)
    assert found["clean"].samples <= found["not_dirty"].samples


def test_a_match_says_where_and_what_differs() -> None:
    training = source("train", "nothing", words(0, 30).replace("w15", "other"))
    (found,) = tt.contamination([training], [source("eval", words(0, 30, "W"))]).sets
    (match,) = found.findings[0].matches
    assert (match.source, match.row, match.tokens, match.differing) == ("train", "line 2", 30, 1)
    assert match.text == words(0, 30, "W")
    assert match.training == words(0, 30).replace("w15", "other")


def test_spans_of_several_rows_together_make_a_sample_dirty() -> None:
    training = source("train", words(0, 50), words(45, 60), words(50, 100))
    (found,) = tt.contamination([training], [source("eval", words(0, 100))]).sets
    (finding,) = found.findings
    assert finding.share == 1.0
    assert [match.row for match in finding.matches] == ["line 1", "line 3"]


@given(st.integers(0, 1 << 30), st.integers(1, 500))
def test_order_and_batches_change_no_figure(seed: int, batch: int) -> None:
    rng = random.Random(seed)
    samples = [words(n, n + rng.randint(5, 40)) for n in range(0, 120, 30)]
    texts = [words(start := rng.randrange(150), start + rng.randint(1, 40)) for _ in range(8)]
    expected = figures(texts, samples)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(kept, "BATCH", batch)
        assert figures(rng.sample(texts, len(texts)), samples) == expected


def figures(training: list[str], samples: list[str]) -> list[object]:
    found = tt.contamination([source("train", *training)], [source("eval", *samples)], show=0)
    return [found.rows, found.tokens, found.sets]


def test_files_examples_and_environments_go_in_as_they_are(tmp_path: Path) -> None:
    environment = load_environment("database", {"train": 1, "test": 2})
    (first, _) = tt.evaluation_tasks(environment, "test")
    questions = tmp_path / "q.jsonl"
    questions.write_text(json.dumps({"question": words(0, 12)}) + "\n[]\n")
    learnt = [example(1, words(0, 12)), example(2, first.texts[0])]
    told: list[Progress] = []
    found = tt.contamination(learnt, [questions, environment], on_progress=told.append)
    assert [each.name for each in found.sets] == ["q.jsonl", "database test"]
    assert found.sets[0].dirty.samples == 1
    (unread,) = found.sets[0].rejected
    assert (unread.reason, unread.rows, unread.first_line) == (
        "expected a JSON object, found an array",
        1,
        2,
    )
    assert found.sets[1].findings[0].place == first.place
    assert found.sets[1].findings[0].share == 1.0
    assert told[0] == Progress("reading examples", 0, None)

    (tmp_path / "t.jsonl").write_text(json.dumps({"text": words(0, 12)}) + "\nno\n")
    found = tt.contamination(tmp_path / "t.jsonl", [questions])
    assert (found.rows, found.rejected[0].first_line, found.sets[0].dirty.samples) == (1, 2, 1)


def test_real_data_hold_known_overlaps(shared_data: Path) -> None:
    """FireAct's trajectories were made of HotpotQA's questions, and every set holds itself."""
    questions = shared_data / "hotpotqa/easy100.jsonl"
    found = tt.contamination(shared_data / "fireact/hotpotqa.jsonl", [questions])
    assert found.sets[0].dirty.samples == 15
    itself = tt.contamination(questions, [questions, shared_data / "mmlu_dev_val.zip"])
    assert itself.sets[0].dirty.samples == itself.sets[0].samples - itself.sets[0].too_short
    assert itself.sets[1].samples == 1816
    assert itself.sets[1].dirty.samples == 0
