"""Sampled ids are learned as they were where they are the reply's text; labels follow the tokens."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from transformers import PreTrainedTokenizerFast

from support.templates import HERMES
from support.tokenizers import CHATML_SPECIALS, byte_level
from trajectune.example import Capability, Example, Message, Span
from trajectune.models.chat import renderer_of
from trajectune.models.templates import CHATML
from trajectune.trajectory import Tool, ToolCall
from trajectune.tune.data.labels import describe
from trajectune.tune.data.masks import tokenize

SPANS = [
    Span.thought("Naïve 東 SELECT"),
    Span.marker("\nAction: "),
    Span.tool("name"),
    Span.arguments(" 42"),
]
TEXT = "".join(span.text for span in SPANS)


@pytest.fixture
def tokenizer() -> PreTrainedTokenizerFast:
    return byte_level(CHATML, CHATML_SPECIALS)


def ids(text: str, tokenizer: PreTrainedTokenizerFast) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def by_signs(text: str, tokenizer: PreTrainedTokenizerFast) -> list[int]:
    return [token for sign in text for token in ids(sign, tokenizer)]


def example(
    tokenizer: PreTrainedTokenizerFast, tokens: list[int] | None, template: str | None = None
) -> Example:
    template = renderer_of(tokenizer).digest if template is None else template
    messages = [
        Message(role="user", content="Where?"),
        Message(role="assistant", content=TEXT, trained=True, spans=SPANS, tokens=tokens),
        Message(role="user", content="Sure?"),
        Message(role="assistant", content="Yes.", trained=True),
    ]
    return Example(id="e", messages=messages, template=template)


def learned_by(row_labels: np.ndarray, tokens: np.ndarray, tokenizer: PreTrainedTokenizerFast) -> list[str]:
    """The text of each run of equal labels, with its name."""
    edges = [0, *(np.flatnonzero(np.diff(row_labels)) + 1).tolist(), len(row_labels)]
    return [
        f"{describe(int(row_labels[a]))}: {tokenizer.decode(tokens[a:b].tolist())}"
        for a, b in pairwise(edges)
    ]


EXPECTED = [
    "reasoning: Naïve 東 SELECT",
    "instruction_following format: \nAction:",
    "retrieval:  name",
    "understanding:  42",
    "instruction_following format: <|im_end|>",
]


def test_every_token_of_a_reply_is_labelled_by_its_part(tokenizer: PreTrainedTokenizerFast) -> None:
    (row,) = tokenize(example(tokenizer, None), tokenizer, 4096)
    first = np.flatnonzero(row.trained)[0]
    end = first + len(ids(TEXT, tokenizer)) + 1
    assert learned_by(row.labels[first:end], row.tokens[first:end], tokenizer) == EXPECTED
    assert not row.labels[~row.trained].any()
    assert not row.labels[end:].any(), "a reply whose parts are not known has no labels"


def test_the_parts_of_a_native_call_are_labelled() -> None:
    tokenizer = byte_level(HERMES, CHATML_SPECIALS)
    call = ToolCall(name="SELECT", arguments={"goals": "players", "n": 42})
    messages = [
        Message(role="user", content="Where?"),
        Message(role="assistant", content="The mug.", tool_calls=[call], trained=True),
    ]
    (row,) = tokenize(Example(id="e", messages=messages, tools=[Tool(name="SELECT")]), tokenizer, 4096)
    parts = learned_by(row.labels[row.trained], row.tokens[row.trained], tokenizer)
    content = [part for part in parts if " format: " not in part]
    assert content == [
        "reasoning: The mug.",
        "retrieval: SELECT",
        "understanding: players",
        "understanding:  42",
    ]
    assert parts[-1] == "instruction_following format: }}\n</tool_call><|im_end|>"


@pytest.mark.parametrize("ending", ["end", "none", "other"])
def test_a_models_own_tokens_survive(tokenizer: PreTrainedTokenizerFast, ending: str) -> None:
    sampled = by_signs(TEXT, tokenizer)
    assert sampled != ids(TEXT, tokenizer)
    end = ids("<|im_end|>", tokenizer)
    given = {
        "end": [*sampled, *end],
        "none": sampled,
        "other": [*sampled, *ids("<|endoftext|>", tokenizer)],
    }
    (row,) = tokenize(example(tokenizer, given[ending]), tokenizer, 4096)
    (plain,) = tokenize(example(tokenizer, None), tokenizer, 4096)
    first = int(np.flatnonzero(plain.trained)[0])
    length, ours = len(sampled) + 1, len(ids(TEXT, tokenizer)) + 1
    assert row.tokens[first : first + length].tolist() == [*sampled, *end]
    assert row.tokens[first + length :].tolist() == plain.tokens[first + ours :].tolist()
    assert row.trained[first : first + length].all()
    labels = learned_by(row.labels[first : first + length], row.tokens[first : first + length], tokenizer)
    assert [part.split(": ")[0] for part in labels] == [part.split(": ")[0] for part in EXPECTED]
    assert Capability.REASONING in labels[0]


def test_ids_of_another_text_or_another_template_are_not_used(tokenizer: PreTrainedTokenizerFast) -> None:
    (plain,) = tokenize(example(tokenizer, None), tokenizer, 4096)
    for tokens, template in (
        (by_signs("Something else", tokenizer), None),
        ([], None),
        (by_signs(TEXT, tokenizer), "of another model"),
        (by_signs(TEXT, tokenizer), ""),
    ):
        (row,) = tokenize(example(tokenizer, tokens, template), tokenizer, 4096)
        assert row.tokens.tolist() == plain.tokens.tolist()
        assert row.labels.tolist() == plain.labels.tolist()
