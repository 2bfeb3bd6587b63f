"""A sequence-classification model from a folder ranks; what is none is told."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification

from support.models import tiny_tokenizer
from trajectune.environments.play import start
from trajectune.environments.web_navigation import WebNavigationEnvironment
from trajectune.environments.web_navigation.ranking.cross_encoder import BATCH, CrossEncoderRanker
from trajectune.errors import ModelError


@pytest.fixture(scope="module", params=[1, 2], ids=["one output", "two outputs"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model of one layer, as a folder."""
    place = tmp_path_factory.mktemp("ranker")
    tokenizer = tiny_tokenizer()
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=128,
        initializer_range=0.5,
    )
    config.num_labels = request.param
    BertForSequenceClassification(config).save_pretrained(place)
    tokenizer.save_pretrained(place)
    return place


def test_pairs_are_scored_one_by_one_as_in_batches(folder: Path) -> None:
    ranker = CrossEncoderRanker(str(folder))
    texts = [f"button number {n}" + " long" * (n % 7) for n in range(BATCH + 3)]
    together = ranker.scores("Press 3.", ["[a] x -> CLICK"], texts)
    alone = [ranker.scores("Press 3.", ["[a] x -> CLICK"], [text])[0] for text in texts]
    assert len(together) == len(texts)
    assert together == pytest.approx(alone, abs=1e-4)
    assert len({round(score, 5) for score in together}) > 10


def test_what_was_done_before_counts(folder: Path) -> None:
    ranker = CrossEncoderRanker(str(folder))
    texts = ["button", "link"]
    assert ranker.scores("Go.", [], texts) != ranker.scores("Go.", ["[a] x -> CLICK"], texts)


def test_an_environment_ranks_by_it_and_the_expert_still_arrives(folder: Path) -> None:
    environment = WebNavigationEnvironment(train=2, dev=0, test=0, ranker=str(folder))
    task = environment.tasks("train")[0]
    lexical = WebNavigationEnvironment(train=2, dev=0, test=0).open(task)
    assert environment.open(task).choices != lexical.choices
    play = start(environment, task, 0)
    assert play is not None
    while play.advance() is not None:
        pass
    assert play.last is not None
    assert play.last.reward == 1 or play.moves_left == 0


def test_a_folder_without_a_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        CrossEncoderRanker(str(tmp_path)).scores("x", [], ["y"])
    assert str(tmp_path) in caught.value.where
    assert "safetensors" in caught.value.remedy
