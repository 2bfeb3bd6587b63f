"""A reply ends with the chat template's end of turn, whatever the tokenizer calls its end."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch

from support.families import FAMILIES
from support.models import tiny_tokenizer
from trajectune.composition.composition import Composition
from trajectune.engine.engine import Engine
from trajectune.engine.requests import Request
from trajectune.models.chat.ends import turn_ends
from trajectune.models.loading import LoadedModel, load_model

ENDS = {
    "llama-2": "</s>",
    "llama-3": "<|eot_id|>",
    "qwen2": "<|im_end|>",
    "mistral": "</s>",
    "gemma": "<end_of_turn>",
    "phi3": "<|end|>",
}


@pytest.mark.parametrize("family", ENDS)
def test_the_templates_marker_ends_a_turn(family: str) -> None:
    tokenizer = FAMILIES[family].tokenizer()
    assert tokenizer.convert_ids_to_tokens(list(turn_ends(tokenizer)))[0] == ENDS[family]


@pytest.mark.parametrize(
    "template",
    [
        None,
        "",
        "{{ raise_exception('no') }}",
        "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}",
    ],
)
def test_a_template_that_marks_no_ends_has_none(template: str | None) -> None:
    tokenizer = copy.copy(tiny_tokenizer())
    tokenizer.chat_template = template  # pyright: ignore[reportAttributeAccessIssue]
    assert turn_ends(tokenizer) == ()


def test_a_base_model_stops_at_its_templates_end(tmp_path: Path) -> None:
    folder = FAMILIES["qwen2"].write(tmp_path)
    loaded = load_model(str(folder), "float32", "cpu")
    loaded.tokenizer.eos_token = "<|endoftext|>"
    loaded.model.generation_config.eos_token_id = loaded.tokenizer.eos_token_id  # pyright: ignore
    text, turn = (loaded.tokenizer.get_vocab()[token] for token in ("<|endoftext|>", "<|im_end|>"))
    assert loaded.own_ends == (text,)
    assert loaded.end_tokens == (text, turn)
    assert _reply(loaded, turn) == [turn]


@torch.inference_mode()
def _reply(loaded: LoadedModel, token: int) -> list[int]:
    """What a model says whose most likely first token this is made to be."""
    prompt, head = [3, 4], loaded.model.get_output_embeddings().weight  # pyright: ignore
    likely = int(loaded.model(torch.tensor([prompt])).logits[0, -1].argmax())
    head[[likely, token]] = head[[token, likely]]
    engine = Engine(Composition.single(loaded), max_batch=1, max_context=64)
    return list(engine.generate([Request(prompt, 8)])[0].tokens)
