"""What is asked of a chat template about tools: whether it shows them, and how it writes calls.

The idea: each manner of handing calls on is tried until the template writes a call that one of the known
forms reads back, shows its answer, and goes on from there. A template that writes the first call and cannot
write the next (some do not open a second turn of calls) would fail in the middle of a conversation, so it
counts as one that knows no tools.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from trajectune.example import Message
from trajectune.models.chat.dicts import Manner, tool_schema
from trajectune.models.chat.forms import CallForm
from trajectune.models.chat.probes.turns import PROBE, QUESTION, REPLY, THOUGHTS, Apply, attempt, opening_of
from trajectune.models.chat.thought import Marks
from trajectune.trajectory import Tool, ToolCall

_NAME, _KEY, _VALUE, _THOUGHT = "qx7_tool", "qx7_key", "Qx7valueZk9", "Qx7thoughtZk9"
_HARD = "Qx7\n\\'\"9"
"""A value that is escaped in some forms and not in others."""
_TOOL = Tool(
    name=_NAME,
    description="Qx7toolZk9",
    parameters={
        "type": "object",
        "properties": {_KEY: {"type": "string", "description": "Qx7keyZk9"}},
        "required": [_KEY],
    },
)
_TOOLS = [tool_schema(_TOOL)]


class Native(NamedTuple):
    """How a template writes calls itself."""

    form: CallForm
    end: str
    """The marker that ends a reply with calls."""
    trail: str
    unwritten: bool
    manner: Manner
    marks: Marks | None = None
    """Of a thought beside calls; `None` where the template shows none."""
    opening: str = ""
    """What a reply to results begins with, where the prompt leaves its opening to the model."""


def ask_calls(
    apply: Apply,
    manner: Manner,
    special: re.Pattern[str],
    forms: Sequence[CallForm],
) -> Native | None:
    """The template's own way to write calls.

    `None` where it does not show tools, calls and answers, or writes calls in no form that is known.
    """
    for tried in _manners(manner):
        prober = _Prober(apply, tried, special)
        found = prober.native(forms)
        if found is not None:
            return prober.with_thought(found)
    return None


def _manners(manner: Manner) -> Iterator[Manner]:
    """Ids and arguments as they are, before others are made up for them."""
    for nulls, text, nine in itertools.product((False, True), repeat=3):
        yield replace(manner, null_content=nulls, arguments_as_text=text, nine_signs=nine)


class _Prober:
    """One template, asked in one manner."""

    def __init__(self, apply: Apply, manner: Manner, special: re.Pattern[str]) -> None:
        self._apply, self._manner, self._special = apply, manner, special

    def native(self, forms: Sequence[CallForm]) -> Native | None:
        called, answer = _called("call_qx7", _VALUE), _answer("call_qx7")
        prompt, body = self._body([QUESTION], called)
        answered = self._text([QUESTION, called, answer]) or ""
        if _TOOL.description not in prompt or not body or PROBE not in answered:
            return None
        for form in sorted(forms, key=lambda one: not self._reads_hard(one)):
            ended = self._ended(form, body)
            if ended is not None and self._goes_on(form, ended, called, answer):
                _, said = self._body([QUESTION, called, answer], REPLY)
                return Native(form, *ended, self._manner, opening=said.partition(PROBE)[0])
        return None

    def with_thought(self, native: Native) -> Native:
        """The same with the field in which a thought beside calls is shown, and its marks."""
        thoughtful = _called("call_qx7", _VALUE).model_copy(update={"reasoning": _THOUGHT})
        for key in THOUGHTS:
            manner = replace(native.manner, thought_beside_calls=key)
            _, body = _Prober(self._apply, manner, self._special)._body([QUESTION], thoughtful)
            opening, thought, rest = body.partition(_THOUGHT)
            blocks = native.form.blocks(rest, [_TOOL]) if thought else []
            if blocks:
                return native._replace(manner=manner, marks=Marks(opening, rest[: blocks[0].start]))
        return native

    def _ended(self, form: CallForm, body: str) -> tuple[str, str, bool] | None:
        """The marker behind a call in `body`, what follows it, and whether the next turn writes it."""
        markers = (m for m in self._special.finditer(body, body.find(_VALUE)) if m[0] not in form.words)
        marker = next(markers, None)
        if marker is not None:
            reply = body[: marker.start()]
            return (marker[0], body[marker.end() :], False) if _reads(form, reply, _VALUE) else None
        following = self._text([QUESTION, _called("call_qx7", _VALUE), _answer("call_qx7")]) or ""
        behind = following.partition(body.rstrip())[2]
        marker = self._special.match(behind, len(behind) - len(behind.lstrip()))
        unread = marker is None or marker[0] in form.words or not _reads(form, body, _VALUE)
        return None if marker is None or unread else (marker[0], "", True)

    def _goes_on(
        self, form: CallForm, ended: tuple[str, str, bool], called: Message, answer: Message
    ) -> bool:
        """Whether another call, and words, can follow the answer to a call."""
        past = [QUESTION, called, answer]
        _, body = self._body(past, _called("call_qx8", _VALUE))
        again = self._ended(form, body) if body else None
        _, said = self._body(past, REPLY)
        return again is not None and again[0] == ended[0] and PROBE in said

    def _reads_hard(self, form: CallForm) -> bool:
        _, body = self._body([QUESTION], _called("call_qx7", _HARD))
        blocks = form.blocks(body, [])
        found = [one.call.arguments.get(_KEY) for block in blocks for one in block.calls]
        return found == [_HARD]

    def _body(self, past: list[Message], message: Message) -> tuple[str, str]:
        """The prompt, and what the message adds to it; empty where they do not fit."""
        prompt = self._text(past, opened=True) or ""
        text = self._text([*past, message]) or ""
        if prompt and text.startswith(prompt):
            return prompt, text[len(prompt) :]
        opened = opening_of(prompt, text)
        return prompt, text[len(prompt) - len(opened) :] if opened else ""

    def _text(self, messages: Sequence[Message], *, opened: bool = False) -> str | None:
        return attempt(self._apply, messages, self._manner, _TOOLS, opened=opened)


def _called(name: str, value: str) -> Message:
    call = ToolCall(name=_NAME, arguments={_KEY: value}, id=name)
    return Message(role="assistant", content="", tool_calls=[call])


def _answer(name: str) -> Message:
    return Message(role="tool", content=PROBE, tool_call_id=name, name=_NAME)


def _reads(form: CallForm, reply: str, value: str) -> bool:
    found = [one.call for block in form.blocks(reply, [_TOOL]) for one in block.calls]
    return [(call.name, call.arguments) for call in found] == [(_NAME, {_KEY: value})]
