"""The factory of families: each is whole, small, and as peculiar as its name says."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from support.families import FAMILIES, WINDOW
from trajectune.models.loading import load_model


@pytest.mark.parametrize("name", FAMILIES)
def test_a_folder_loads_as_what_was_made(name: str, tmp_path: Path) -> None:
    family = FAMILIES[name]
    loaded = load_model(str(family.write(tmp_path / name)), "float32", "cpu")
    ids = torch.tensor([loaded.tokenizer("SELECT name FROM x", add_special_tokens=False)["input_ids"]])
    with torch.inference_mode():
        assert torch.equal(loaded.model(ids).logits, family.network()(ids).logits)


@pytest.mark.parametrize("name", [name for name in FAMILIES if "window" in name or name == "gemma2"])
def test_a_window_is_shorter_than_what_is_read(name: str) -> None:

    config = FAMILIES[name].network(layers=2).config
    assert config.sliding_window == WINDOW
