"""What is measured on given text is what each family's own forward says, soft caps and scalings applied."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

from support.families import FAMILIES, WINDOW
from trajectune.composition.presets import upscale
from trajectune.composition.scoring import as_model
from trajectune.engine.engine import Engine
from trajectune.engine.requests import Request
from trajectune.evaluate.accuracy import option_scores
from trajectune.evaluate.likelihood import divergences, losses
from trajectune.evaluate.suites.questions import Question
from trajectune.example import Message
from trajectune.models.chat import renderer_of
from trajectune.models.loading import LoadedModel
from trajectune.tune.data.rows import TokenRow

each_family = pytest.mark.parametrize("name", FAMILIES)


@cache
def model(name: str, seed: int = 0) -> LoadedModel:
    loaded = FAMILIES[name].loaded(seed=seed)
    return LoadedModel(loaded.model, loaded.tokenizer, f"{name}-{seed}")


def rows(loaded: LoadedModel) -> list[TokenRow]:
    """Shorter than a window and many times as long, so that some share a batch and are padded."""
    draw, size = np.random.default_rng(0), loaded.model.config.vocab_size
    return [
        TokenRow(str(i), "general", draw.integers(size, size=n).astype(np.int32), np.arange(n) % 3 > 0)
        for i, n in enumerate([5, 3 * WINDOW, WINDOW, 4 * WINDOW + 1])
    ]


@torch.inference_mode()
def log_probabilities(loaded: LoadedModel, row: TokenRow) -> torch.Tensor:
    """By the library, of what follows each token but the last; `[length - 1, vocabulary]`."""
    tokens = torch.from_numpy(row.tokens.astype(np.int64))
    return loaded.model(tokens[None]).logits[0, :-1].double().log_softmax(-1)  # pyright: ignore[reportCallIssue]


def trained(row: TokenRow) -> tuple[torch.Tensor, torch.Tensor]:
    """Where trained tokens are predicted, and which they are."""
    places = torch.from_numpy(row.trained[1:]).nonzero()[:, 0]
    return places, torch.from_numpy(row.tokens.astype(np.int64))[1:][places]


@each_family
def test_losses_are_the_plain_forwards(name: str) -> None:
    loaded = model(name)
    expected = []
    for row in rows(loaded):
        places, tokens = trained(row)
        expected.append(-float(log_probabilities(loaded, row)[places, tokens].sum()))
    np.testing.assert_allclose(losses(loaded, rows(loaded)), expected, rtol=1e-5)


@each_family
def test_a_compositions_losses_are_those_of_the_sum_of_log_probabilities(name: str) -> None:
    """The published formula: log π = log π₁ + α·(log π₂ − log π₃) + constant, with each model's own π."""
    models = model(name, 1), model(name, 2), model(name, 3)
    expected = []
    for row in rows(models[0]):
        large, tuned, base = (log_probabilities(each, row) for each in models)
        places, tokens = trained(row)
        together = (large + 0.7 * (tuned - base)).log_softmax(-1)
        expected.append(-float(together[places, tokens].sum()))
    composed = as_model(upscale(*models, alpha=0.7))
    np.testing.assert_allclose(losses(composed, rows(models[0])), expected, rtol=1e-5)


@each_family
def test_divergences_are_the_plain_forwards(name: str) -> None:
    base, tuned = model(name), model(name, 1)
    expected = []
    for row in rows(base):
        p, q = log_probabilities(base, row), log_probabilities(tuned, row)
        expected.append(float((p.exp() * (p - q)).sum(-1)[trained(row)[0]].sum()))
    np.testing.assert_allclose(divergences(base, tuned, rows(base)), expected, rtol=1e-4)


@each_family
def test_options_are_scored_as_if_alone(name: str) -> None:
    loaded = model(name)
    question = Question("Which? " * 20, "It is", ("red", "a very blue thing", "no", "two words"), 1)
    prompt = renderer_of(loaded.tokenizer).prompt([Message(role="user", content=question.prompt)])
    prompt += loaded.tokenizer.encode("It is", add_special_tokens=False)
    assert len(prompt) > 2 * WINDOW
    for score, text in zip(option_scores(loaded, question), question.options, strict=True):
        option = loaded.tokenizer.encode(" " + text, add_special_tokens=False)
        trained_ = np.arange(len(prompt) + len(option)) >= len(prompt)
        row = TokenRow("0", "general", np.array(prompt + option, np.int32), trained_)
        places, tokens = trained(row)
        expected = float(log_probabilities(loaded, row)[places, tokens].mean())
        assert float(score) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", ["gemma2", "granite"])
def test_what_is_decoded_from_is_what_is_measured(name: str) -> None:
    """Engine and likelihoods agree on soft caps and scalings, in compositions too."""
    composition = upscale(model(name, 1), model(name, 2), model(name, 3))
    prompt = [int(token) for token in rows(composition.lead)[1].tokens]
    (reply,) = Engine(composition, max_context=128).generate([Request(prompt, 8, stop_tokens=())])
    read, measured = list(prompt), as_model(composition)
    for _ in range(8):
        with torch.inference_mode():
            read.append(int(measured.model(torch.tensor([read])).logits[0, -1].argmax()))  # pyright: ignore[reportCallIssue]
    assert reply.tokens == read[len(prompt) :]
