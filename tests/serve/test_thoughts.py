"""Thoughts in served replies: told apart from the words, whole and streamed, with tools or without."""

from __future__ import annotations

from typing import Any

import pytest

from serve.conftest import NAME, Serve
from support.tokenizers import CHATML_SPECIALS, byte_level
from trajectune.composition.composition import Composition
from trajectune.models.loading import LoadedModel

OPENS = (
    "{% for m in messages %}{{ '<|im_start|>' ~ m.role ~ '\n' ~ m.content ~ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}"
    "{{ '<think>\n\n</think>\n\n' if enable_thinking is false else '<think>\n' }}{% endif %}"
)
"""The prompt begins a thought, unless none is wanted (Qwen3)."""
TOOL: Any = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


@pytest.mark.parametrize("tools", [[], [TOOL]])
def test_a_thought_is_no_part_of_the_words(serve: Serve, tools: list[Any]) -> None:
    running = serve()
    offered: dict[str, Any] = {"tools": tools} if tools else {}
    with running.engine.dictated("<think>\nIt is warm.\n</think>\n\n18 degrees."):
        message = running.chat(max_tokens=100, **offered).choices[0].message
        pieces = [chunk.choices[0].delta for chunk in running.chat(max_tokens=100, stream=True, **offered)]
    assert (message.reasoning_content, message.content) == ("It is warm.", "18 degrees.")
    assert "".join(piece.content or "" for piece in pieces) == "18 degrees."
    thoughts = [number for number, piece in enumerate(pieces) if getattr(piece, "reasoning_content", None)]
    words = [number for number, piece in enumerate(pieces) if piece.content]
    assert len(thoughts) == 1
    assert thoughts[0] < words[0]


def test_calls_are_words_where_no_tools_are_offered(serve: Serve) -> None:
    running = serve()
    call = '<tool_call>{"name": "look", "arguments": {}}</tool_call>'
    with running.engine.dictated(call):
        choice = running.chat(max_tokens=100).choices[0]
    assert (choice.message.content, choice.finish_reason) == (call, "stop")


@pytest.mark.parametrize(
    ("variables", "said", "thought"),
    [({}, "Warm.\n</think>\n\n18.", "Warm."), ({"enable_thinking": False}, "18.", None)],
)
def test_a_prompt_may_open_the_thought_or_keep_it_out(
    serve: Serve, tiny: LoadedModel, variables: dict[str, Any], said: str, thought: str | None
) -> None:
    tokenizer = byte_level(OPENS, CHATML_SPECIALS)
    running = serve(Composition.single(LoadedModel(tiny.model, tokenizer, NAME)))
    asked: dict[str, Any] = {"extra_body": {"chat_template_kwargs": variables}} if variables else {}
    with running.engine.dictated(said):
        message = running.chat(max_tokens=100, **asked).choices[0].message
    assert (getattr(message, "reasoning_content", None), message.content) == (thought, "18.")
