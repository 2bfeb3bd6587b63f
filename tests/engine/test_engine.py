"""The engine against `transformers.generate`, and what its cache may and may not change."""

from __future__ import annotations

import gc
import random
import weakref
from collections.abc import Callable

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trajectune.composition.composition import Composition, Term
from trajectune.engine.engine import Engine
from trajectune.engine.requests import Generation, Request
from trajectune.engine.row import decode
from trajectune.engine.sampling import Sampling
from trajectune.example import Message
from trajectune.models.chat import renderer_of
from trajectune.models.loading import LoadedModel, load_model

MakeModel = Callable[..., LoadedModel]
FAMILIES = ["llama", "qwen2", "qwen3", "gpt2"]
RAGGED = [3, 40, 1, 17, 29]


def prompts(lengths: list[int], seed: int = 0) -> list[list[int]]:
    draw = random.Random(seed)
    return [[draw.randrange(3, 300) for _ in range(length)] for length in lengths]


def reference(loaded: LoadedModel, tokens: list[int], new: int) -> list[int]:
    """Greedy tokens of `transformers.generate`, without an end token."""
    ids = torch.tensor([tokens])
    output = loaded.model.generate(  # pyright: ignore[reportCallIssue]
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=new, do_sample=False, pad_token_id=0
    )
    return output[0, len(tokens) :].tolist()


def request(tokens: list[int], new: int = 12, **options: object) -> Request:
    return Request(tokens, new, **{"stop_tokens": (), **options})  # pyright: ignore[reportArgumentType]


def tokens_of(generations: list[Generation]) -> list[list[int]]:
    return [generation.tokens for generation in generations]


@pytest.mark.parametrize("family", FAMILIES)
def test_greedy_is_generate_alone_and_in_ragged_batches(make_model: MakeModel, family: str) -> None:
    loaded = make_model(family)
    asked = prompts(RAGGED)
    expected = [reference(loaded, tokens, 12) for tokens in asked]
    engine = Engine(Composition.single(loaded), max_batch=8, max_context=128, prefill_tokens=16)
    assert tokens_of(engine.generate([request(tokens) for tokens in asked])) == expected
    alone = [engine.generate([request(tokens)])[0] for tokens in asked]
    assert tokens_of(alone) == expected


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_more_requests_than_rows_of_different_lengths(make_model: MakeModel, family: str) -> None:
    loaded = make_model(family)
    asked = prompts([5, 9, 30, 2, 14, 7, 21])
    wanted = [1, 9, 4, 12, 2, 7, 5]
    engine = Engine(Composition.single(loaded), max_batch=3, max_context=64)
    got = engine.generate([request(tokens, new) for tokens, new in zip(asked, wanted, strict=True)])
    assert tokens_of(got) == [reference(loaded, t, n) for t, n in zip(asked, wanted, strict=True)]
    assert {generation.finish for generation in got} == {"length"}


def test_running_a_model_leaves_it_as_it_was(make_model: MakeModel) -> None:
    loaded = make_model("qwen3")
    before = loaded.model.config._attn_implementation
    Engine(Composition.single(loaded), max_context=32).generate([request([5, 6])])
    assert loaded.model.config._attn_implementation == before


