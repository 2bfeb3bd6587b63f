"""The API's messages, tools and calls, and ours."""

from __future__ import annotations

import json
import secrets
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trajectune.example import Message
from trajectune.models.chat import CallFilter, ChatRenderer, ReadReply
from trajectune.serve.api.protocol import ChatMessage
from trajectune.serve.api.protocol import Tool as ApiTool
from trajectune.trajectory import Tool, ToolCall

_SIGNS = string.ascii_letters + string.digits


def as_message(asked: ChatMessage) -> Message:
    """A message of a client; `developer` is the newer name of `system`."""
    called = [
        ToolCall(name=call.function.name, arguments=call.function.arguments, id=call.id)
        for call in asked.tool_calls or ()
    ]
    return Message(
        role="system" if asked.role == "developer" else asked.role,
        content=asked.content or asked.refusal or "",
        reasoning=asked.reasoning_content or asked.reasoning or "",
        tool_calls=called,
        tool_call_id=asked.tool_call_id or "",
        name=asked.name or "",
    )


def as_tool(asked: ApiTool) -> Tool:
    """A tool of a client."""
    function = asked.function
    return Tool(
        name=function.name, description=function.description or "", parameters=function.parameters or {}
    )


def as_calls(calls: Sequence[ToolCall]) -> list[dict[str, Any]]:
    """Calls as the API writes them, each with an id of nine letters and digits."""
    return [
        {
            "id": call.id or "".join(secrets.choice(_SIGNS) for _ in range(9)),
            "type": "function",
            "function": {"name": call.name, "arguments": json.dumps(call.arguments, ensure_ascii=False)},
        }
        for call in calls
    ]


@dataclass(frozen=True, slots=True)
class ReplyReader:
    """Finds thoughts in replies, and calls of `tools`, where some were offered."""

    renderer: ChatRenderer
    tools: Sequence[Tool]
    variables: Mapping[str, Any]
    """Of the template, for the prompt that is answered."""
    one: bool = False
    """Whether the client wants one call at most."""

    def whole(self, text: str) -> tuple[str, str, list[dict[str, Any]]]:
        """The thought, the text outside of calls, and the calls as the API writes them."""
        read = self.renderer.read(text, self.tools, calls=bool(self.tools), variables=self.variables)
        return self._told(read)

    def filter(self) -> CallFilter:
        """For a reply that is streamed."""
        return self.renderer.filter(self.tools, calls=bool(self.tools), variables=self.variables)

    def rest(self, streamed: CallFilter) -> tuple[str, str, list[dict[str, Any]]]:
        """The thought of a finished reply, what was not streamed of its words, and its calls."""
        return self._told(streamed.finish())

    def _told(self, read: ReadReply) -> tuple[str, str, list[dict[str, Any]]]:
        calls = read.calls[:1] if self.one else read.calls
        return read.reasoning, read.content, as_calls(calls)
