"""Other families with the official client: roles and tools that templates lack, and ends of turns."""

from __future__ import annotations

import json
from typing import Any

import pytest

from serve.conftest import NAME, running
from support.families import FAMILIES
from trajectune.composition.composition import Composition
from trajectune.models.loading import LoadedModel

TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
HISTORY = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Weather in Rome?"},
    {
        "role": "assistant",
        "tool_calls": [
            {
                "id": "c1",
                "type": "function",
                "function": {"name": "weather", "arguments": '{"city": "Rome"}'},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "c1", "content": "sun"},
]


@pytest.mark.parametrize("family", ["gemma", "gemma3", "llama-3", "mistral", "qwen2", "phi3", "olmo2"])
def test_every_template_takes_a_system_message_tools_and_their_answers(family: str) -> None:
    asked: dict[str, Any] = {"model": NAME, "messages": HISTORY, "tools": [TOOL]}
    with running(Composition.single(FAMILIES[family].loaded(context=1024)), max_context=1024) as served:
        create = served.client.chat.completions.create
        assert create(**asked, max_tokens=4).choices
        assert list(create(**asked, max_tokens=4, stream=True))
        if family == "olmo2":  # a template that shows no tools: the call is in our own words
            called = '<tool_call>{"name": "weather", "arguments": {"city": "Oslo"}}</tool_call>'
            with served.engine.dictated(called):
                (call,) = create(**asked, max_tokens=200).choices[0].message.tool_calls
            assert json.loads(call.function.arguments) == {"city": "Oslo"}


@pytest.mark.parametrize("stream", [False, True])
def test_a_turn_ends_where_the_template_ends_it(stream: bool) -> None:
    tokenizer = FAMILIES["qwen2"].tokenizer()
    tokenizer.eos_token = "<|endoftext|>"  # as base models have it
    network = FAMILIES["qwen2"].network()
    network.generation_config.eos_token_id = tokenizer.eos_token_id
    composition = Composition.single(LoadedModel(network, tokenizer, "base"))
    asked: dict[str, Any] = {"model": NAME, "messages": [{"role": "user", "content": "Hi"}]}
    with running(composition, max_context=256) as served, served.engine.dictated("Yes.<|im_end|>\nuser"):
        answer: Any = served.client.chat.completions.create(**asked, max_tokens=30, stream=stream)
        if stream:
            chunks = [chunk.choices[0] for chunk in answer]
            found = ("".join(chunk.delta.content or "" for chunk in chunks), chunks[-1].finish_reason)
        else:
            found = (answer.choices[0].message.content, answer.choices[0].finish_reason)
    assert found == ("Yes.", "stop")
