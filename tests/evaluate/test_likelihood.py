"""Loss, divergence and option scores of a tiny model against the plain way to compute them."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from trajectune.errors import ModelError
from trajectune.evaluate.accuracy import answers, option_scores
from trajectune.evaluate.likelihood import divergences, length_batches, losses
from trajectune.evaluate.suites.questions import Question, question_sets
from trajectune.example import Message
from trajectune.models.chat import renderer_of
from trajectune.models.loading import LoadedModel, load_model
from trajectune.progress import Progress
from trajectune.tune.data.rows import TokenRow


@pytest.fixture(scope="module")
def tiny() -> LoadedModel:
    return load_model("tiny", "float32", "cpu")


@pytest.fixture(scope="module")
def changed(tiny: LoadedModel) -> LoadedModel:
    model = copy.deepcopy(tiny.model)
    generator = torch.Generator().manual_seed(1)
    for weight in model.parameters():
        weight.data += 0.05 * torch.randn(weight.shape, generator=generator)
    return LoadedModel(model, tiny.tokenizer, "changed")


@pytest.fixture(scope="module")
def rows(tiny: LoadedModel) -> list[TokenRow]:
    rng = np.random.default_rng(0)
    vocabulary = tiny.model.config.vocab_size

    def row(index: int, length: int) -> TokenRow:
        trained = rng.random(length) < 0.5
        trained[0], trained[-1] = False, True
        tokens = rng.integers(vocabulary, size=length).astype(np.int32)
        return TokenRow(str(index), "general", tokens, trained)

    return [row(i, length) for i, length in enumerate([40, 3, 17, 5, 300, 17])]


def log_probs(model: LoadedModel, tokens: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return model.model(tokens[None]).logits[0].double().log_softmax(-1)


def test_losses_equal_one_row_at_a_time(tiny: LoadedModel, rows: list[TokenRow]) -> None:
    expected = []
    for row in rows:
        tokens = torch.from_numpy(row.tokens.astype(np.int64))
        found = log_probs(tiny, tokens)[:-1].gather(1, tokens[1:, None])[:, 0]
        expected.append(-float(found[torch.from_numpy(row.trained[1:])].sum()))
    np.testing.assert_allclose(losses(tiny, rows), expected, rtol=1e-5)


def test_divergences_equal_the_definition(
    tiny: LoadedModel, changed: LoadedModel, rows: list[TokenRow]
) -> None:
    expected = []
    for row in rows:
        tokens = torch.from_numpy(row.tokens.astype(np.int64))
        p, q = log_probs(tiny, tokens), log_probs(changed, tokens)
        kl = (p.exp() * (p - q)).sum(-1)[:-1]
        expected.append(float(kl[torch.from_numpy(row.trained[1:])].sum()))
    found = divergences(tiny, changed, rows)
    assert found.min() > 0
    np.testing.assert_allclose(found, expected, rtol=1e-3)
    np.testing.assert_allclose(divergences(tiny, tiny, rows), 0, atol=1e-6)


def test_batches_hold_each_row_once_and_stay_small(rows: list[TokenRow]) -> None:
    batches = length_batches(rows, batch_tokens=64)
    assert sorted(i for batch in batches for i in batch) == list(range(len(rows)))
    assert all(len(b) == 1 or len(b) * max(len(rows[i]) for i in b) <= 64 for b in batches)


def test_options_are_scored_as_if_alone(tiny: LoadedModel) -> None:
    question = Question("Which?", "It is", ("red", "a very blue thing", "no", "two words"), 1)
    prompt = renderer_of(tiny.tokenizer).prompt([Message(role="user", content="Which?")])
    prompt += tiny.tokenizer.encode("It is", add_special_tokens=False)
    for score, text in zip(option_scores(tiny, question), question.options, strict=True):
        option = tiny.tokenizer.encode(" " + text, add_special_tokens=False)
        tokens = torch.tensor(prompt + option)
        found = log_probs(tiny, tokens)[:-1].gather(1, tokens[1:, None])[-len(option) :]
        assert float(score) == pytest.approx(float(found.mean()), rel=1e-4)


def test_questions_answered_together_are_answered_as_alone(tiny: LoadedModel) -> None:
    questions = [question for group in question_sets(8, seed=1).values() for question in group]
    alone = [int(option_scores(tiny, each).argmax()) == each.answer for each in questions]
    assert answers(tiny, questions) == alone


def test_other_vocabulary_is_refused(tiny: LoadedModel, rows: list[TokenRow]) -> None:
    other = copy.deepcopy(tiny.model)
    other.resize_token_embeddings(tiny.model.config.vocab_size + 8)
    with pytest.raises(ModelError, match="one vocabulary"):
        divergences(tiny, LoadedModel(other, tiny.tokenizer, "other"), rows)


def test_progress_is_told_and_nothing_drawn(
    tiny: LoadedModel, rows: list[TokenRow], capfd: pytest.CaptureFixture[str]
) -> None:
    told: list[Progress] = []
    losses(tiny, rows, told.append)
    divergences(tiny, tiny, rows, told.append)
    answers(tiny, question_sets(2, seed=0)["sums"], told.append, "sums")
    assert list(dict.fromkeys(each.what for each in told)) == ["loss", "divergence", "sums"]
    assert all(
        max(each.done for each in told if each.what == what) == total
        for what, total in {each.what: each.total for each in told}.items()
    )
    assert capfd.readouterr() == ("", "")
