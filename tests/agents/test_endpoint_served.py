"""The endpoint agent asks our own server: streamed or whole, it says what the engine says."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.endpoint import reach_this_machine
from support.models import Tiny
from support.served import served
from support.templates import HERMES
from trajectune.agents.contract import AgentReply, Conversation
from trajectune.agents.endpoint import EndpointAgent
from trajectune.engine.engine import Engine
from trajectune.engine.requests import Generation
from trajectune.environments.contract import Task
from trajectune.example import Message
from trajectune.trajectory import Tool, ToolCall

SAID = 'I look.\n<tool_call>\n{"name": "look", "arguments": {"at": "the \\"sea\\" ü"}}\n</tool_call>'


def replies(url: str, tools: tuple[Tool, ...]) -> list[AgentReply]:
    """The reply of a server, whole and streamed."""
    talk = Conversation("c", [Message(role="user", content="Hi")], Task("t", "train"), tools=tools)
    found = []
    for stream in (False, True):
        agent = EndpointAgent(url, "tuned", max_new_tokens=12, stream=stream)
        found += agent.reply([talk])
        agent.close()
    return found


@pytest.mark.parametrize("calls", [False, True])
def test_streamed_is_whole(calls: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reach_this_machine(monkeypatch)
    model = Tiny("qwen2", spread=0.3).write(tmp_path / "model")
    tools = (Tool(name="look"),) if calls else ()
    if calls:
        (model / "chat_template.jinja").write_text(HERMES, "utf-8")
        monkeypatch.setattr(Engine, "generate", lambda *_: [Generation([1], SAID, "stop", 9, 0)])
    with served(str(model)) as client:
        whole, streamed = replies(str(client.base_url), tools)
    assert whole.finish == streamed.finish
    assert (whole.text, whole.usage.tokens) == (streamed.text, streamed.usage.tokens)
    assert whole.text
    strip = [call.model_copy(update={"id": ""}) for call in streamed.calls]
    assert strip == [call.model_copy(update={"id": ""}) for call in whole.calls]
    if calls:
        assert strip == [ToolCall(name="look", arguments={"at": 'the "sea" ü'})]
