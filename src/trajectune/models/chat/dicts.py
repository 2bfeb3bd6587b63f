"""Messages and tools in the shape in which a chat template wants them.

The idea: templates agree on roles and contents, not on the rest: whether a content is a text or a list of
parts, whether arguments are an object or JSON text, which ids they accept, where a thought belongs. A
`Manner` says it for one template; it is found by asking (`trajectune.models.chat.probes.turns`).

Invariant: a call and its answer have the same id.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trajectune.example import Message
from trajectune.trajectory import Tool, ToolCall

_ID = re.compile(r"[A-Za-z0-9]{9}")
"""The only ids that every template accepts (Mistral's insist on them)."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a template wants its messages."""

    parts: bool = False
    """Contents as lists of `{"type": "text"}`."""
    arguments_as_text: bool = False
    """A call's arguments as JSON text."""
    nine_signs: bool = False
    """Ids of nine letters and digits: others are replaced."""
    null_content: bool = False
    """`None` where there are calls and no words beside them."""
    thought: str = ""
    """The field for the thought of a turn without calls; empty where the template shows none."""
    thought_beside_calls: str = ""


def chat_dicts(messages: Sequence[Message], manner: Manner = Manner()) -> list[dict[str, Any]]:
    """Messages as the template is to get them; every call and every answer to one has an id."""
    unanswered: deque[str] = deque()
    found: list[dict[str, Any]] = []
    for turn, message in enumerate(messages):
        fields: dict[str, Any] = {"role": message.role, "content": _content(message, manner)}
        if message.tool_calls:
            ids = [
                _id(call.id or f"{turn}/{n}", call.id, manner) for n, call in enumerate(message.tool_calls)
            ]
            unanswered = deque(ids)
            pairs = zip(message.tool_calls, ids, strict=True)
            fields["tool_calls"] = [_call_dict(call, name, manner) for call, name in pairs]
        if message.role == "tool":
            following = unanswered.popleft() if unanswered else ""
            given = message.tool_call_id
            if answers := _id(given, given, manner) if given else following:
                fields["tool_call_id"] = answers
        if message.name:
            fields["name"] = message.name
        key = manner.thought_beside_calls if message.tool_calls else manner.thought
        if message.reasoning and key:
            fields[key] = message.reasoning
        found.append(fields)
    return found


def tool_schema(tool: Tool) -> dict[str, Any]:
    """A tool in the shape that chat templates expect."""
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _content(message: Message, manner: Manner) -> Any:
    if manner.null_content and message.tool_calls and not message.content:
        return None
    return [{"type": "text", "text": message.content}] if manner.parts else message.content


def _call_dict(call: ToolCall, name: str, manner: Manner) -> dict[str, Any]:
    arguments: Any = dict(call.arguments)
    if manner.arguments_as_text:
        arguments = json.dumps(arguments, ensure_ascii=False)
    return {"id": name, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _id(source: str, given: str, manner: Manner) -> str:
    """The id that was given, or nine letters and digits that stand for `source`."""
    if given and (not manner.nine_signs or _ID.fullmatch(given)):
        return given
    return hashlib.sha256(source.encode()).hexdigest()[:9]
