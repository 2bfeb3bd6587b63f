"""Calls as a list of Python's calls: `<|tool_call_start|>[name(key='value', n=3)]<|tool_call_end|>` (LFM2).

Invariant: nothing is evaluated. A string ends at the first quote behind which a next argument, or the end
of the call, begins, as some templates escape nothing in it; what has Python's escapes is read as they say.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from pydantic import JsonValue, ValidationError

from trajectune.models.chat.forms.contract import Block, CallForm, FoundCall
from trajectune.models.chat.forms.jsoncalls import Place
from trajectune.models.chat.forms.literals import literal
from trajectune.trajectory import Tool, ToolCall

_ESCAPED = {"\\": "\\", "'": "'", '"': '"', "n": "\n", "r": "\r", "t": "\t"}


class _Argument(NamedTuple):
    key: str
    value: JsonValue
    place: Place
    end: int


class PythonCalls(CallForm):
    """One list of calls in a block."""

    openings = ("<|tool_call_start|>",)
    words = ("<|tool_call_start|>", "<|tool_call_end|>")
    _start = re.compile(r"<\|tool_call_start\|>\s*\[\s*")
    _name = re.compile(r"([^\s()\[\]{}'\"=,]+)\(\s*")
    _key = re.compile(r"([^\s()\[\]{}'\"=,]+)\s*=\s*")
    _comma = re.compile(r"\s*,\s*")
    _closed = re.compile(r"\s*\)")
    _end = re.compile(r"\s*\]\s*(?:<\|tool_call_end\|>|\Z)")
    _string = re.compile(r"'(.*?)'(?=\s*(?:,\s*[^\s()\[\]{}'\"=,]+\s*=|\)\s*(?:,|\])))", re.DOTALL)
    _double = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
    _escape: ClassVar[re.Pattern[str]] = re.compile(r"\\(.)", re.DOTALL)

    def block(self, text: str, start: int, tools: Sequence[Tool]) -> Block | None:
        del tools
        opened = self._start.match(text, start)
        if opened is None:
            return None
        calls: list[FoundCall] = []
        place = opened.end()
        while found := self._call(text, place):
            call, place = found
            calls.append(call)
            comma = self._comma.match(text, place)
            if comma is None:
                break
            place = comma.end()
        closed = self._end.match(text, place)
        return Block(start, closed.end(), tuple(calls)) if closed and calls else None

    def agrees(self, text: str, found: FoundCall, call: ToolCall) -> bool:
        read = found.call.arguments
        if (found.call.name, list(read)) != (call.name, list(call.arguments)):
            return False
        shown = [text[start:end] for start, end in found.values]
        rows = zip(call.arguments.items(), shown, strict=True)
        return len(shown) == len(read) and all(
            read[key] == value or raw == value for (key, value), raw in rows
        )

    def _call(self, text: str, place: int) -> tuple[FoundCall, int] | None:
        named = self._name.match(text, place)
        if named is None:
            return None
        found: list[_Argument] = []
        place = named.end()
        while argument := self._argument(text, place):
            found.append(argument)
            comma = self._comma.match(text, argument.end)
            place = comma.end() if comma else argument.end
            if comma is None:
                break
        closed = self._closed.match(text, place)
        if closed is None:
            return None
        try:
            call = ToolCall(name=named[1], arguments={one.key: one.value for one in found})
        except ValidationError:  # nested too deeply
            return None
        return FoundCall(call, named.span(1), tuple(one.place for one in found)), closed.end()

    def _argument(self, text: str, place: int) -> _Argument | None:
        key = self._key.match(text, place)
        if key is None:
            return None
        string = self._string.match(text, key.end()) or self._double.match(text, key.end())
        if string:
            return _Argument(key[1], self._unescaped(string[1]), string.span(1), string.end())
        found = literal(text, key.end())
        return _Argument(key[1], found.value, (key.end(), found.end), found.end) if found else None

    def _unescaped(self, text: str) -> str:
        return self._escape.sub(lambda found: _ESCAPED.get(found[1], found[0]), text)
