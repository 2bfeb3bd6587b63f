"""The `react` dialect: Thought, Action, Action Input, for any environment (Yao et al. 2023).

    Thought: <thought>                 Thought: <thought>
    Action: <tool>                     Final Answer: <arguments of the tool `answer`>
    Action Input: <JSON object>

`Final Answer:` is how a call of the tool named `answer` is written, if the environment has one. It holds
the call's arguments as a JSON object; a call with the single argument `values` is written as the bare
list, and plain text is read as a list of one. Whatever follows an `Observation:` of the model's own
making is cut off.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

from trajectune.dialects.contract import Reading
from trajectune.dialects.single import TextDialect
from trajectune.dialects.text import (
    Markers,
    before,
    describe_tool,
    dump_json,
    load_json,
    no_move,
    only_call,
    unfenced,
)
from trajectune.example import Span
from trajectune.trajectory import Fault, Step, Tool, ToolCall

_ACTION = re.compile(r"^[ \t]*(?:Action:[ \t]*(.*)|Final Answer:)", re.MULTILINE)
_INPUT = re.compile(r"\s*Action Input:")
_OBSERVATION = re.compile(r"^[ \t]*Observation:", re.MULTILINE)
_THOUGHT = re.compile(r"\s*Thought:[ ]?")
_MARKERS = Markers(r"Action:|Action Input:|Final Answer:|Observation:")
_TOOL_NAME = re.compile(r"[^\s`]+")

_FORMAT = """\
Answer in each turn with a thought and one action, in exactly this form:
Thought: what you know and what to do next
Action: the name of one tool
Action Input: its arguments as a JSON object

The result comes back to you after the word "Observation:"; never write it yourself."""

_HELP = (
    "No action could be read. Write one line 'Action:' with the name of a tool and one line "
    "'Action Input:' with its arguments as a JSON object."
)


class ReAct(TextDialect):
    """Any tools, one call in a turn."""

    name: ClassVar[str] = "react"
    stop = ("\nObservation:",)

    def instruct(self, instruction: str, tools: Sequence[Tool]) -> str:
        listed = "\n".join(describe_tool(tool) for tool in tools)
        parts = [instruction, f"Tools:\n{listed}", _FORMAT]
        parts += [_describe_final(tool) for tool in tools if tool.name == "answer"]
        return "\n\n".join(parts)

    def render(self, step: Step) -> list[Span]:
        thought, call = step.thought, only_call(step)
        spans: list[Span] = []
        if thought:
            spans = [
                Span.marker("Thought: "),
                Span.thought(_MARKERS.quote(thought)),
                Span.marker("\n"),
            ]
        return spans + (_render_final(call) if call.name == "answer" else _render_call(call))

    def parse(self, reply: str) -> Reading:
        first = _ACTION.search(reply)
        if first is None:
            return no_move(reply, _thought(reply), _HELP)
        invented = _OBSERVATION.search(reply, first.end())
        text = reply[: invented.start()] if invented else reply
        thought = _thought(before(reply, first.start()))
        if _ACTION.search(text, first.end()):
            return Reading(thought, fault=Fault.BAD_FORMAT, detail="Give one action in a turn, not two.")
        call, detail = _read_call(first[1], text[first.end() :])
        if call is None:
            return Reading(thought, fault=Fault.BAD_FORMAT, detail=detail)
        return Reading(thought, (call,))

    def observe(self, observation: str) -> str:
        return f"Observation: {observation}"

    def announce(self, tools: Sequence[Tool]) -> str:
        return "New tools:\n" + "\n".join(describe_tool(tool) for tool in tools)


def _describe_final(tool: Tool) -> str:
    properties = tool.parameters.get("properties")
    names = list(properties) if isinstance(properties, dict) else []
    form = '["first value", "second value"]' if names == ["values"] else "its arguments as a JSON object"
    return f"To call the tool answer, write in place of the two action lines:\nFinal Answer: {form}"


def _render_call(call: ToolCall) -> list[Span]:
    if not _TOOL_NAME.fullmatch(call.name):
        raise ValueError(f"react cannot write a tool name with blanks or back-ticks: {call.name!r}")
    return [
        Span.marker("Action: "),
        Span.tool(call.name),
        Span.marker("\nAction Input: "),
        Span.arguments(dump_json(call.arguments)),
    ]


def _render_final(call: ToolCall) -> list[Span]:
    bare = list(call.arguments) == ["values"] and isinstance(call.arguments["values"], list)
    written = call.arguments["values"] if bare else call.arguments
    return [
        Span.tool("Final Answer:"),
        Span.marker(" "),
        Span.arguments(dump_json(written)),
    ]


def _thought(text: str) -> str:
    marker = _THOUGHT.match(text)
    return _MARKERS.unquote(text[marker.end() :] if marker else text)


def _read_call(name: str | None, rest: str) -> tuple[ToolCall | None, str]:
    """The call and, where there is none, what to tell the agent. `name` is `None` for a final answer."""
    if name is None:
        return _read_final(rest.strip())
    name = name.strip().strip("`").strip()
    written = _INPUT.match(rest)
    if not name or written is None:
        return None, _HELP
    try:
        arguments = load_json(unfenced(rest[written.end() :]))
    except ValueError as error:
        return None, f"The action input is not JSON ({error}). Write a JSON object on one line."
    if not isinstance(arguments, dict):
        return None, "The action input must be a JSON object with the tool's arguments."
    return ToolCall(name=name, arguments=arguments), ""


def _read_final(written: str) -> tuple[ToolCall | None, str]:
    if not written:
        return None, "The final answer is empty."
    value: Any = [written]
    if written[0] in "[{":
        try:
            value = load_json(written)
        except ValueError as error:
            return None, f"The final answer is not JSON ({error})."
    return ToolCall(name="answer", arguments=value if isinstance(value, dict) else {"values": value}), ""
