"""A small model from a large one: cut, healed, and the same when interrupted."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from trajectune.composition.files import Emulation
from trajectune.engine.engine import Engine
from trajectune.engine.requests import Request
from trajectune.errors import RecipeError
from trajectune.example import Message
from trajectune.models.chat import renderer_of
from trajectune.models.loading import load_model
from trajectune.run.api.shrinking import make_small


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_small("tiny", 2, tmp_path_factory.mktemp("small"), rows=12, epochs=2.0)


def test_the_healed_model_is_another_than_the_cut_one(small: Path) -> None:
    healed = load_model(str(small), "float32", "cpu").model.state_dict()
    cut = load_model(str(small.parents[1] / "cut"), "float32", "cpu").model.state_dict()
    assert healed.keys() == cut.keys()
    assert any(not torch.equal(healed[name].float(), cut[name].float()) for name in cut)


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
