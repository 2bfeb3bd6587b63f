"""Calls whose arguments are elements with plain text in them: Qwen3-Coder, GLM, ATEM.

The idea: these forms say of no value what type it has. The tool's schema tells which are strings; else what
is JSON (or a constant of Python, as templates write some) is taken as such. So a value agrees with what was
written if it reads as it, or stands there sign for sign.
"""

from __future__ import annotations

import json
import re
from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from pydantic import JsonValue, ValidationError

from trajectune.models.chat.forms.contract import Block, CallForm, FoundCall
from trajectune.models.chat.forms.jsoncalls import Place, load
from trajectune.trajectory import Tool, ToolCall


class Elements(CallForm):
    """A name, then for each argument its key and its value."""

    start: ClassVar[re.Pattern[str]]
    """Finds the name, as the group `name`."""
    value: ClassVar[re.Pattern[str]]
    """Finds one argument: its key and its text."""
    _python: ClassVar[dict[str, JsonValue]] = {"True": True, "False": False, "None": None}

    @abstractmethod
    def ended(self, text: str, end: int, opened: re.Match[str]) -> int:
        """The end of the block whose arguments end at `end`; −1 where it is not closed."""

    def block(self, text: str, start: int, tools: Sequence[Tool]) -> Block | None:
        opened = self.start.match(text, start)
        if opened is None:
            return None
        types = _types(opened["name"], tools)
        arguments: dict[str, JsonValue] = {}
        values: list[Place] = []
        end = opened.end()
        while value := self.value.match(text, end):
            arguments[value[1]] = self._typed(value[2], types.get(value[1]))
            values.append(value.span(2))
            end = value.end()
        closed = self.ended(text, end, opened)
        if closed < 0:
            return None
        try:
            call = ToolCall(name=opened["name"], arguments=arguments)
        except ValidationError:  # nested too deeply
            return None
        return Block(start, closed, (FoundCall(call, opened.span("name"), tuple(values)),))

    def _typed(self, text: str, kind: JsonValue) -> JsonValue:
        if kind == "string":
            return text
        try:
            return load(text)
        except ValueError:
            return self._python.get(text, text)

    def agrees(self, text: str, found: FoundCall, call: ToolCall) -> bool:
        read = found.call.arguments
        if (found.call.name, list(read)) != (call.name, list(call.arguments)):
            return False
        written = [text[start:end] for start, end in found.values]
        return len(written) == len(read) and all(
            read[key] == value or shown in (value, str(value), json.dumps(value))
            for (key, value), shown in zip(call.arguments.items(), written, strict=True)
        )


class Xml(Elements):
    """`<tool_call><function=name><parameter=key>value</parameter></function></tool_call>`: Qwen3-Coder."""

    openings = ("<tool_call>", "<function=")
    close = "</tool_call>"
    words = ("<tool_call>", "</tool_call>")
    start = re.compile(r"(?P<whole><tool_call>\s*)?<function=(?P<name>[^>\s]+)>\s*")
    value = re.compile(r"<parameter=([^>\s]+)>\n?(.*?)\n?</parameter>\s*", re.DOTALL)
    _end = re.compile(r"</function>")
    _closed = re.compile(r"\s*(?:</tool_call>|\Z)")

    def ended(self, text: str, end: int, opened: re.Match[str]) -> int:
        found = self._end.match(text, end)
        if found and opened["whole"]:
            found = self._closed.match(text, found.end())
        return found.end() if found else -1


class Glm(Elements):
    """`<tool_call>name<arg_key>key</arg_key><arg_value>value</arg_value></tool_call>`: GLM-4.5."""

    openings = ("<tool_call>",)
    close = "</tool_call>"
    words = ("<tool_call>", "</tool_call>", "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>")
    start = re.compile(r"<tool_call>\s*(?P<name>[^\s<>{}\[\]]+)\s*")
    value = re.compile(r"<arg_key>(.*?)</arg_key>\s*<arg_value>(.*?)</arg_value>\s*", re.DOTALL)
    _closed = re.compile(r"\s*(?:</tool_call>|\Z)")

    def ended(self, text: str, end: int, opened: re.Match[str]) -> int:
        del opened
        found = self._closed.match(text, end)
        return found.end() if found else -1


class Atem(Elements):
    """A channel to the tool, with `<atem:invoke name="…">` and its `<atem:parameter>`s in it: Muse."""

    openings = ("<|eom|>", "<|start|>")
    head = "to="
    words = ("<|start|>", "<|message|>", "<|eom|>")
    start = re.compile(
        r"(?:<\|eom\|>)?(?:<\|start\|>assistant)?\s?to=[^\s<]+<\|message\|>"
        r'<atem:function_calls>\s*<atem:invoke name="(?P<name>[^"]+)">\s*'
    )
    value = re.compile(r'<atem:parameter name="([^"]*)">(.*?)</atem:parameter>\s*', re.DOTALL)
    _closed = re.compile(r"</atem:invoke>\s*</atem:function_calls>")

    def ended(self, text: str, end: int, opened: re.Match[str]) -> int:
        del opened
        found = self._closed.match(text, end)
        return found.end() if found else -1


def _types(name: str, tools: Sequence[Tool]) -> dict[str, JsonValue]:
    """The JSON type of each argument of a tool, as far as its schema says."""
    for tool in tools:
        properties = tool.parameters.get("properties")
        if tool.name == name and isinstance(properties, dict):
            return {key: kind.get("type") for key, kind in properties.items() if isinstance(kind, dict)}
    return {}
