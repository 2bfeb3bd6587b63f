"""Two sets of frequencies (LongRoPE): a row's own length chooses, and neighbours have no say."""

from __future__ import annotations

import random
from functools import cache

import pytest
import torch
from transformers import Phi3Config, Phi3ForCausalLM

from support.models import spread_weights, tiny_tokenizer
from trajectune.composition.composition import Composition
from trajectune.composition.drafting import Speculation
from trajectune.composition.presets import upscale
from trajectune.engine.engine import Engine
from trajectune.engine.network.stretch import stretch_limit
from trajectune.engine.requests import Generation, Request
from trajectune.models.loading import LoadedModel

LIMIT, CONTEXT = 40, 160
LENGTHS = [3, LIMIT - 4, LIMIT, 90, LIMIT + 1, LIMIT - 1]
"""Two of them cross the limit within the reply."""


@cache
def model(seed: int = 0) -> LoadedModel:
    scaling = {
        "rope_type": "longrope",
        "rope_theta": 10_000.0,
        "short_factor": [1.0, 1.1, 1.3, 2.0],
        "long_factor": [1.0, 3.0, 8.0, 20.0],
        "original_max_position_embeddings": LIMIT,
    }
    config = Phi3Config(
        vocab_size=160,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        original_max_position_embeddings=LIMIT,
        rope_parameters=scaling,
        pad_token_id=0,
        sliding_window=None,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Phi3ForCausalLM(config)
        spread_weights(network, 0.3)
    network.generation_config.eos_token_id = None  # pyright: ignore[reportOptionalMemberAccess]
    return LoadedModel(network.float().eval(), tiny_tokenizer(), f"long-{seed}")


def prompts(seed: int = 0) -> list[list[int]]:
    draw = random.Random(seed)
    return [[draw.randrange(160) for _ in range(length)] for length in LENGTHS]


@torch.inference_mode()
def expected(loaded: LoadedModel, tokens: list[int], new: int) -> list[int]:
    """Greedy tokens, each from one forward over the whole sequence."""
    read = list(tokens)
    for _ in range(new):
        read.append(int(loaded.model(torch.tensor([read])).logits[0, -1].argmax()))  # pyright: ignore[reportCallIssue]
    return read[len(tokens) :]


def request(tokens: list[int], new: int = 10, session: str | None = None) -> Request:
    return Request(tokens, new, session=session, stop_tokens=())


def tokens_of(generations: list[Generation]) -> list[list[int]]:
    return [generation.tokens for generation in generations]


def test_the_library_reads_a_row_anew_at_the_limit_too() -> None:
    assert stretch_limit(model()) == LIMIT
    for tokens in prompts():
        ids = torch.tensor([tokens])
        output = model().model.generate(  # pyright: ignore[reportCallIssue]
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=10, do_sample=False, pad_token_id=0
        )
        assert output[0, len(tokens) :].tolist() == expected(model(), tokens, 10)


@pytest.mark.parametrize("prefill", [1024, 11])
@pytest.mark.parametrize("how", [None, Speculation("lookup", block=4)], ids=["plain", "drafted"])
def test_neighbours_do_not_choose_for_a_row(prefill: int, how: Speculation | None) -> None:
    engine = Engine(
        Composition.single(model()), max_context=CONTEXT, prefill_tokens=prefill, speculation=how
    )
    asked = prompts()
    wanted = [expected(model(), tokens, 10) for tokens in asked]
    assert tokens_of(engine.generate([request(tokens) for tokens in asked])) == wanted
    assert [engine.generate([request(tokens)])[0].tokens for tokens in asked] == wanted


def test_conversations_grow_over_the_limit_and_go_back() -> None:
    engine = Engine(Composition.single(model()), max_context=CONTEXT, max_batch=2)
    (talk,) = ([*tokens] for tokens in prompts(1)[1:2])
    cached = []
    for _ in range(4):
        (got,) = engine.generate([request(talk, 6, "a")])
        assert got.tokens == expected(model(), talk, 6)
        cached.append(got.cached_tokens)
        talk = [*talk, *got.tokens, 7, 8]
    assert cached[-1] > LIMIT
    back = talk[: LIMIT - 8]
    (got,) = engine.generate([request(back, 3, "a")])
    assert got.tokens == expected(model(), back, 3)
    assert got.cached_tokens == 0  # its keys were turned by the other set
    (got,) = engine.generate([request([*back, 5], 3, "b")])
    assert got.tokens == expected(model(), [*back, 5], 3)
    assert got.cached_tokens >= LIMIT - 8


def test_drafts_of_a_model_end_at_the_limit() -> None:
    composition = upscale(model(), model(1), model(2))
    asked = [request(tokens) for tokens in prompts()]
    plain = tokens_of(Engine(composition, max_context=CONTEXT).generate(asked))
    for block in (3, 7):
        engine = Engine(composition, max_context=CONTEXT, speculation=Speculation(block=block))
        assert tokens_of(engine.generate(asked)) == plain
