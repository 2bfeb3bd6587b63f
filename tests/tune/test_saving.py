"""A tuned model's folder says where its replies end, so that everybody who decodes it stops there."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from support.families import FAMILIES
from support.tokenizers import CHATML_SPECIALS, SMOLLM2_TEMPLATE, byte_level
from trajectune.composition.composition import Composition
from trajectune.engine.engine import Engine
from trajectune.engine.requests import Request
from trajectune.example import Example, Message
from trajectune.models.chat import renderer_of
from trajectune.models.identity import check_template
from trajectune.models.loading import load_model
from trajectune.tune.data.masks import tokenize_all
from trajectune.tune.data.rows import TokenRow
from trajectune.tune.loop import tune
from trajectune.tune.saving import save_tuned
from trajectune.tune.settings import LoraSettings, TuneSettings

QUESTION = Message(role="user", content="How many?")
CHAT = [QUESTION, Message(role="assistant", content="42 rows.", trained=True)]


def base_model(folder: Path) -> Path:
    """A base model: its text ends with `<|endoftext|>`, the turns of its template with `<|im_end|>`."""
    tokenizer = byte_level(SMOLLM2_TEMPLATE, CHATML_SPECIALS)
    tokenizer.eos_token = "<|endoftext|>"
    return replace(FAMILIES["llama-3"], tokenizer=lambda: tokenizer).write(folder, layers=2)


def row(model: Path) -> TokenRow:
    rows, _ = tokenize_all(
        [Example(id="one", source="agent", messages=CHAT)], AutoTokenizer.from_pretrained(model), 512
    )
    return rows[0]


def ids(model: Path | str, *tokens: str) -> list[int]:
    return [AutoTokenizer.from_pretrained(model).convert_tokens_to_ids(token) for token in tokens]


@pytest.mark.parametrize("lora", [None, LoraSettings(rank=8)])
def test_a_base_model_stops_where_it_learnt_to(tmp_path: Path, lora: LoraSettings | None) -> None:
    base = base_model(tmp_path / "base")
    settings = TuneSettings(
        steps=80, batch_rows=1, learning_rate=5e-3, lora=lora, precision="fp32", device="cpu"
    )
    folder = tune([row(base)], base, settings, tmp_path / "run", {"agent": 1.0}).model
    turn, text = ids(base, "<|im_end|>", "<|endoftext|>")
    assert json.loads((folder / "generation_config.json").read_text())["eos_token_id"] == [turn, text]
    assert AutoTokenizer.from_pretrained(folder).eos_token == "<|im_end|>"

    loaded = load_model(str(folder), "float32", "cpu")
    prompt = renderer_of(loaded.tokenizer).prompt([QUESTION])
    [generation] = Engine(Composition.single(loaded)).generate([Request(prompt, 40)])
    assert generation.tokens[-1] == turn
    assert loaded.tokenizer.decode(generation.tokens[:-1]) == "42 rows."
    if lora is None:
        model: Any = AutoModelForCausalLM.from_pretrained(folder)
        theirs = model.generate(torch.tensor([prompt]), do_sample=False, max_new_tokens=40)[
            0, len(prompt) :
        ]
        assert theirs.tolist() == list(generation.tokens)


def test_a_chat_model_keeps_the_ends_that_it_has(tmp_path: Path) -> None:
    base = FAMILIES["gemma2"].write(tmp_path / "base")
    end, turn = ids(base, "<eos>", "<end_of_turn>")
    (base / "generation_config.json").write_text(json.dumps({"eos_token_id": [end, turn]}))
    settings = TuneSettings(steps=1, learning_rate=1e-4, precision="fp32", device="cpu")
    folder = tune([row(base)], base, settings, tmp_path / "run", {"agent": 1.0}).model
    assert json.loads((folder / "generation_config.json").read_text())["eos_token_id"] == [end, turn]
    assert AutoTokenizer.from_pretrained(folder).eos_token == "<eos>"
    check_template(folder, AutoTokenizer.from_pretrained(folder))


def test_a_published_config_with_faults_is_saved_with_the_end(tmp_path: Path) -> None:
    base = base_model(tmp_path / "base")
    path = base / "generation_config.json"
    path.write_text(json.dumps({"eos_token_id": 0, "do_sample": False, "temperature": 0.6}))
    loaded = load_model(str(base), "float32", "cpu")
    save_tuned(loaded.model, loaded.tokenizer, None, tmp_path / "saved")
    saved = json.loads((tmp_path / "saved" / "generation_config.json").read_text())
    assert (saved["eos_token_id"], saved["temperature"]) == ([*ids(base, "<|im_end|>"), 0], 0.6)