class TestSessions:
    def test_only_new_tokens_are_prefilled(self, make_model: MakeModel) -> None:
        loaded = make_model("llama")
        engine = Engine(Composition.single(loaded), max_batch=2, max_context=128)
        (prompt,) = prompts([20])
        for turn in range(4):
            (got,) = engine.generate([request(prompt, 6, session="a")])
            assert got.tokens == reference(loaded, prompt, 6)
            # of the last reply the final token was chosen but never read
            assert got.prefilled_tokens == (20 if turn == 0 else 4)
            prompt = [*prompt, *got.tokens, 7, 8, 9]

    def test_a_changed_past_is_recomputed_from_the_change(self, make_model: MakeModel) -> None:
        loaded = make_model("llama")
        engine = Engine(Composition.single(loaded), max_context=128)
        (prompt,) = prompts([30])
        engine.generate([request(prompt, session="a")])
        changed = [*prompt[:18], 299, *prompt[19:]]
        (got,) = engine.generate([request(changed, session="a")])
        assert got.cached_tokens == 18
        assert got.tokens == reference(loaded, changed, 12)

    def test_a_shared_instruction_is_computed_once(self, make_model: MakeModel) -> None:
        loaded = make_model("llama")
        (shared, *rest) = prompts([50, 4, 6, 5, 3])
        asked = [shared + tail for tail in rest]
        engine = Engine(Composition.single(loaded), max_batch=4, max_context=128)
        got = engine.generate([request(t, session=str(i)) for i, t in enumerate(asked)])
        assert [generation.cached_tokens for generation in got] == [0, 50, 50, 50]
        assert tokens_of(got) == [reference(loaded, tokens, 12) for tokens in asked]

    def test_the_longest_unused_session_makes_room(self, make_model: MakeModel) -> None:
        engine = Engine(Composition.single(make_model("llama")), max_batch=2, max_context=64)
        first, second, third = prompts([10, 10, 10], seed=1)
        for name, tokens in [("a", first), ("b", second), ("a", first), ("c", third)]:
            engine.generate([request(tokens, 2, session=name)])
        (kept,) = engine.generate([request(first, 2, session="a")])
        (lost,) = engine.generate([request(second, 2, session="b")])
        assert (kept.cached_tokens, lost.cached_tokens) == (9, 0)

    def test_a_released_slot_is_taken_before_anybody_is_evicted(self, make_model: MakeModel) -> None:
        engine = Engine(Composition.single(make_model("llama")), max_batch=2, max_context=64)
        first, second, third = prompts([10, 10, 10], seed=2)
        for name, tokens in [("a", first), ("b", second)]:
            engine.generate([request(tokens, 2, session=name)])
        engine.release("b")
        engine.release("unknown")
        engine.generate([request(third, 2, session="c")])
        (kept,) = engine.generate([request(first, 2, session="a")])
        assert kept.cached_tokens == 9

    def test_two_requests_of_one_session_run_in_order(self, make_model: MakeModel) -> None:
        loaded = make_model("llama")
        engine = Engine(Composition.single(loaded), max_batch=4, max_context=64)
        asked = prompts([8, 12])
        got = engine.generate([request(tokens, session="a") for tokens in asked])
        assert tokens_of(got) == [reference(loaded, tokens, 12) for tokens in asked]


