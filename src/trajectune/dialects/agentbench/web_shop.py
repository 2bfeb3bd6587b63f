"""The `agentbench` dialect of the web shop: a thought, and one action in WebShop's own words.

The grammar is the one of AgentBench's WebShop task as AgentTuning evaluated it, in which AgentInstruct's
`webshop` split is written:

    Thought:                        Thought:
    <thought>                       <thought>

    Action:                         Action:
    search[<keywords>]              click[<value>]

The action ends at the bracket that closes the first one, where AgentBench takes the first `]`; the two
differ only where a value holds brackets. A second `Action:` is a fault here, where AgentBench silently
takes the first. Pages are shown as they are, as in AgentInstruct; AgentBench puts `Observation:` above
each.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from trajectune.dialects.contract import Reading
from trajectune.dialects.single import TextDialect
from trajectune.dialects.text import Markers, before, no_move, only_call
from trajectune.example import Span
from trajectune.trajectory import Fault, Step, Tool, ToolCall

ARGUMENTS = {"search": "keywords", "click": "value"}

_ACTION = r"Action:[ \t\r]*\n?[ \t]*(search|click)\["
_ANCHORED = re.compile(rf"^[ \t]*{_ACTION}", re.MULTILINE | re.IGNORECASE)
_ANYWHERE = re.compile(_ACTION, re.IGNORECASE)
_THOUGHT = re.compile(r"\s*Thought:[ \t\r]*\n?", re.IGNORECASE)
_MARKERS = Markers("Action:|Thought:", re.IGNORECASE)
_BRACKETS = re.compile(r"[\[\]\n]")

_FORMAT = """\
In every round, first think about the page, then choose one action: search[keywords], with keywords of \
your own, or click[value], with a value that the page offers. Write both in exactly this form:

Thought:
what you think

Action:
click[something]

An action that is not possible changes nothing, so read the page again and try another one."""

_HELP = "No action could be read. End with a line 'Action:' and below it search[keywords] or click[value]."


class AgentBenchWebShop(TextDialect):
    """Tools `search(keywords)` and `click(value)` as AgentBench's WebShop task writes them."""

    name: ClassVar[str] = "agentbench"
    acknowledgement = "Ok."

    def instruct(self, instruction: str, tools: Sequence[Tool]) -> str:
        del tools  # the grammar has room for these two alone, and names them itself
        return f"{instruction}\n\n{_FORMAT}"

    def render(self, step: Step) -> list[Span]:
        thought, (tool, argument) = step.thought, _parts(only_call(step))
        spans = [Span.marker("Thought:\n"), Span.thought(_MARKERS.quote(thought)), Span.marker("\n\n")]
        action = [Span.marker("Action:\n"), Span.tool(tool), Span.marker("[")]
        return [*(spans if thought else ()), *action, Span.arguments(argument), Span.marker("]")]

    def parse(self, reply: str) -> Reading:
        actions = list(_ANCHORED.finditer(reply)) or list(_ANYWHERE.finditer(reply))
        if not actions:
            return no_move(reply, reply, _HELP)
        action = actions[0]
        thought = _thought(before(before(reply, action.start()), len(reply)))
        if len(actions) > 1:
            return Reading(thought, fault=Fault.BAD_FORMAT, detail="Choose one action in a round, not two.")
        argument = _closed(reply, action.end())
        if argument is None:
            return Reading(thought, fault=Fault.BAD_FORMAT, detail=_HELP)
        tool = action[1].lower()
        return Reading(thought, (ToolCall(name=tool, arguments={ARGUMENTS[tool]: argument}),))


def _thought(written: str) -> str:
    marker = _THOUGHT.match(written)
    return _MARKERS.unquote(written[marker.end() :] if marker else written)


def _closed(text: str, start: int) -> str | None:
    """What stands before the bracket that closes the one before `start`, on the same line."""
    depth = 1
    for mark in _BRACKETS.finditer(text, start):
        if mark[0] == "\n":
            return None
        depth += 1 if mark[0] == "[" else -1
        if depth == 0:
            return text[start : mark.start()]
    return None


def _parts(call: ToolCall) -> tuple[str, str]:
    """The tool's name and its one argument, if it can be written on a line between brackets."""
    match call.name, call.arguments:
        case ("search", {"keywords": str(argument), **rest}) | (
            "click",
            {"value": str(argument), **rest},
        ) if not rest:
            if _closed(f"{argument}]", 0) == argument:
                return call.name, argument
            raise ValueError(f"an argument is one line with its brackets in pairs, not {argument!r}")
    raise ValueError(
        f"the agentbench web_shop dialect writes search(keywords) and click(value), not {call}"
    )
