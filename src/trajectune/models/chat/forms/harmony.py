"""Calls as messages of a channel: the harmony form of gpt-oss."""

from __future__ import annotations

import re
from collections.abc import Sequence

from trajectune.models.chat.forms.contract import Block, CallForm, FoundCall
from trajectune.models.chat.forms.jsoncalls import SoughtKeys, read_call
from trajectune.trajectory import Tool


class Harmony(CallForm):
    """` to=functions.name<|channel|>commentary json<|message|>{…}`, one call a turn.

    The model may also name the tool behind the channel.
    """

    openings = ("<|start|>", "<|channel|>")
    head = "to="
    words = ("<|start|>", "<|channel|>", "<|message|>", "<|constrain|>", "<|end|>")
    _name = r"\s?to=functions\.(?P<{}>[^\s<]+)"
    _start = re.compile(
        r"(?:<\|start\|>assistant)?"
        rf"(?:{_name.format('name')})?<\|channel\|>commentary(?:{_name.format('later')})?"
        r"(?: ?(?:<\|constrain\|>)?json)?\s*<\|message\|>"
    )

    def block(self, text: str, start: int, tools: Sequence[Tool]) -> Block | None:
        del tools
        opened = self._start.match(text, start)
        group = next((key for key in ("name", "later") if opened and opened[key]), "")
        if opened is None or not group:
            return None
        found = read_call(text, opened.end(), SoughtKeys(""), name=opened[group])
        if found is None:
            return None
        return Block(start, found.end, (FoundCall(found.call, opened.span(group), found.values),))
