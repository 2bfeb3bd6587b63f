"""Calls of Gemma 4: `<|tool_call>call:name{key:<|"|>value<|"|>,n:3}<tool_call|>`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from pydantic import JsonValue, ValidationError

from trajectune.models.chat.forms.contract import Block, CallForm, FoundCall
from trajectune.models.chat.forms.jsoncalls import Place, load
from trajectune.trajectory import Tool, ToolCall

_QUOTE = '<|"|>'
_DEEPEST = 100
"""Levels of a nest that are read."""
_SCALAR = re.compile(r"[^,{}\[\]<]+")
_KEY = re.compile(r'(?:<\|"\|>(.*?)<\|"\|>|([^:{}\[\]]*?)):', re.DOTALL)


class _Value(NamedTuple):
    value: JsonValue
    place: Place
    """Of a string what is between the quotes."""
    end: int


class _Members(NamedTuple):
    values: dict[str, _Value]
    end: int


class Gemma4(CallForm):
    """Keys are sorted and not quoted; strings stand between marks of their own, with nothing escaped."""

    openings = ("<|tool_call>",)
    close = "<tool_call|>"
    words = ("<|tool_call>", "<tool_call|>", _QUOTE)
    _start = re.compile(r"<\|tool_call>\s*call:([^\s{}]+)(?=\{)")
    _end = re.compile(r"\s*(?:<tool_call\|>|\Z)")

    def block(self, text: str, start: int, tools: Sequence[Tool]) -> Block | None:
        del tools
        opened = self._start.match(text, start)
        found = _members(text, opened.end(), 0) if opened else None
        closed = self._end.match(text, found.end) if found else None
        if opened is None or found is None or closed is None:
            return None
        try:
            arguments = {key: one.value for key, one in found.values.items()}
            call = ToolCall(name=opened[1], arguments=arguments)
        except ValidationError:  # nested too deeply
            return None
        places = tuple(one.place for one in found.values.values())
        return Block(start, closed.end(), (FoundCall(call, opened.span(1), places),))


def _members(text: str, start: int, depth: int) -> _Members | None:
    """The mapping that begins with the brace at `start`."""
    found: dict[str, _Value] = {}
    place = start + 1
    while text[place : place + 1] != "}":
        key = _KEY.match(text, place)
        value = _value(text, key.end(), depth + 1) if key else None
        if key is None or value is None:
            return None
        found[key[1] or key[2] or ""] = value
        place = value.end
        if text[place : place + 1] == ",":
            place += 1
        elif text[place : place + 1] != "}":
            return None
    return _Members(found, place + 1)


def _value(text: str, start: int, depth: int) -> _Value | None:
    if depth > _DEEPEST:
        return None
    if text.startswith(_QUOTE, start):
        begin = start + len(_QUOTE)
        end = text.find(_QUOTE, begin)
        return None if end < 0 else _Value(text[begin:end], (begin, end), end + len(_QUOTE))
    if text.startswith("{", start):
        inner = _members(text, start, depth)
        whole = {key: one.value for key, one in inner.values.items()} if inner else {}
        return _Value(whole, (start, inner.end), inner.end) if inner else None
    if text.startswith("[", start):
        return _list(text, start, depth)
    found = _SCALAR.match(text, start)
    try:
        scalar = None if found and found[0] == "None" else load(found[0] if found else "")
    except ValueError:
        return None
    return _Value(scalar, found.span(), found.end()) if found else None


def _list(text: str, start: int, depth: int) -> _Value | None:
    found: list[JsonValue] = []
    place = start + 1
    while text[place : place + 1] != "]":
        value = _value(text, place, depth + 1)
        if value is None:
            return None
        found.append(value.value)
        place = value.end
        if text[place : place + 1] == ",":
            place += 1
        elif text[place : place + 1] != "]":
            return None
    return _Value(found, (start, place + 1), place + 1)
