"""A training context is the serving prompt: the ids before a trained reply are those that are sent for it.

Held for every published template and our own, on three kinds of tokenizer, for every kind of content and
every dialect. Where a template's own rule makes a prompt impossible, the row is rejected
(`docs/proven/templates.md` quotes the rules).
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from support.families import FAMILIES
from support.gauntlet import KINDS, TOKENIZERS, WEATHER, published, row_prompts
from support.moves import trajectory
from support.templates import (
    FORGETFUL,
    HERMES,
    LLAMA_3_1,
    MISTRAL,
    MISTRAL_NAMED,
    QWEN,
    REWRITING,
    STRIPPING,
    XML,
)
from trajectune.dialects.conversation import to_example
from trajectune.dialects.registry import get_dialect
from trajectune.example import Example, Message
from trajectune.models.chat import MaskError, renderer_of
from trajectune.models.templates import TEMPLATES
from trajectune.trajectory import ToolCall
from trajectune.tune.data.masks import tokenize

OURS = {
    **TEMPLATES,
    "hermes": HERMES,
    "qwen": QWEN,
    "xml": XML,
    "llama-3.1": LLAMA_3_1,
    "mistral": MISTRAL,
    "mistral named": MISTRAL_NAMED,
    "forgetful": FORGETFUL,
    "rewriting": REWRITING,
    "stripping": STRIPPING,
}
ALL = {**OURS, **published()}
LIMIT = 8192


def check(example: Example, tokenizer: PreTrainedTokenizerFast) -> bool:
    """Whether the example has rows; they hold every prompt and no other."""
    try:
        rows = tokenize(example, tokenizer, LIMIT)
    except MaskError:
        return False
    renderer = renderer_of(tokenizer)
    turns = [turn for turn, message in enumerate(example.messages) if message.trained]
    # A server is never asked for the first message: a greeting has no prompt.
    expected = [renderer.prompt(example.messages[:turn], example.tools) for turn in turns if turn]
    for prompt in expected:
        begins = [row.tokens[: len(prompt)].tolist() == prompt and row.trained[len(prompt)] for row in rows]
        assert any(begins)
    others = [prompt for prompt in row_prompts(rows) if prompt not in expected]
    assert len(others) <= (0 if turns[0] else 1)
    return True


@pytest.mark.parametrize("kind", TOKENIZERS)
@pytest.mark.parametrize("name", ALL)
def test_every_kind_of_content_under_every_template(name: str, kind: str) -> None:
    if kind == "pieces" and "▁" in ALL[name]:
        pytest.skip("its marks hold SentencePiece's sign for a space, and no model of that kind has them")
    tokenizer = TOKENIZERS[kind](ALL[name])
    proven = {content for content, example in KINDS.items() if check(example, tokenizer)}
    assert {
        "text",
        "turns",
        "system",
        "unicode",
        "empty",
        "tools",
        "call",
        "results",
        "arguments",
    } <= proven


@pytest.mark.parametrize("name", FAMILIES)
def test_every_kind_of_content_in_every_family(name: str) -> None:
    tokenizer = FAMILIES[name].tokenizer()
    proven = {content for content, example in KINDS.items() if check(example, tokenizer)}
    assert {"text", "turns", "system", "system turns", "unicode", "empty", "reasoning", "results"} <= proven


@pytest.mark.parametrize("name", ALL)
def test_every_dialect_under_every_template(name: str) -> None:
    tokenizer = TOKENIZERS["bytes"](ALL[name])
    for dialect in ("react", "json", "native", "agentbench"):
        thought = "" if dialect == "native" else "I look."  # some templates have no words beside a call
        assert check(to_example(trajectory(thought), get_dialect(dialect, "database")), tokenizer), dialect


WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.sampled_from(
    ["\n\n", " ", "Ok.", "\nOk", "</think>", "<think>", "{", "[INST]", "<tool_call>", "é東"]
)
CALLS = st.lists(
    st.builds(ToolCall, name=st.just("weather"), arguments=st.dictionaries(st.just("city"), WORDS)),
    max_size=2,
)
SAID = st.builds(
    Message,
    role=st.just("assistant"),
    content=WORDS,
    reasoning=st.sampled_from(["", "Hm."]),
    tool_calls=st.just([]) | CALLS,
    trained=st.booleans(),
)
TURNS = st.one_of(
    SAID, st.builds(Message, role=st.sampled_from(["system", "user", "user", "tool"]), content=WORDS)
)
CONVERSATIONS = st.lists(TURNS, min_size=2, max_size=7).filter(
    lambda turns: any(turn.trained for turn in turns)
)
MADE = {name: TOKENIZERS["gpt-2"](text) for name, text in ALL.items() if not name.endswith("_training")}


@pytest.mark.parametrize("name", MADE)
@settings(max_examples=12, deadline=None)
@given(messages=CONVERSATIONS, offered=st.booleans())
def test_any_conversation(name: str, messages: list[Message], offered: bool) -> None:
    check(Example(id="e", messages=messages, tools=[WEATHER] if offered else []), MADE[name])
