"""A small model from a large one: cut, healed, and the same when interrupted."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.models import Tiny
from trajectune.composition.files import Emulation
from trajectune.curate.general.distil import Answer
from trajectune.engine.engine import Engine
from trajectune.engine.requests import Request
from trajectune.errors import RecipeError
from trajectune.evaluate.likelihood import divergences
from trajectune.example import Example, Message
from trajectune.models.chat import renderer_of
from trajectune.models.loading import load_model
from trajectune.run.api.shrinking import make_small
from trajectune.storage import read_records
from trajectune.tune.data.masks import tokenize_all


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_small("tiny", 2, tmp_path_factory.mktemp("small"), rows=12, epochs=2.0)


def test_healing_brings_the_cut_model_nearer_to_the_large_one(tmp_path: Path) -> None:
    large = Tiny(layers=4, spread=0.2, context=1024).write(tmp_path / "large")
    healed = make_small(str(large), 2, tmp_path / "small", rows=16, epochs=8.0, rate=5e-3)
    teacher = load_model(str(large), "float32", "cpu")
    answers = read_records(tmp_path / "small" / "answers.jsonl", Answer)
    examples = [Example(id=a.prompt, messages=turns(a)) for a in answers if a.finish == "stop" and a.answer]
    rows = tokenize_all(examples, teacher.tokenizer, 512)[0]

    def distance(folder: Path) -> float:
        return divergences(teacher, load_model(str(folder), "float32", "cpu"), rows).sum()

    assert distance(large) == pytest.approx(0, abs=1e-6)
    assert distance(healed) < 0.8 * distance(tmp_path / "small" / "cut")


def turns(answer: Answer) -> list[Message]:
    asked = Message(role="user", content=answer.prompt)
    return [asked, Message(role="assistant", content=answer.answer, trained=True)]


def test_the_same_call_does_nothing_more(small: Path) -> None:
    before = (small / "model.safetensors").stat().st_mtime_ns
    assert make_small("tiny", 2, small.parents[1], rows=12, epochs=2.0) == small
    assert (small / "model.safetensors").stat().st_mtime_ns == before


def test_a_folder_with_another_cut_is_refused(tmp_path: Path) -> None:
    deeper = load_model("tiny", "float32", "cpu").model.config
    deeper.num_hidden_layers = 7
    deeper.save_pretrained(tmp_path / "cut")
    with pytest.raises(RecipeError, match="cut to 7 layers, not 2"):
        make_small("tiny", 2, tmp_path, rows=12)


def test_it_serves_as_the_small_model_of_an_emulation(small: Path) -> None:
    cut = str(small.parents[1] / "cut")
    emulation = Emulation(models={"large": "tiny", "tuned": str(small), "base": cut})
    composition = emulation.compose("cpu", "float32")
    tokens = renderer_of(composition.tokenizer).prompt([Message(role="user", content="Hi")])
    fast = Engine(composition, max_context=200, speculation=emulation.speculation)
    plain = Engine(composition, max_context=200)
    request = Request(tokens, 20, stop_tokens=())
    assert fast.generate([request])[0].tokens == plain.generate([request])[0].tokens
