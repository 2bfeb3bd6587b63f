"""General loss: every row is measured or counted as rejected, and the numbers are the training loss's."""

from __future__ import annotations

from pathlib import Path

import pytest
from suite_toys import examples

from trajectune.errors import ModelError
from trajectune.evaluate.contract import Item, Measurement, System
from trajectune.evaluate.items import read_items, value_of
from trajectune.evaluate.run import evaluate
from trajectune.evaluate.suites import general_loss
from trajectune.evaluate.suites.general_loss import GeneralLoss
from trajectune.evaluate.systems import load_system
from trajectune.models.loading import LoadedModel, load_model
from trajectune.storage import read_jsonl, read_records
from trajectune.tune.data.masks import tokenize_all


def measure(system: System, folder: Path, suite: GeneralLoss) -> Measurement:
    return evaluate(system, [suite], folder)[0]


def test_rows_that_cannot_be_proven_are_counted(base: System, tmp_path: Path) -> None:
    """Wrong before: they vanished from the general loss with a line in the log."""
    measurement = measure(base, tmp_path, GeneralLoss(examples(5, unproven=2)))
    assert (measurement.counts["rows"], measurement.counts["rejected"]) == (5, 2)
    rejected = [row.value for row in read_jsonl(tmp_path / "general-loss" / "rejected.jsonl")]
    assert [row["id"] for row in rejected] == ["row-5", "row-6"]
    assert all("no message is trained" in row["reason"] for row in rejected)


def test_items_are_rows_and_give_the_loss_again(base: System, tmp_path: Path) -> None:
    measurement = measure(base, tmp_path, GeneralLoss(examples(5)))
    items = read_items(tmp_path / "general-loss", measurement)
    rows, _ = tokenize_all(examples(5), base.scorer.tokenizer, 4096)
    assert [(item.task, item.weight, item.kind) for item in items] == [
        (row.id, row.trained_tokens, "self") for row in rows
    ]
    assert measurement.value is not None
    assert value_of(items) == pytest.approx(measurement.value.value)
    assert sum(item.weight for item in items) == measurement.counts["tokens"]
    assert measurement.lower_is_better
    assert measurement.group == "general"


def test_an_example_of_several_rows_is_one_item(
    base: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a template rewrites its past, a conversation becomes a token row for each turn."""
    rows, _ = tokenize_all(examples(2), base.scorer.tokenizer, 4096)
    monkeypatch.setattr(general_loss, "tokenize_all", lambda *_: ([rows[0], rows[0], rows[1]], []))
    measurement = measure(base, tmp_path, GeneralLoss(examples(2)))
    first, second = read_items(tmp_path / "general-loss", measurement)
    assert (first.task, first.weight) == ("row-0", 2 * rows[0].trained_tokens)
    assert (second.task, second.weight) == ("row-1", rows[1].trained_tokens)
    assert measurement.counts["rows"] == 2


def test_the_base_itself_has_no_divergence(base: System, tiny_dir: Path, tmp_path: Path) -> None:
    by_name = measure(base, tmp_path / "a", GeneralLoss(examples(2), base=str(tiny_dir)))
    loaded = measure(base, tmp_path / "b", GeneralLoss(examples(2), base=base.composition.lead))
    assert "divergence" not in by_name.metrics
    assert "divergence" not in loaded.metrics


def test_a_tuned_model_is_compared_with_its_base(tuned: System, tiny_dir: Path, tmp_path: Path) -> None:
    measurement = measure(tuned, tmp_path, GeneralLoss(examples(3), base=str(tiny_dir)))
    assert measurement.metrics["divergence"].value > 0
    items = list(read_records(tmp_path / "general-loss" / "divergence.jsonl", Item))
    assert value_of(items) == pytest.approx(measurement.metrics["divergence"].value)
    assert len(items) == 3


def test_long_rows_are_shortened_or_rejected_and_counted(base: System, tmp_path: Path) -> None:
    measurement = measure(base, tmp_path, GeneralLoss(examples(2), max_tokens=3))
    assert (measurement.counts["rows"], measurement.counts["rejected"]) == (0, 2)
    assert measurement.metrics == {}
    assert measurement.value is None


def test_another_vocabulary_is_the_users_to_mend(base: System, tiny_dir: Path, tmp_path: Path) -> None:
    other = load_model(str(tiny_dir), "float32", "cpu")
    other.model.resize_token_embeddings(other.model.config.vocab_size + 8)
    resized = LoadedModel(other.model, other.tokenizer, "resized")
    with pytest.raises(ModelError, match="one vocabulary"):
        measure(base, tmp_path, GeneralLoss(examples(2), base=resized))


def test_other_examples_are_other_settings(base: System) -> None:
    one, two = GeneralLoss(examples(2)).settings(), GeneralLoss(examples(3)).settings()
    assert one != two
    assert GeneralLoss(examples(2), base=base.composition.lead).settings() != one


def test_loss_is_the_same_for_a_system_and_its_composition_of_one(
    base: System, tiny_dir: Path, tmp_path: Path
) -> None:
    again = load_system("again", base.composition)
    first = measure(base, tmp_path / "a", GeneralLoss(examples(3)))
    second = measure(again, tmp_path / "b", GeneralLoss(examples(3)))
    assert first.metrics == second.metrics
    assert str(tiny_dir) == first.system.model == second.system.model
