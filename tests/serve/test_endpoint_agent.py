"""Our own agent asks our own server: streamed or whole, with or without calls, it is told the same."""

from __future__ import annotations

from typing import Any

import pytest

from support.endpoint import reach_this_machine
from trajectune.agents.contract import AgentReply, Conversation
from trajectune.agents.endpoint import EndpointAgent
from trajectune.environments.contract import Task
from trajectune.example import Message
from trajectune.trajectory import Tool, ToolCall

TOOLS = (Tool(name="look", parameters={"type": "object", "properties": {"at": {"type": "string"}}}),)
CALL = '<tool_call>{"name": "look", "arguments": {"at": "the \\"sea\\" ü"}}</tool_call>'


def replies(server: Any, tools: tuple[Tool, ...]) -> list[AgentReply]:
    """The reply, whole and streamed."""
    talk = Conversation("c", [Message(role="user", content="Hello!")], Task("t", "train"), tools=tools)
    found: list[AgentReply] = []
    for stream in (False, True):
        agent = EndpointAgent(f"{server.root}/v1", "tiny-model", max_new_tokens=190, stream=stream)
        found += agent.reply([talk])
        agent.close()
    return found


@pytest.mark.parametrize("tools", [(), TOOLS], ids=["words", "tools"])
def test_streamed_is_whole(server: Any, tools: tuple[Tool, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    reach_this_machine(monkeypatch)
    with server.engine.dictated(f"I look.\n{CALL}\n{CALL}"):
        whole, streamed = replies(server, tools)
    for reply in (whole, streamed):
        assert (reply.finish, reply.usage.requests) == ("stop", 1)
        assert [(call.name, call.arguments) for call in reply.calls] == (
            [("look", {"at": 'the "sea" ü'})] * 2 if tools else []
        )
        assert all(isinstance(call, ToolCall) and call.id for call in reply.calls)
    assert whole.text == streamed.text == ("I look." if tools else f"I look.\n{CALL}\n{CALL}")
    assert whole.usage.tokens == streamed.usage.tokens > 0
