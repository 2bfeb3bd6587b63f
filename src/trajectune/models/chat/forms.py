"""The forms in which models write tool calls as text, and how each is read.

The idea: a form knows how its calls begin and finds, in a text, each call with the places of its name and
of its arguments. The same search reads a model's reply and labels the tokens of a training row. Which form
a model writes is not configured: its chat template is asked (`trajectune.models.chat.renderer`).

Invariants: reading never raises, whatever a model wrote; what is not wholly a call is not a call.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from pydantic import JsonValue, ValidationError

from trajectune.models.chat.jsoncalls import Place, SoughtKeys, elements, load, read_call
from trajectune.trajectory import Tool, ToolCall


@dataclass(frozen=True, slots=True)
class FoundCall:
    """A call in a text, and where its parts stand."""

    call: ToolCall
    """With the id that the text gives it, if any."""
    name: Place
    values: tuple[Place, ...]
    """Of the arguments, in order; of strings what is between the quotes."""


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch [start, end) of a text that is calls and nothing else."""

    start: int
    end: int
    calls: tuple[FoundCall, ...]


class CallForm(ABC):
    """One form of calls. Instances have no state."""

    openings: ClassVar[tuple[str, ...]]
    """Texts with which a block may begin."""
    close: ClassVar[str] = ""
    """What ends each single call; empty where nothing does."""
    words: ClassVar[tuple[str, ...]] = ()
    """Markers that may be special tokens of the model, and then must survive decoding."""

    @abstractmethod
    def block(self, text: str, start: int, tools: Sequence[Tool]) -> Block | None:
        """The block that begins with the opening at `start`, if it is one."""

    def opening(self, text: str, start: int) -> int:
        """Where the first text from `start` on stands that may begin a block; −1 if there is none."""
        found = [place for word in self.openings if (place := text.find(word, start)) >= 0]
        return min(found, default=-1)

    def blocks(self, text: str, tools: Sequence[Tool] = ()) -> list[Block]:
        """All blocks, in order. `tools` tell what type an argument is where the text does not."""
        found: list[Block] = []
        place = self.opening(text, 0)
        while place >= 0:
            block = self.block(text, place, tools)
            if block is not None:
                found.append(block)
            place = self.opening(text, place + 1 if block is None else block.end)
        return found

    def read(self, text: str, tools: Sequence[Tool] = ()) -> tuple[str, list[ToolCall]]:
        """The text outside of calls (whole where there is none), and the calls."""
        blocks = self.blocks(text, tools)
        if not blocks:
            return text, []
        edges = [0, *(block.end for block in blocks)]
        ends = [*(block.start for block in blocks), len(text)]
        outside = [text[start:end].rstrip() for start, end in zip(edges, ends, strict=True)]
        return "".join(outside), [found.call for block in blocks for found in block.calls]

    def agrees(self, text: str, found: FoundCall, call: ToolCall) -> bool:
        """Whether what was found in `text` is how `call` looks in this form."""
        del text
        return found.call.same_as(call)


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


class Xml(CallForm):
    """`<tool_call><function=name><parameter=key>value</parameter></function></tool_call>`: Qwen3-Coder.

    Values are plain text: the tool's schema says which are strings; else what is JSON is taken as such.
    """

    openings = ("<tool_call>", "<function=")
    close = "</tool_call>"
    words = ("<tool_call>", "</tool_call>")
    _start = re.compile(r"(<tool_call>\s*)?<function=([^>\s]+)>\s*")
    _value = re.compile(r"<parameter=([^>\s]+)>\n?(.*?)\n?</parameter>\s*", re.DOTALL)
    _end = re.compile(r"</function>")
    _closed = re.compile(r"\s*(?:</tool_call>|\Z)")
    _python: ClassVar[dict[str, JsonValue]] = {"True": True, "False": False, "None": None}
    """Templates often write constants as Python does."""

    def block(self, text: str, start: int, tools: Sequence[Tool]) -> Block | None:
        opened = self._start.match(text, start)
        if opened is None:
            return None
        types = _types(opened[2], tools)
        arguments: dict[str, JsonValue] = {}
        values: list[Place] = []
        end = opened.end()
        while value := self._value.match(text, end):
            arguments[value[1]] = self._typed(value[2], types.get(value[1]))
            values.append(value.span(2))
            end = value.end()
        ended = self._end.match(text, end)
        closed = self._closed.match(text, ended.end()) if ended and opened[1] else ended
        if closed is None:
            return None
        try:
            call = ToolCall(name=opened[2], arguments=arguments)
        except ValidationError:  # nested too deeply
            return None
        return Block(start, closed.end(), (FoundCall(call, opened.span(2), tuple(values)),))

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
        return all(
            read[key] == value or shown == value
            for (key, value), shown in zip(call.arguments.items(), written, strict=True)
        )


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


FORMS: tuple[CallForm, ...] = (Hermes(), Xml(), Mistral(), Llama3())
"""In the order in which a template's writing is tried."""


def _types(name: str, tools: Sequence[Tool]) -> dict[str, JsonValue]:
    """The JSON type of each argument of a tool, as far as its schema says."""
    for tool in tools:
        properties = tool.parameters.get("properties")
        if tool.name == name and isinstance(properties, dict):
            return {key: kind.get("type") for key, kind in properties.items() if isinstance(kind, dict)}
    return {}