class TestStopping:
    def test_stop_token_is_kept_in_tokens_and_left_out_of_text(self, make_model: MakeModel) -> None:
        loaded = make_model("llama")
        (prompt,) = prompts([12])
        full = reference(loaded, prompt, 12)
        stop = full[5]
        (got,) = Engine(Composition.single(loaded), max_context=64).generate(
            [request(prompt, stop_tokens=(stop,))]
        )
        cut = full.index(stop)
        assert got.finish == "stop"
        assert got.tokens == full[: cut + 1]
        assert got.text == decode(full[:cut], loaded.tokenizer)

    def test_each_row_has_its_own_stop_string(self, make_model: MakeModel) -> None:
        loaded = make_model("llama")
        asked = prompts([12, 9])
        texts = [decode(reference(loaded, tokens, 12), loaded.tokenizer) for tokens in asked]
        stops = [text[len(text) // 2 : len(text) // 2 + 2] for text in texts]
        engine = Engine(Composition.single(loaded), max_context=64)
        got = engine.generate(
            [request(tokens, stop_strings=(stop,)) for tokens, stop in zip(asked, stops, strict=True)]
        )
        assert [g.text for g in got] == [
            text[: text.index(stop)] for text, stop in zip(texts, stops, strict=True)
        ]
        assert {generation.finish for generation in got} == {"stop"}

    def test_a_full_context_is_said_and_not_fatal(self, make_model: MakeModel) -> None:
        loaded = make_model("llama")
        engine = Engine(Composition.single(loaded), max_context=32)
        long, fitting, near = prompts([33, 5, 30])
        got = engine.generate([request(long), request(fitting), request(near)])
        assert [generation.finish for generation in got] == ["context", "length", "context"]
        assert got[0].tokens == []
        assert got[2].tokens == reference(loaded, near, 3)

    def test_tokens_are_reported_as_they_come(self, make_model: MakeModel) -> None:
        engine = Engine(Composition.single(make_model("llama")), max_context=64)
        heard: list[tuple[int, int]] = []
        got = engine.generate(
            [request(tokens, 5) for tokens in prompts([4, 6])], lambda i, token: heard.append((i, token))
        )
        for index, generation in enumerate(got):
            assert [token for i, token in heard if i == index] == generation.tokens


class TestSampling:
    def test_a_row_does_not_depend_on_its_neighbours(self, make_model: MakeModel) -> None:
        engine = Engine(Composition.single(make_model("llama")), max_batch=4, max_context=64)
        sampling = Sampling(temperature=1.3, top_k=50, top_p=0.95)
        asked = [request(t, sampling=sampling, seed=i) for i, t in enumerate(prompts([7, 20, 3, 11]))]
        together = tokens_of(engine.generate(asked))
        assert together == [engine.generate([one])[0].tokens for one in reversed(asked)][::-1]
        assert (
            together[0] != engine.generate([request(asked[0].tokens, sampling=sampling, seed=9)])[0].tokens
        )


class TestComposition:
    def test_a_weighted_sum_is_decoded(self, make_model: MakeModel) -> None:
        large, tuned, base = make_model("llama"), make_model("qwen2", 1), make_model("qwen2", 2)
        composition = Composition((Term(large), Term(tuned, 0.7), Term(base, -0.7)))
        (prompt,) = prompts([15])
        (got,) = Engine(composition, max_context=64).generate([request(prompt, 8)])
        tokens = list(prompt)
        for _ in range(8):
            ids = torch.tensor([tokens])
            with torch.inference_mode():
                parts = [term.weight * term.model.model(ids).logits[0, -1] for term in composition.terms]
            tokens.append(int(torch.stack(parts).sum(0).argmax()))
        assert got.tokens == tokens[15:]

    def test_opposite_terms_cancel(self, make_model: MakeModel) -> None:
        one, other = make_model("llama"), make_model("gpt2")
        composition = Composition((Term(one), Term(other, 2.0), Term(other, -2.0)))
        (prompt,) = prompts([15])
        (got,) = Engine(composition, max_context=64).generate([request(prompt)])
        assert got.tokens == reference(one, prompt, 12)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_what_is_kept_never_changes_a_reply(make_model: MakeModel, data: st.DataObject) -> None:
    """Any history of conversations that share beginnings, on few slots, gives what generate gives."""
    loaded = make_model("llama")
    (shared,) = prompts([24], seed=3)
    engine = Engine(Composition.single(loaded), max_batch=2, max_context=64, prefill_tokens=7)
    for _ in range(data.draw(st.integers(1, 4))):
        asked = [
            request(
                shared[: data.draw(st.integers(0, 24))]
                + data.draw(st.lists(st.integers(3, 9), min_size=1, max_size=8)),
                data.draw(st.integers(1, 6)),
                session=data.draw(st.sampled_from(["a", "b", "c", None])),
            )
            for _ in range(data.draw(st.integers(1, 4)))
        ]
        expected = [reference(loaded, one.tokens, one.max_new_tokens) for one in asked]
        assert tokens_of(engine.generate(asked)) == expected


@pytest.mark.slow
def test_embedded_model_speaks_as_in_transformers(embedded_model_dir: object) -> None:
    from trajectune.models.loading import load_model

    loaded = load_model(str(embedded_model_dir), dtype="float32", device="cpu")
    questions = ["What is the capital of France?", "Name three fruits.", "Write one line about the sea."]
    asked = [
        renderer_of(loaded.tokenizer).prompt([Message(role="user", content=question)])
        for question in questions
    ]
    got = Engine(Composition.single(loaded), max_context=256).generate([Request(t, 16) for t in asked])
    assert "Paris" in got[0].text
    assert tokens_of(got) == [reference(loaded, tokens, 16) for tokens in asked]


def test_a_cache_goes_with_its_engine() -> None:
    """Without the garbage collector: one engine's cache may be all the memory that there is."""
    engine = Engine(Composition.single(load_model("tiny", "float32", "cpu")), max_batch=2, max_context=64)
    engine.generate([Request([1, 2, 3], 4)])
    caches = [weakref.ref(stream.cache) for stream in engine._streams]  # pyright: ignore[reportPrivateUsage]
    gc.disable()
    try:
        del engine
        assert [cache() for cache in caches] == [None]
    finally:
        gc.enable()
