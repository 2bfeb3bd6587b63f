"""Messages, tools and tool calls as the OpenAI protocol writes them, in both directions.

The idea: our records on one side, the JSON of a chat completion on the other, and nothing of HTTP.

Invariants: a reply's calls are read all or none. One whose arguments are no JSON object goes into the text,
in the form that the `native` dialect reads as bad format: it is neither lost nor an error of ours.
What comes back can be written to any file (no half surrogate pairs).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from trajectune.dialects.text import plain
from trajectune.errors import RecipeError
from trajectune.example import Message
from trajectune.storage import parse_json
from trajectune.trajectory import Tool, ToolCall

Json = dict[str, Any]

_OURS = ("model", "messages", "tools", "stream", "n")
"""Fields of a request that are ours alone to fill."""


def check_fields(body: Mapping[str, Any]) -> Json:
    """Further fields of a request. Raises `RecipeError` for one that is ours."""
    if taken := [name for name in _OURS if name in body]:
        raise RecipeError(
            f"`body` cannot hold {', '.join(taken)}: the rollout fills that itself",
            remedy="`model` and `stream` are options of their own; leave the others out",
        )
    return dict(body)


def message_body(message: Message) -> Json:
    """A message of a request."""
    body: Json = {"role": message.role, "content": message.content}
    if message.reasoning:
        body["reasoning_content"] = message.reasoning
    if message.tool_calls:
        body["tool_calls"] = [_call_body(call) for call in message.tool_calls]
    if message.role == "tool":
        body["tool_call_id"] = message.tool_call_id
    return body


def tool_body(tool: Tool) -> Json:
    """A tool that a request offers."""
    parameters = tool.parameters or {"type": "object", "properties": {}}
    function = {"name": tool.name, "description": tool.description, "parameters": parameters}
    return {"type": "function", "function": function}


def read_message(message: Json) -> tuple[str, tuple[ToolCall, ...]]:
    """Text and calls of an answer's message. Raises `TypeError` or `ValueError` where it is none."""
    content = message.get("content") or ""
    if not isinstance(content, str):
        raise TypeError(f"the content is a {type(content).__name__}")
    written = message.get("tool_calls") or []
    if not isinstance(written, list):
        raise TypeError(f"the tool calls are a {type(written).__name__}")
    calls = [_read_call(call) for call in written]
    found = tuple(call for call in calls if call is not None)
    if len(found) < len(calls):
        return plain("\n".join(part for part in (content, *_as_text(written)) if part)), ()
    return plain(content), found


def _call_body(call: ToolCall) -> Json:
    arguments = json.dumps(call.arguments, ensure_ascii=False)
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _read_call(written: Any) -> ToolCall | None:
    """A call of an answer; `None` where it is broken."""
    try:
        function = written["function"]
        arguments = function.get("arguments")
        if isinstance(arguments, str):
            arguments = parse_json(arguments) if arguments.strip() else None
        arguments = {} if arguments is None else arguments  # servers write none as "", "null" or null
        call = ToolCall(
            name=plain(function["name"]), arguments=plain(arguments), id=plain(written.get("id") or "")
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return call if call.name else None


def _as_text(written: Sequence[Any]) -> list[str]:
    """Calls that cannot be read, as a model would have written them."""
    return [f"<tool_call>{json.dumps(_function(call), ensure_ascii=False)}</tool_call>" for call in written]


def _function(call: Any) -> Any:
    return call.get("function", call) if isinstance(call, dict) else call
