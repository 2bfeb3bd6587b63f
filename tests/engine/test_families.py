"""Every model family decodes as `transformers.generate` does, whatever is kept, shared, drafted or cut."""

from __future__ import annotations

import random
from functools import cache

import pytest
import torch

from support.families import FAMILIES, WINDOW
from trajectune.composition.composition import Composition
from trajectune.composition.drafting import Speculation
from trajectune.composition.presets import upscale
from trajectune.engine.engine import Engine
from trajectune.engine.network.batch import Segment, make_batch
from trajectune.engine.network.cache import KVCache
from trajectune.engine.network.llama import LlamaNetwork
from trajectune.engine.network.network import ModuleNetwork, make_network
from trajectune.engine.requests import Generation, Request
from trajectune.models.loading import LoadedModel

CPU = torch.device("cpu")
CONTEXT = 192
RAGGED = [3, WINDOW + 16, 1, 4 * WINDOW + 5, WINDOW, WINDOW + 1]
"""Prompts shorter than a window, as long, a little longer and many times as long."""
FLAT = {
    "llama-2",
    "llama-3",
    "qwen2",
    "qwen2-window",
    "qwen3",
    "mistral",
    "mistral-window",
    "phi3",
    "smollm3",
}
"""Those with a flat forward of their own; half of Phi-4's heads does not turn."""

each_family = pytest.mark.parametrize("name", FAMILIES)


@cache
def model(name: str, seed: int = 0) -> LoadedModel:
    loaded = FAMILIES[name].loaded(seed=seed)
    loaded.model.generation_config.eos_token_id = None  # pyright: ignore[reportOptionalMemberAccess]
    return LoadedModel(loaded.model, loaded.tokenizer, f"{name}-{seed}")


def prompts(loaded: LoadedModel, lengths: list[int], seed: int = 0) -> list[list[int]]:
    draw, size = random.Random(seed), loaded.model.config.vocab_size
    return [[draw.randrange(size) for _ in range(length)] for length in lengths]


@torch.inference_mode()
def reference(loaded: LoadedModel, tokens: list[int], new: int = 12) -> list[int]:
    """Greedy tokens of `transformers.generate`."""
    ids = torch.tensor([tokens])
    output = loaded.model.generate(  # pyright: ignore[reportCallIssue]
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=new, do_sample=False, pad_token_id=0
    )
    return output[0, len(tokens) :].tolist()


def request(tokens: list[int], new: int = 12, session: str | None = None) -> Request:
    return Request(tokens, new, session=session, stop_tokens=())


def tokens_of(generations: list[Generation]) -> list[list[int]]:
    return [generation.tokens for generation in generations]


@each_family
def test_greedy_is_generate_alone_and_in_ragged_batches_read_in_pieces(name: str) -> None:
    loaded = model(name)
    asked = prompts(loaded, RAGGED)
    expected = [reference(loaded, tokens) for tokens in asked]
    for batch, prefill in ((8, 1024), (8, 16), (2, 7)):
        engine = Engine(
            Composition.single(loaded), max_batch=batch, max_context=CONTEXT, prefill_tokens=prefill
        )
        assert tokens_of(engine.generate([request(tokens) for tokens in asked])) == expected
        assert [engine.generate([request(tokens)])[0].tokens for tokens in asked] == expected


@each_family
def test_conversations_go_on_go_back_and_branch(name: str) -> None:
    loaded = model(name)
    engine = Engine(Composition.single(loaded), max_batch=4, max_context=CONTEXT, prefill_tokens=20)
    talk, other, more = prompts(loaded, [2 * WINDOW, 9, 5], seed=1)
    for _ in range(4):  # goes on
        (got,) = engine.generate([request(talk, 9, "a")])
        assert got.tokens == reference(loaded, talk, 9)
        talk = [*talk, *got.tokens, *more]
    back = talk[: WINDOW + 3] + other  # goes back, behind the start of the window
    (got,) = engine.generate([request(back, 9, "a")])
    assert got.cached_tokens >= WINDOW + 3
    assert got.tokens == reference(loaded, back, 9)
    branches = [[*back, token] for token in more]
    got = engine.generate([request(tokens, 9, str(i)) for i, tokens in enumerate(branches)])
    assert min(branch.cached_tokens for branch in got) >= len(back)
    assert tokens_of(got) == [reference(loaded, tokens, 9) for tokens in branches]


@each_family
@pytest.mark.parametrize("block", [None, 5])
def test_looked_up_drafts_change_no_reply(name: str, block: int | None) -> None:
    loaded = model(name)
    asked = prompts(loaded, RAGGED, seed=2)
    engine = Engine(
        Composition.single(loaded),
        max_context=CONTEXT,
        speculation=Speculation("lookup", block=block),
        prefill_tokens=30,
    )
    assert tokens_of(engine.generate([request(t) for t in asked])) == [reference(loaded, t) for t in asked]


@each_family
def test_a_composition_is_the_sum_of_what_its_models_say(name: str) -> None:
    """Soft caps and scalings of logits are part of what a model says; drafts change nothing."""
    models = model(name, 1), model(name, 2), model(name, 3)
    composition = upscale(*models, alpha=0.7)
    asked = prompts(models[0], [2, WINDOW + 9, 3 * WINDOW], seed=3)
    expected = []
    for tokens in asked:
        read = list(tokens)
        for _ in range(8):
            with torch.inference_mode():
                large, tuned, base = (each.model(torch.tensor([read])).logits[0, -1] for each in models)  # pyright: ignore[reportCallIssue]
            read.append(int((large + 0.7 * (tuned - base)).argmax()))
        expected.append(read[len(tokens) :])
    for how in (None, Speculation(block=4)):
        engine = Engine(composition, max_batch=3, max_context=CONTEXT, speculation=how)
        assert tokens_of(engine.generate([request(tokens, 8) for tokens in asked])) == expected


@each_family
def test_logits_are_the_librarys_flat_or_by_modules(name: str) -> None:
    loaded = model(name)
    rows = [torch.tensor(tokens) for tokens in prompts(loaded, [4 * WINDOW, 7, WINDOW + 2], seed=4)]
    with torch.inference_mode():
        expected = [loaded.model(row[None]).logits[0] for row in rows]  # pyright: ignore[reportCallIssue]
    networks = {type(network): network for network in (make_network(loaded), ModuleNetwork(loaded))}
    assert (LlamaNetwork in networks) == (name in FLAT)
    for network in networks.values():
        cache, held = KVCache(loaded, len(rows), CONTEXT), [0] * len(rows)
        for counts in ([40, 3, WINDOW], [1, 1, 1], [4 * WINDOW - 41, 3, 1]):
            segments = [Segment(slot, held[slot], count) for slot, count in enumerate(counts)]
            parts = [row[at : at + n] for row, at, n in zip(rows, held, counts, strict=True)]
            packed = torch.cat(parts)
            places = torch.arange(0, len(packed), 2)
            logits = network(packed, make_batch(segments, CPU), cache, places)
            wanted = torch.cat([e[at : at + n] for e, at, n in zip(expected, held, counts, strict=True)])
            torch.testing.assert_close(logits, wanted[places], atol=2e-4, rtol=1e-4)
            held = [at + n for at, n in zip(held, counts, strict=True)]
