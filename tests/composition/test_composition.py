"""Compositions: the formula, its ready-made forms, the filter, vocabularies, and what shares memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from support.models import Tiny
from trajectune.composition import presets
from trajectune.composition.composition import Composition, Term, WeightFilter
from trajectune.composition.drafting import Speculation
from trajectune.composition.scoring import as_model
from trajectune.engine.engine import Engine
from trajectune.engine.requests import Request
from trajectune.engine.sampling import Sampling
from trajectune.errors import ModelError
from trajectune.example import Message
from trajectune.models.chat import renderer_of
from trajectune.models.loading import LoadedModel
from trajectune.models.vocabulary import alignment

Three = tuple[LoadedModel, LoadedModel, LoadedModel]
"""Large base, small tuned, small base."""

MakeModel = Callable[..., LoadedModel]


@pytest.fixture
def three(make_model: MakeModel) -> tuple[LoadedModel, LoadedModel, LoadedModel]:
    return make_model("llama"), make_model("qwen2", 1), make_model("qwen2", 2)


def logits(model: LoadedModel, tokens: list[int]) -> torch.Tensor:
    with torch.inference_mode():
        return model.model(torch.tensor([tokens])).logits[0, -1]


def distribution(composition: Composition, tokens: list[int]) -> torch.Tensor:
    parts = [logits(term.model, tokens)[None] for term in composition.terms]
    weights = torch.tensor([[term.weight for term in composition.terms]])
    return composition.combine(parts, weights)[0].log_softmax(-1)


def greedy(composition: Composition, **options: object) -> list[int]:
    request = Request([5, 9, 14], 8, stop_tokens=(), **options)  # pyright: ignore[reportArgumentType]
    return Engine(composition, max_batch=2, max_context=64).generate([request])[0].tokens


class TestForms:
    """Each form against its formula, written once more with log-probabilities."""

    def test_upscale_weighs_the_behaviour(self, three: Three) -> None:
        large, tuned, base = three
        of_large, of_tuned, of_base = (logits(model, [5, 6]).log_softmax(-1) for model in three)
        expected = (of_large + 0.7 * (of_tuned - of_base)).log_softmax(-1)
        torch.testing.assert_close(
            distribution(presets.upscale(large, tuned, base, alpha=0.7), [5, 6]), expected
        )

    def test_amplify_weighs_the_scale(self, three: Three) -> None:
        large, tuned, base = three
        of_large, of_tuned, of_base = (logits(model, [5, 6]).log_softmax(-1) for model in three)
        expected = (of_tuned + 1.5 * (of_large - of_base)).log_softmax(-1)
        torch.testing.assert_close(
            distribution(presets.amplify(large, tuned, base, beta=1.5), [5, 6]), expected
        )

    def test_with_weight_one_they_are_one_law(self, three: Three) -> None:
        large, tuned, base = three
        one, other = presets.upscale(large, tuned, base), presets.amplify(large, tuned, base)
        torch.testing.assert_close(distribution(one, [5, 6]), distribution(other, [5, 6]))
        down = presets.downscale(large, tuned, base)  # the same sum, with the parts in other hands
        torch.testing.assert_close(distribution(one, [5, 6]), distribution(down, [5, 6]))

    @given(share=st.floats(0, 1))
    def test_interpolation_runs_from_one_behaviour_to_the_other(
        self, make_model: MakeModel, share: float
    ) -> None:
        large, base, kind, brave = (make_model("llama", seed) for seed in range(4))
        mixed = presets.interpolate(large, base, {"kind": (kind, share), "brave": (brave, 1 - share)})
        lo, ba, ki, br = (logits(model, [7]).log_softmax(-1) for model in (large, base, kind, brave))
        expected = (lo + share * (ki - ba) + (1 - share) * (br - ba)).log_softmax(-1)
        torch.testing.assert_close(distribution(mixed, [7]), expected, rtol=1e-4, atol=1e-4)

    def test_contrast(self, make_model: MakeModel) -> None:
        expert, amateur = make_model("llama"), make_model("qwen2")
        expected = (1.5 * logits(expert, [7]) - 0.5 * logits(amateur, [7])).log_softmax(-1)
        torch.testing.assert_close(distribution(presets.contrast(expert, amateur), [7]), expected)

    def test_interpolation_needs_somebody(self, make_model: MakeModel) -> None:
        with pytest.raises(ModelError, match="at least one tuned model"):
            presets.interpolate(make_model("llama"), make_model("llama"), {})


class TestWeights:
    def test_a_request_has_its_own(self, three: Three) -> None:
        composition = presets.upscale(*three)
        weights = composition.weights({"tuned": 0.3, "base": -0.3})
        asked = [Request([5, 9, 14], 8, stop_tokens=(), weights=w) for w in (None, weights)]
        together = Engine(composition, max_batch=2, max_context=64).generate(asked)
        assert together[0].tokens == greedy(composition)
        assert together[1].tokens == greedy(presets.upscale(*three, alpha=0.3))

    def test_a_term_of_weight_zero_is_not_run_until_it_is_needed(self, three: Three) -> None:
        composition = presets.upscale(*three)
        engine = Engine(composition, max_batch=2, max_context=64)
        alone = composition.weights({"tuned": 0.0, "base": 0.0})
        (first,) = engine.generate([Request([5, 9, 14], 6, stop_tokens=(), weights=alone, session="a")])
        held = [max(map(len, stream.cache.held)) for stream in engine._streams]
        assert held == [0, 8, 0]  # tuned, large, base
        assert (
            first.tokens
            == Engine(Composition.single(three[0]), max_context=64)
            .generate([Request([5, 9, 14], 6, stop_tokens=())])[0]
            .tokens
        )
        asked = [5, 9, 14, *first.tokens, 3]
        (second,) = engine.generate([Request(asked, 6, stop_tokens=(), session="a")])
        fresh = Engine(composition, max_context=64).generate([Request(asked, 6, stop_tokens=())])
        assert second.tokens == fresh[0].tokens

    def test_unknown_and_doubled_names(self, three: Three) -> None:
        with pytest.raises(ModelError, match="no term 'huge'"):
            presets.upscale(*three).weights({"huge": 1.0})
        with pytest.raises(ModelError, match="have one name"):
            Composition((Term(three[0], name="a"), Term(three[1], name="a")))
        with pytest.raises(ModelError, match="no term 'x'"):
            Composition((Term(three[0]),), draft="x")
        with pytest.raises(ModelError, match="at least one model"):
            Composition(())

    def test_the_name_is_the_formula(self, three: Three) -> None:
        assert presets.upscale(*three, alpha=0.5).name == "0.5·tuned +1·large -0.5·base"
        assert Composition.single(three[0]).name == "llama"


class TestFilter:
    def test_outside_the_likely_tokens_the_score_is_the_tuned_models(self, three: Three) -> None:
        large, tuned, base = three
        composition = presets.upscale(large, tuned, base, top_p=0.6)
        of_large, t, b = (logits(model, [5, 6]).log_softmax(-1) for model in three)
        order = t.argsort(descending=True)
        inside, reached = set(), 0.0
        for token in order.tolist():
            if reached >= 0.6:
                break
            inside.add(token)
            reached += float(t[token].exp())
        assert 0 < len(inside) < len(t) / 2
        scores = torch.stack([(of_large + t - b)[i] if i in inside else t[i] for i in range(len(t))])
        torch.testing.assert_close(distribution(composition, [5, 6]), scores.log_softmax(-1))

    def test_a_filter_that_lets_all_through_changes_nothing(self, three: Three) -> None:
        plain = presets.upscale(*three)
        wide = Composition(plain.terms, WeightFilter("tuned", 1.0))
        torch.testing.assert_close(
            distribution(wide, [5, 6]), distribution(plain, [5, 6]), rtol=1e-4, atol=1e-4
        )

    def test_the_engine_decodes_it(self, three: Three) -> None:
        composition = presets.upscale(*three, top_p=0.5)
        tokens = [5, 9, 14]
        for _ in range(8):
            tokens.append(int(distribution(composition, tokens).argmax()))
        assert greedy(composition) == tokens[3:]


class TestOwnPrompts:
    def test_terms_read_their_own_prompts(self, make_model: MakeModel) -> None:
        one, other = make_model("llama"), make_model("qwen2", 1)
        composition = Composition((Term(one), Term(other, 0.5)))
        prompts = ([5, 9, 14], [30, 31, 32, 33, 9])
        tokens = []
        for _ in range(8):
            scores = logits(one, [*prompts[0], *tokens]) + 0.5 * logits(other, [*prompts[1], *tokens])
            tokens.append(int(scores.argmax()))
        assert greedy(composition, prompts=prompts) == tokens

    def test_one_model_with_and_without_a_system_message(self, tiny_chat: LoadedModel) -> None:
        """Two streams over one model; the difference of prompts is what is amplified."""
        terms = (Term(tiny_chat, 1.5, "told", system="Be brief."), Term(tiny_chat, -0.5, "plain"))
        composition = Composition(terms)
        messages = [Message(role="system", content="Be long."), Message(role="user", content="Hi")]
        plain = renderer_of(tiny_chat.tokenizer).prompt(messages)
        prompts = composition.prompts(messages, plain)
        assert prompts is not None
        assert prompts[1] == plain
        assert "Be brief." in tiny_chat.tokenizer.decode(prompts[0])
        assert "Be long." not in tiny_chat.tokenizer.decode(prompts[0])
        engine = Engine(composition, max_context=200)
        assert len(engine._streams) == 2
        assert len(engine.generate([Request(plain, 4, stop_tokens=(), prompts=prompts)])[0].tokens) == 4
        assert Composition((Term(tiny_chat),)).prompts(messages, plain) is None

    def test_terms_of_one_model_and_prompt_share_a_stream(self, make_model: MakeModel) -> None:
        model = make_model("llama")
        engine = Engine(Composition((Term(model, 0.5, "a"), Term(model, 0.5, "b"))), max_context=64)
        assert len(engine._streams) == 1
        asked = [Request([5, 9], 8, stop_tokens=(), sampling=Sampling(1.0), seed=3)]
        alone = Engine(Composition.single(model), max_context=64)
        assert engine.generate(asked)[0].tokens == alone.generate(asked)[0].tokens


@pytest.fixture
def tiny_chat(tiny_dir: Path) -> LoadedModel:
    from trajectune.models.loading import load_model

    return load_model(str(tiny_dir), "float32", "cpu")


def renamed(tokenizer: PreTrainedTokenizerBase, names: dict[str, str]) -> PreTrainedTokenizerFast:
    """The tokenizer with some tokens called otherwise."""
    text = tokenizer.backend_tokenizer.to_str()  # pyright: ignore
    data = json.loads(text)
    data["model"]["vocab"] = {names.get(k, k): v for k, v in data["model"]["vocab"].items()}
    for token in data["added_tokens"]:
        token["content"] = names.get(token["content"], token["content"])
    from tokenizers import Tokenizer

    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(data)))


class TestVocabularies:
    def test_special_tokens_may_have_other_names(self, make_model: MakeModel) -> None:
        model = make_model("llama")
        special = model.tokenizer.all_special_tokens[0]
        other = LoadedModel(model.model, renamed(model.tokenizer, {special: "<|reserved|>"}), "other")
        assert alignment(model, other) is None

    def test_words_may_not(self, make_model: MakeModel) -> None:
        model = make_model("llama")
        added = {**model.tokenizer.added_tokens_decoder}
        words = [token for token, i in model.tokenizer.get_vocab().items() if i not in added]
        longest = sorted(words, key=len)[-2:]
        swapped = renamed(model.tokenizer, {longest[0]: longest[1], longest[1]: longest[0]})
        other = LoadedModel(model.model, swapped, "other")
        with pytest.raises(ModelError, match=r"2 of .* token ids mean something else"):
            Composition((Term(model), Term(other, name="b")))

    def test_a_declared_map_is_followed_both_ways(self, make_model: MakeModel) -> None:
        """A model whose ids are turned round, and mapped back, is the model itself."""
        model = make_model("llama", 5)
        size = model.model.get_output_embeddings().weight.shape[0]  # pyright: ignore
        twin = make_model("qwen2", 7)
        turned = _turned(twin, size)
        ids = {i: size - 1 - i for i in range(size)}
        plain = Composition((Term(model), Term(twin, 0.5, "twin")))
        mapped = Composition((Term(model), Term(turned, 0.5, "twin", ids=ids)))
        assert greedy(mapped) == greedy(plain)

    def test_what_a_map_leaves_out_is_never_said_nor_read(self, make_model: MakeModel) -> None:
        model = make_model("llama", 5)
        size = model.model.get_output_embeddings().weight.shape[0]  # pyright: ignore
        favourite = greedy(Composition.single(model))[0]
        ids = {i: i for i in range(size) if i != favourite}
        composition = Composition((Term(model), Term(make_model("qwen2", 7), 0.01, "twin", ids=ids)))
        assert favourite not in greedy(composition)
        with pytest.raises(ModelError, match=f"lacks token {favourite}"):
            Engine(composition, max_context=64).generate([Request([favourite, 5], 3)])

    def test_a_map_out_of_range_is_refused(self, make_model: MakeModel) -> None:
        model = make_model("llama")
        with pytest.raises(ModelError, match="sends 3 to 99999"):
            Composition((Term(model), Term(make_model("qwen2"), name="b", ids={3: 99_999})))


def _turned(model: LoadedModel, size: int) -> LoadedModel:
    import copy

    turned = copy.deepcopy(model.model)
    with torch.no_grad():
        for module in (turned.get_input_embeddings(), turned.get_output_embeddings()):
            module.weight.copy_(module.weight.flip(0))  # pyright: ignore
    assert turned.get_output_embeddings().weight.shape[0] == size  # pyright: ignore
    return LoadedModel(turned, model.tokenizer, "turned")


class TestAsModel:
    def test_its_logits_are_the_composed_ones(self, three: Three) -> None:
        composition = presets.upscale(*three, alpha=0.6)
        model = as_model(composition)
        tokens = torch.tensor([[5, 6, 7, 8], [9, 10, 11, 12]])
        with torch.inference_mode():
            whole = model.model(tokens).logits
            first = model.model(tokens[:, :3], use_cache=True, logits_to_keep=1)
            rest = model.model(tokens[:, 3:], past_key_values=first.past_key_values, use_cache=True).logits
        torch.testing.assert_close(whole[0, -1].log_softmax(-1), distribution(composition, [5, 6, 7, 8]))
        torch.testing.assert_close(rest[:, 0], whole[:, 3], rtol=1e-4, atol=1e-4)

    def test_one_model_is_itself(self, three: Three) -> None:
        assert as_model(Composition.single(three[0])) is three[0]


def test_a_reply_ends_where_any_of_the_models_learnt_to_end(three: Three) -> None:
    large, tuned, base = three
    tuned.model.generation_config.eos_token_id = [7]  # pyright: ignore[reportOptionalMemberAccess]
    composition = presets.upscale(large, tuned, base)
    assert 7 in composition.end_tokens
    assert set(large.end_tokens) <= set(composition.end_tokens)


def test_who_drafts_must_have_every_token(three: Three) -> None:
    size = three[0].model.config.vocab_size
    wide = Tiny(layers=1, vocabulary=size + 8).loaded("wide")
    composition = Composition((Term(three[0]),), drafter=wide)
    how = Speculation(block=3)
    engine = Engine(composition, max_batch=1, max_context=64, speculation=how)
    request = Request([5, 9, 14], 8, stop_tokens=())
    assert engine.generate([request])[0].tokens == greedy(Composition.single(three[0]))
    narrow = Tiny(layers=1, vocabulary=size - 8).loaded("narrow")
    with pytest.raises(ModelError, match="the drafting model has"):
        Composition((Term(three[0]),), drafter=narrow)
    names = {"a": "b", "b": "a"}
    other = LoadedModel(wide.model, renamed(wide.tokenizer, names), "other")
    with pytest.raises(ModelError, match="mean something else"):
        Composition((Term(three[0]),), drafter=other)
    short = Tiny(layers=1, context=32).loaded("short")
    assert Composition((Term(three[0]),), drafter=short).max_context == 32
