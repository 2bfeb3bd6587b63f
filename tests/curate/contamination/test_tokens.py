"""Words, and the tokens of a model: equal ones have equal numbers, and each knows its place in the text."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerBase

from trajectune.curate.contamination.hashing import mixed, stretch_numbers
from trajectune.curate.contamination.tokens import ModelTokens, Words
from trajectune.errors import ModelError

TEXTS = st.lists(st.text(alphabet="aAbB1 \n.,_é漢字\U0001f600", max_size=30), max_size=5)


def words(text: str) -> list[str]:
    """What a word is, by a regular expression: letters and digits, or one character from U+3000 on."""
    return re.findall(r"[\u3000-\U0010ffff]|(?:(?![\u3000-\U0010ffff_])\w)+", text.lower())


@given(TEXTS)
def test_words_are_those_of_the_definition(texts: list[str]) -> None:
    tokens = Words().encode(texts)
    numbers = [tokens.ids[a:b].tolist() for a, b in zip(tokens.offsets, tokens.offsets[1:], strict=False)]
    assert len(numbers) == len(texts)
    known: dict[str, int] = {}
    for text, found in zip(texts, numbers, strict=True):
        expected = words(text)
        assert len(found) == len(expected)
        assert [
            known.setdefault(word, number) for word, number in zip(expected, found, strict=True)
        ] == found
        cut = [text[start:end].lower() for start, end in Words().places(text)]
        assert cut == expected
    assert len(set(known.values())) == len(known)


@given(TEXTS)
def test_the_words_of_a_text_do_not_depend_on_the_others(texts: list[str]) -> None:
    together = Words().encode(texts)
    alone = [Words().encode([text]).ids for text in texts]
    assert np.array_equal(together.ids, np.concatenate([np.zeros(0, np.uint64), *alone]))


def test_half_a_surrogate_pair_and_nothing_are_texts_too() -> None:
    assert Words().encode(["a \ud800 b", ""]).offsets.tolist() == [0, 3, 3]
    assert Words().encode([]).offsets.tolist() == [0]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40), st.data())
def test_equal_stretches_have_equal_numbers_and_others_not(values: list[int], data: st.DataObject) -> None:
    ends = st.integers(0, len(values))
    pairs = data.draw(st.lists(st.tuples(ends, ends).map(sorted), min_size=2, max_size=8))
    pairs = [pair for pair in pairs if pair[0] < len(values)]
    starts, stops = (np.array([pair[n] for pair in pairs], np.int64) for n in (0, 1))
    numbers = stretch_numbers(mixed(np.array(values, np.uint64)), starts, stops).tolist()
    stretches = [tuple(values[start:stop]) for start, stop in pairs]
    assert len(set(zip(stretches, numbers, strict=True))) == len(set(stretches)) == len(set(numbers))


def test_the_tokens_of_a_model_are_its_own(tokenizer: PreTrainedTokenizerBase) -> None:
    texts = ["Hello there", "", "Hello"]
    counted = ModelTokens(tokenizer, "tiny")
    tokens = counted.encode(texts)
    own = [tokenizer.encode(text, add_special_tokens=False) for text in texts]
    assert np.diff(tokens.offsets).tolist() == [len(ids) for ids in own]
    assert tokens.ids.tolist() == mixed(np.array([*own[0], *own[2]], np.uint64)).tolist()
    assert counted.encode([]).offsets.tolist() == [0]
    assert "".join(texts[0][start:end] for start, end in counted.places(texts[0])) == texts[0]
    assert counted.name == "tokens of tiny"


def test_a_tokenizer_that_does_not_know_places_is_refused(
    tokenizer: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(tokenizer), "is_fast", False)
    with pytest.raises(ModelError, match="does not tell which characters"):
        ModelTokens(tokenizer, "slow")
