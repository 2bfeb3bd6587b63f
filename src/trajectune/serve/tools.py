"""Tools into the prompt, and tool calls out of the reply.

The idea: many open models learn to write `<tool_call>{"name": …, "arguments": {…}}</tool_call>`, and their
chat templates show them tools and results accordingly. For a template that does not, we say the same in
the system message, and write calls and results of the history in the same form.

Invariants: what cannot be read as a call stays text, character for character; the text that is streamed is
a beginning of the text that is given as a whole.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Sequence
from typing import Any

from trajectune.serve.streaming import overlap

CALL, CALL_END = "<tool_call>", "</tool_call>"
"""What stands around a call."""

_START = re.compile(rf"{CALL}\s*")
_END = re.compile(rf"\s*(?:{CALL_END}|\Z)")  # a reply may be cut where the call is complete

Json = dict[str, Any]


def knows_tools(template: str) -> bool:
    """Whether a chat template shows tools, and in the form that `read_calls` reads."""
    return "tools" in template and CALL in template


def instruct(tools: Sequence[Json]) -> str:
    """Our own words about tools, for templates that have none."""
    lines = "\n".join(json.dumps(tool["function"], ensure_ascii=False) for tool in tools)
    return (
        "These tools can be called; each line is one of them, with the JSON schema of its arguments:\n"
        f"{lines}\n"
        "To call one, write a block like this, and nothing behind it:\n"
        f'{CALL}{{"name": "its name", "arguments": {{"argument": "value"}}}}{CALL_END}\n'
        "Several blocks call several tools. The results come back in <tool_response> blocks. "
        "Where no tool is needed, answer in plain words."
    )


def in_words(messages: Sequence[Json], tools: Sequence[Json]) -> list[Json]:
    """The conversation without tools, calls and tool messages: all of it as text."""
    said: list[Json] = [{"role": "system", "content": instruct(tools)}] if tools else []
    for message in messages:
        turn = _as_text(message)
        # Results of several calls are one turn: many templates insist on turns that alternate.
        if message["role"] == "tool" and said and said[-1].get("result"):
            said[-1]["content"] += "\n" + turn["content"]
        elif turn["role"] == "system" and tools and len(said) == 1:
            said[0]["content"] = f"{turn['content']}\n\n{said[0]['content']}"
        else:
            said.append(turn)
    return [{"role": turn["role"], "content": turn["content"]} for turn in said]


def _as_text(message: Json) -> Json:
    content = message["content"]
    if message["role"] == "tool":
        return {
            "role": "user",
            "content": f"<tool_response>\n{content}\n</tool_response>",
            "result": True,
        }
    calls = [json.dumps(call["function"], ensure_ascii=False) for call in message.get("tool_calls", ())]
    blocks = [f"{CALL}{call}{CALL_END}" for call in calls]
    return {"role": message["role"], "content": "\n".join([content, *blocks] if content else blocks)}


def read_calls(text: str) -> tuple[str, list[Json]]:
    """The text outside of calls, and the calls as the API writes them."""
    calls: list[Json] = []
    outside: list[str] = []
    end = 0
    for start in _START.finditer(text):
        found = _read_call(text, start.end()) if start.start() >= end else None
        if found is not None:
            outside.append(text[end : start.start()].rstrip())
            call, end = found
            calls.append(call)
    if not calls:
        return text, []
    return "".join([*outside, text[end:].rstrip()]), calls


def _read_call(text: str, start: int) -> tuple[Json, int] | None:
    """The call whose JSON begins at `start`, and where its block ends."""
    try:
        value, end = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return None
    closed = _END.match(text, end)
    if closed is None or not isinstance(value, dict):
        return None
    name, arguments = value.get("name"), value.get("arguments", {})
    if not (isinstance(name, str) and name and isinstance(arguments, dict)):
        return None
    function = {"name": name, "arguments": json.dumps(arguments, ensure_ascii=False)}
    return {"id": f"call_{uuid.uuid4().hex}", "type": "function", "function": function}, closed.end()


class CallFilter:
    """Of a reply that is streamed, the text that is certainly not part of a call."""

    def __init__(self) -> None:
        self._text = ""
        self._sent = 0

    def push(self, delta: str) -> str:
        """More of the reply; gives what can be shown of it."""
        self._text += delta
        if CALL in self._text[self._sent :]:
            certain = self._text.index(CALL, self._sent)
        else:
            certain = len(self._text) - overlap(self._text, CALL)
        # Space in front of a call is no part of the text, so it has to wait as well.
        shown = self._text[self._sent : certain].rstrip()
        self._sent += len(shown)
        return shown

    def finish(self) -> tuple[str, list[Json]]:
        """The text that was not shown, and the calls."""
        text, calls = read_calls(self._text)
        return text[self._sent :], calls
