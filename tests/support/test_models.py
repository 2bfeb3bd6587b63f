"""The factory of tiny models, and the one thread of every test process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
import torch

from support.models import Family, Tiny
from trajectune.models.loading import load_model

IDS = torch.arange(2, 12)[None]


@torch.inference_mode()
def logits(tiny: Tiny) -> torch.Tensor:
    return tiny.network()(IDS).logits


@pytest.mark.parametrize("family", get_args(Family))
def test_equal_descriptions_give_equal_models_and_leave_chance_alone(family: Family) -> None:
    before = torch.get_rng_state()
    one, again = logits(Tiny(family, spread=0.3)), logits(Tiny(family, spread=0.3))
    assert torch.equal(one, again)
    assert not torch.allclose(one, logits(Tiny(family, seed=1, spread=0.3)))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("family", get_args(Family))
def test_a_written_model_is_the_one_in_memory(family: Family, tmp_path: Path) -> None:
    tiny = Tiny(family, 3, layers=1)
    loaded = load_model(str(tiny.write(tmp_path / family)), "float32", "cpu")
    with torch.inference_mode():
        torch.testing.assert_close(loaded.model(IDS).logits, logits(tiny))
    assert loaded.tokenizer.eos_token_id == loaded.model.config.eos_token_id
    assert loaded.tokenizer.chat_template


def test_what_is_asked_for_is_made() -> None:
    model = Tiny("qwen3", layers=5, width=16, vocabulary=7, dtype=torch.bfloat16, ends=False).network()
    config = model.config
    assert (config.num_hidden_layers, config.hidden_size, config.vocab_size) == (5, 16, 7)
    assert model.dtype is torch.bfloat16
    assert model.generation_config is not None
    assert model.generation_config.eos_token_id is None


def test_this_process_and_those_it_starts_have_one_thread() -> None:
    asked = int(os.environ["OMP_NUM_THREADS"])  # 1, unless whoever runs the tests wants more
    assert torch.get_num_threads() == asked
    code = "import torch; print(torch.get_num_threads())"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(child.stdout) == asked
