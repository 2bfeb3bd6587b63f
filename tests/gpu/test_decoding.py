"""On a GPU too: the engine says what transformers says, alone or in any batch, alone or composed."""

from __future__ import annotations

import torch

from gpu.made_up import DEVICE, prompts, random_model
from support.families import FAMILIES
from trajectune.composition.composition import Composition
from trajectune.composition.drafting import Speculation
from trajectune.composition.presets import upscale
from trajectune.engine.engine import Engine
from trajectune.engine.requests import Generation, Request
from trajectune.engine.sampling import Sampling
from trajectune.models.loading import LoadedModel

RAGGED = [3, 140, 1, 57, 29, 300]
SAMPLED = Sampling(temperature=1.2, top_k=50, top_p=0.95)


def request(tokens: list[int], new: int = 16, seed: int = 0, sampling: Sampling | None = None) -> Request:
    return Request(tokens, new, stop_tokens=(), seed=seed, sampling=sampling or Sampling())


def tokens_of(generations: list[Generation]) -> list[list[int]]:
    return [generation.tokens for generation in generations]


def reference(loaded: LoadedModel, tokens: list[int], new: int = 16) -> list[int]:
    """Greedy tokens of `transformers.generate`."""
    ids = torch.tensor([tokens], device=DEVICE)
    output = loaded.model.generate(  # pyright: ignore[reportCallIssue]
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=new, do_sample=False, pad_token_id=0
    )
    return output[0, len(tokens) :].tolist()


def test_greedy_in_fp32_is_generate_alone_and_in_a_ragged_batch() -> None:
    for family in ("llama", "qwen3"):
        loaded = random_model(family=family)
        asked = prompts(RAGGED)
        wanted = [reference(loaded, tokens) for tokens in asked]
        engine = Engine(Composition.single(loaded), max_batch=8, max_context=512, prefill_tokens=100)
        assert tokens_of(engine.generate([request(tokens) for tokens in asked])) == wanted, family
        assert [engine.generate([request(tokens)])[0].tokens for tokens in asked] == wanted, family


FAMILIES_HERE = ("gemma2", "mistral-window", "qwen2-window", "phi3", "qwen3", "qwen3-moe", "gpt-neox")


def family_model(name: str, dtype: torch.dtype = torch.float32) -> LoadedModel:
    network = FAMILIES[name].network()
    network.generation_config.eos_token_id = None  # pyright: ignore[reportOptionalMemberAccess]
    placed = network.to(device=DEVICE, dtype=dtype)  # pyright: ignore[reportCallIssue, reportArgumentType]
    return LoadedModel(placed, FAMILIES[name].tokenizer(), name)


def test_families_with_windows_caps_norms_and_experts_decode_as_generate() -> None:
    """Windows are cut, prompts read in pieces, drafts judged in blocks, conversations kept."""
    for name in FAMILIES_HERE:
        loaded = family_model(name)
        asked = prompts(RAGGED)
        wanted = [reference(loaded, tokens) for tokens in asked]
        for how in (None, Speculation("lookup", block=5)):
            engine = Engine(
                Composition.single(loaded),
                max_batch=8,
                max_context=400,
                prefill_tokens=100,
                speculation=how,
            )
            requests = [request(tokens) for tokens in asked]
            assert tokens_of(engine.generate(requests)) == wanted, (name, how)
        talk = [*asked[1], *wanted[1], 7, 8]
        (got,) = engine.generate([request(talk)])
        assert got.cached_tokens > len(asked[1]), name
        assert got.tokens == reference(loaded, talk), name


def test_families_decode_in_bf16() -> None:
    """Rounding depends on shapes, so only most of the first tokens are the library's."""
    for name in FAMILIES_HERE:
        loaded = family_model(name, torch.bfloat16)
        asked = prompts([40, 140, 57, 29, 90, 11, 200, 33])
        engine = Engine(Composition.single(loaded), max_batch=8, max_context=400, prefill_tokens=100)
        got = engine.generate([request(tokens, 1) for tokens in asked])
        same = sum(g.tokens == reference(loaded, t, 1) for g, t in zip(got, asked, strict=True))
        assert same >= 6, name


def test_a_sampled_row_does_not_depend_on_its_neighbours() -> None:
    engine = Engine(Composition.single(random_model()), max_batch=8, max_context=512)
    asked = [request(tokens, seed=i, sampling=SAMPLED) for i, tokens in enumerate(prompts(RAGGED))]
    together = tokens_of(engine.generate(asked))
    assert [engine.generate([one])[0].tokens for one in asked] == together


def test_turns_of_a_conversation_read_only_what_is_new() -> None:
    loaded = random_model()
    engine = Engine(Composition.single(loaded), max_context=512)
    (prompt,) = prompts([90])
    for turn in range(3):
        asked = Request(prompt, 8, session="a", stop_tokens=())
        (got,) = engine.generate([asked])
        assert got.tokens == reference(loaded, prompt, 8)
        assert got.prefilled_tokens == (90 if turn == 0 else 4)
        prompt = [*prompt, *got.tokens, 7, 8, 9]


def triple() -> tuple[LoadedModel, LoadedModel, LoadedModel]:
    return random_model(1, layers=3), random_model(2), random_model(3)


def test_a_composition_is_the_sum_of_its_models() -> None:
    models = triple()
    (tokens,) = prompts([40])
    (got,) = Engine(upscale(*models), max_context=256).generate([request(tokens)])
    read = list(tokens)
    for _ in range(16):
        ids = torch.tensor([read], device=DEVICE)
        with torch.inference_mode():
            large, tuned, base = (model.model(ids).logits[0, -1] for model in models)
        read.append(int((large + tuned - base).argmax()))
    assert got.tokens == read[40:]


def test_speculation_changes_no_greedy_reply() -> None:
    composition, asked = upscale(*triple()), [request(tokens) for tokens in prompts(RAGGED)]
    plain = tokens_of(Engine(composition, max_context=512).generate(asked))
    for how in (Speculation(), Speculation(block=5), Speculation("lookup", block=3)):
        assert tokens_of(Engine(composition, max_context=512, speculation=how).generate(asked)) == plain


def test_a_sampled_reply_does_not_depend_on_the_length_of_blocks() -> None:
    composition = upscale(*triple())
    asked = [request(tokens, seed=i, sampling=SAMPLED) for i, tokens in enumerate(prompts(RAGGED))]
    short, long = (
        Engine(composition, max_context=512, speculation=Speculation(block=block)) for block in (2, 5)
    )
    assert tokens_of(short.generate(asked)) == tokens_of(long.generate(asked))


def test_the_engine_holds_the_weights_once() -> None:
    if DEVICE == "cpu":
        return  # there the prepared weights are laid out anew
    loaded = random_model(layers=12, dtype=torch.bfloat16)
    weights = sum(p.numel() * p.element_size() for p in loaded.model.parameters())
    before = torch.cuda.memory_allocated()
    engine = Engine(Composition.single(loaded), max_batch=1, max_context=32)
    cache = sum(t.nbytes for s in engine._streams for t in (*s.cache.keys, *s.cache.values))
    assert torch.cuda.memory_allocated() - before - cache < weights / 5
