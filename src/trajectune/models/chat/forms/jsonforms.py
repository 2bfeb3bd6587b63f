"""Calls that are JSON in the text: Hermes, Llama 3, Mistral."""

from __future__ import annotations

import re
from collections.abc import Sequence

from trajectune.models.chat.forms.contract import Block, CallForm, FoundCall
from trajectune.models.chat.forms.jsoncalls import SoughtKeys, elements, read_call
from trajectune.trajectory import Tool


class Hermes(CallForm):
    """`<tool_call>{"name": …, "arguments": {…}}</tool_call>`: Hermes, Qwen, and our own words."""

    openings = ("<tool_call>",)
    close = "</tool_call>"
    words = ("<tool_call>", "</tool_call>")
    _start = re.compile(r"<tool_call>\s*")
    _end = re.compile(r"\s*(?:</tool_call>|\Z)")  # a reply may be cut where the call is complete

    def block(self, text: str, start: int, tools: Sequence[Tool]) -> Block | None:
        del tools
        opened = self._start.match(text, start)
        found = read_call(text, opened.end(), SoughtKeys("arguments")) if opened else None
        closed = self._end.match(text, found.end) if found else None
        if found is None or closed is None:
            return None
        return Block(start, closed.end(), (FoundCall(found.call, found.name, found.values),))


class Llama3(CallForm):
    """`{"name": …, "parameters": {…}}` as the whole reply, or behind `<|python_tag|>`: one call a turn."""

    openings = ("<|python_tag|>", "{")
    words = ("<|python_tag|>",)
    _start = re.compile(r"(?:<\|python_tag\|>)?\s*")

    def opening(self, text: str, start: int) -> int:
        tagged = text.find("<|python_tag|>", start)
        bare = len(text) - len(text.lstrip())
        if start <= bare < len(text) and text[bare] == "{":
            return bare
        return tagged

    def block(self, text: str, start: int, tools: Sequence[Tool]) -> Block | None:
        del tools
        opened = self._start.match(text, start)
        keys = SoughtKeys("parameters", "arguments", required=True)
        found = read_call(text, opened.end(), keys) if opened else None
        if found is None or text[found.end :].strip():
            return None
        return Block(start, len(text), (FoundCall(found.call, found.name, found.values),))


class Mistral(CallForm):
    """`[TOOL_CALLS][{"name": …, "arguments": {…}}]`, or `[TOOL_CALLS]name[ARGS]{…}` for each call."""

    openings = ("[TOOL_CALLS]",)
    words = ("[TOOL_CALLS]", "[ARGS]", "[CALL_ID]")
    _start = re.compile(r"\[TOOL_CALLS\]\s*")
    _named = re.compile(r"([^\s\[\]{}]+)\s*(?:\[CALL_ID\]\s*([^\s\[\]]+)\s*)?\[ARGS\]\s*")

    def block(self, text: str, start: int, tools: Sequence[Tool]) -> Block | None:
        del tools
        opened = self._start.match(text, start)
        if opened is None:
            return None
        if named := self._named.match(text, opened.end()):
            return self._one(text, start, named)
        listed = elements(text, opened.end())
        if listed is None:
            return None
        found = [read_call(text, place, SoughtKeys("arguments")) for place in listed.starts]
        calls = [FoundCall(one.call, one.name, one.values) for one in found if one is not None]
        if not calls or len(calls) < len(found):
            return None
        return Block(start, listed.end, tuple(calls))

    def _one(self, text: str, start: int, named: re.Match[str]) -> Block | None:
        found = read_call(text, named.end(), SoughtKeys(""), name=named[1])
        if found is None:
            return None
        call = found.call.model_copy(update={"id": named[2] or ""})
        return Block(start, found.end, (FoundCall(call, named.span(1), found.values),))
