"""The `agentbench` dialect of the web navigation environment: a thought, a letter, an action, a value.

The grammar is the one of AgentBench's Mind2Web task as AgentTuning evaluated it (AgentBench.old), in which
AgentInstruct's `mind2web` split is written:

    Thought: <thought>        Thought: <thought>
    Answer: D.                Answer: A.
    Action: TYPE
    Value: <value>

The value is the rest of the line after `Value:`. Differences: a second `Answer:` is a fault here, where
AgentBench silently takes the first, and so is a reply without one, which is `A` there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from pydantic import JsonValue

from trajectune.dialects.contract import Reading
from trajectune.dialects.single import TextDialect
from trajectune.dialects.text import Markers, before, no_move, only_call
from trajectune.example import Span
from trajectune.trajectory import Fault, Step, Tool, ToolCall

_ANSWER = r"Answer:[ \t]*[A-F]\b"
_ANCHORED = re.compile(r"^[ \t]*Answer:[ \t]*([A-F])\b", re.MULTILINE)
_ANYWHERE = re.compile(r"Answer:[ \t]*([A-F])\b")
_ACTION = re.compile(r"Action:[ \t]*(CLICK|SELECT|TYPE)\b")
_VALUE = re.compile(r"^[ \t]*Value:(.*)", re.MULTILINE)
_THOUGHT = re.compile(r"\s*Thought:[ ]?")
_MARKERS = Markers(_ANSWER)

_FORMAT = """\
Reply with these lines and nothing else:
Thought: what you look for, and why
Answer: the letter of your choice and a full stop
Action: CLICK, SELECT or TYPE
Value: what to select or to type

Leave out Action and Value when none of the above is right, and Value after CLICK. An example:
Thought: The task names a city, and this is the field for it.
Answer: C.
Action: TYPE
Value: Lisbon"""

_HELP = "No answer could be read. Write lines like: Answer: B. and below it: Action: CLICK"


class AgentBenchWebNavigation(TextDialect):
    """Tool `choose(choice, action, value)` as AgentBench's Mind2Web task writes it."""

    name: ClassVar[str] = "agentbench"

    def instruct(self, instruction: str, tools: Sequence[Tool]) -> str:
        del tools  # the grammar has room for this one alone
        return f"{instruction}\n\n{_FORMAT}"

    def render(self, step: Step) -> list[Span]:
        thought, call = step.thought, only_call(step)
        spans = [Span.marker("Thought: "), Span.thought(_MARKERS.quote(thought)), Span.marker("\n")]
        return [*(spans if thought else []), *_render_call(call)]

    def parse(self, reply: str) -> Reading:
        answers = list(_ANCHORED.finditer(reply)) or list(_ANYWHERE.finditer(reply))
        if not answers:
            return no_move(reply, reply, _HELP)
        written = before(reply, answers[0].start())
        marker = _THOUGHT.match(written)
        thought = _MARKERS.unquote(written[marker.end() :] if marker else written)
        if len(answers) > 1:
            return Reading(thought, fault=Fault.BAD_FORMAT, detail="Give one answer in a turn, not two.")
        return Reading(thought, (_read_call(answers[0][1], reply[answers[0].end() :]),))


def _read_call(letter: str, rest: str) -> ToolCall:
    """The call of an answer. What is missing is left out: the environment says what is wrong with it."""
    arguments: dict[str, JsonValue] = {"choice": letter}
    if action := _ACTION.search(rest):
        arguments["action"] = action[1]
        value = _VALUE.search(rest, action.end())
        if value and (text := value[1].strip()):
            arguments["value"] = text
    return ToolCall(name="choose", arguments=arguments)


def _render_call(call: ToolCall) -> list[Span]:
    match call.name, call.arguments:
        case "choose", {"choice": str(letter), **rest} if re.fullmatch("[A-F]", letter):
            return [Span.marker("Answer: "), Span.arguments(letter), Span.marker("."), *_render_act(rest)]
    raise ValueError(
        f"the agentbench web navigation dialect writes choose(choice, action, value), not {call}"
    )


def _render_act(rest: dict[str, JsonValue]) -> list[Span]:
    match rest:
        case {**nothing} if not nothing:
            return []
        case {"action": "CLICK" | "SELECT" | "TYPE" as action, **more} if more.keys() <= {"value"}:
            spans = [Span.marker("\nAction: "), Span.arguments(action)]
            return spans + (_render_value(more["value"]) if more else [])
    raise ValueError(f"an action is CLICK, SELECT or TYPE, perhaps with a value, not {rest}")


def _render_value(value: JsonValue) -> list[Span]:
    if not isinstance(value, str) or not value or value != value.strip() or "\n" in value:
        raise ValueError(f"a value is one line of text without spaces around it, not {value!r}")
    return [Span.marker("\nValue: "), Span.arguments(value)]
