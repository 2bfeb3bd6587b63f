"""Tokens are a text: exactly, but for what a tokenizer itself does to space beside its marks."""

from __future__ import annotations

import pytest

from support.families import FAMILIES, PHI
from support.tokenizers import CHATML_SPECIALS, LLAMA_3_SPECIALS, byte_level, phi_like
from trajectune.example import Example, Message
from trajectune.models.chat import renderer_of
from trajectune.models.templates import CHATML, LLAMA_3
from trajectune.tune.data.decoding import anchor, decodes
from trajectune.tune.data.masks import tokenize

PHI_3 = phi_like(PHI)
PLAIN = byte_level(CHATML, CHATML_SPECIALS)


def talk(*contents: str) -> Example:
    messages = [
        Message(role="assistant" if n % 2 else "user", content=text, trained=bool(n % 2))
        for n, text in enumerate(contents)
    ]
    return Example(id="e", messages=messages)


def test_phi_3s_rows_are_proven() -> None:
    (row,) = tokenize(talk("Weather?", "18 degrees.", "Sure?", "Yes.\n\n1. one"), PHI_3, 4096)
    trained = row.tokens[row.trained].tolist()
    assert "".join(str(PHI_3.decode(trained)).split()) == "18degrees.<|end|>Yes.1.one<|end|>"


def test_other_words_are_other_words_for_phi_3_too() -> None:
    before = PHI_3("<|assistant|>\n", add_special_tokens=False)["input_ids"]
    for said in ("18 degrees", "18  degrees.", "18degrees.", "19 degrees."):
        ids = PHI_3(f"<|assistant|>\n{said}<|end|>", add_special_tokens=False)["input_ids"]
        assert not decodes([(before, ids[len(before) :])], ["18 degrees.<|end|>"], PHI_3)


def test_a_tokenizer_that_gives_text_back_has_to_do_so_to_the_space() -> None:
    before = PLAIN("<|im_start|>", add_special_tokens=False)["input_ids"]
    ids = PLAIN("Yes. <|im_end|>", add_special_tokens=False)["input_ids"]
    assert decodes([(before, ids)], ["Yes. <|im_end|>"], PLAIN)
    assert not decodes([(before, ids)], ["Yes.<|im_end|>"], PLAIN)


@pytest.mark.parametrize("name", FAMILIES)
def test_behind_an_anchor_a_text_is_a_continuation(name: str) -> None:
    tokenizer = FAMILIES[name].tokenizer()
    mark = anchor(tokenizer)
    assert mark
    assert len(tokenizer(mark, add_special_tokens=False)["input_ids"]) == 1


def test_a_prompt_that_splits_otherwise_at_its_end_has_rows_that_hold_it() -> None:
    # GPT-2 splits two line ends one way at the end of a text, and another way in its middle.
    tokenizer = byte_level(LLAMA_3, LLAMA_3_SPECIALS)
    example = talk("Hello", "Hi.", "More?", "No.")
    rows = tokenize(example, tokenizer, 4096)
    assert len(rows) == 2
    for row, turn in zip(rows, (1, 3), strict=True):
        prompt = renderer_of(tokenizer).prompt(example.messages[:turn])
        assert row.tokens[: len(prompt)].tolist() == prompt
        assert row.trained.tolist() == [False] * len(prompt) + [True] * (len(row) - len(prompt))
