"""Whether a conversation that grows keeps its tokens: per dialect and chat template.

Where the tokens of the first k turns begin those of k + 1, a trajectory is one row; where they do not, each
reply that meets another past has a row of its own. Either way a row's prompt is what the model reads when
it acts, and each reply is in exactly one row.
"""

from __future__ import annotations

from itertools import pairwise

import pytest
from transformers import PreTrainedTokenizerFast

from support.moves import trajectory
from support.templates import (
    FORGETFUL,
    HERMES,
    LLAMA_3_1,
    MISTRAL,
    MISTRAL_NAMED,
    MISTRAL_SPECIALS,
    REWRITING,
    STRIPPING,
    XML,
)
from support.tokenizers import CHATML_SPECIALS, LLAMA_3_SPECIALS, byte_level, sentencepiece_like
from trajectune.dialects.conversation import to_example
from trajectune.dialects.registry import get_dialect
from trajectune.example import Example
from trajectune.models.chat import renderer_of
from trajectune.models.templates import AGENT_FLAN, CHATML, LLAMA_2, LLAMA_3
from trajectune.tune.data.masks import tokenize

TEMPLATES: dict[str, PreTrainedTokenizerFast] = {
    "chatml": byte_level(CHATML, CHATML_SPECIALS),
    "llama-2": sentencepiece_like(LLAMA_2),
    "llama-3": byte_level(LLAMA_3, LLAMA_3_SPECIALS, qwen=True),
    "agent-flan": byte_level(AGENT_FLAN, ["<s>", "</s>"]),
    "hermes": byte_level(HERMES, CHATML_SPECIALS),
    "xml": byte_level(XML, CHATML_SPECIALS),
    "llama-3.1": byte_level(LLAMA_3_1, LLAMA_3_SPECIALS, qwen=True),
    "mistral": byte_level(MISTRAL, MISTRAL_SPECIALS),
    "mistral named": byte_level(MISTRAL_NAMED, MISTRAL_SPECIALS),
    "forgetful": byte_level(FORGETFUL, CHATML_SPECIALS),
    "rewriting": byte_level(REWRITING, CHATML_SPECIALS),
    "stripping": byte_level(STRIPPING, CHATML_SPECIALS),
}
DIALECTS = ["react", "json", "native", "agentbench"]
ROWS = {"rewriting": 3}
"""Rows of a trajectory with three replies, where they are not 1."""


def written(dialect: str, thought: str = "I look.") -> Example:
    return to_example(trajectory(thought), get_dialect(dialect, "database"))


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("template", TEMPLATES)
def test_each_reply_is_learned_behind_the_prompt_that_it_was_written_to(
    dialect: str, template: str
) -> None:
    tokenizer = TEMPLATES[template]
    renderer = renderer_of(tokenizer)
    # Llama 3.1's template has no words beside a call.
    example = written(dialect, "" if (dialect, template) == ("native", "llama-3.1") else "I look.")
    rows = tokenize(example, tokenizer, 4096)
    assert len(rows) == ROWS.get(template, 1)
    replies = [turn for turn, message in enumerate(example.messages) if message.trained]
    prompts = [renderer.prompt(example.messages[:turn], example.tools) for turn in replies]
    held = [[row.tokens[: len(prompt)].tolist() == prompt for row in rows] for prompt in prompts]
    assert all(any(found) for found in held)
    assert sum(_runs(row.trained.tolist()) for row in rows) == len(replies)


@pytest.mark.parametrize("template", [name for name in TEMPLATES if name not in ROWS])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_conversation_that_grows_keeps_its_tokens(dialect: str, template: str) -> None:
    renderer = renderer_of(TEMPLATES[template])
    example = written(dialect, "" if (dialect, template) == ("native", "llama-3.1") else "I look.")
    turns = [turn for turn, message in enumerate(example.messages) if message.trained]
    prompts = [renderer.prompt(example.messages[:turn], example.tools) for turn in turns]
    for before, after in pairwise(prompts):
        assert after[: len(before)] == before


def test_thoughts_that_a_template_forgets_are_learned_where_they_are_last() -> None:
    tokenizer = TEMPLATES["forgetful"]
    rows = tokenize(written("native", "<think>I look.</think>"), tokenizer, 4096)
    assert len(rows) == 3
    texts = [str(tokenizer.decode(row.tokens.tolist())) for row in rows]
    assert [text.count("<think>") for text in texts] == [1, 1, 1]
    assert [sum(_runs(row.trained.tolist()) for row in rows)] == [3]


def _runs(trained: list[bool]) -> int:
    return sum(now and not before for before, now in zip([False, *trained], trained, strict=False))
