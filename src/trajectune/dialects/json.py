"""The `json` dialect: each reply is one JSON object, for any environment.

    {"thought": …, "calls": [{"name": …, "arguments": {…}}, …]}      {"thought": …, "message": …}

Several calls may be made at once, and `message` speaks to the user in place of a call. What comes back is
one observation for each call, in their order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from trajectune.dialects.contract import Reading
from trajectune.dialects.single import TextDialect
from trajectune.dialects.text import describe_tool, dump_json, load_json, no_move, unfenced
from trajectune.example import Span
from trajectune.trajectory import Fault, Step, Tool, ToolCall

_FORMAT = """\
Answer in each turn with one JSON object and nothing else. To call tools:
{"thought": "what you know and what to do next", "calls": [{"name": "a tool", "arguments": {}}]}
To speak to the user without calling a tool:
{"thought": "why you do so", "message": "what you say"}
Several calls may stand in the list; each of them gets its observation."""

_HELP = 'Write one JSON object: {"thought": "…", "calls": [{"name": "…", "arguments": {…}}]}'


class Json(TextDialect):
    """Any tools, several calls in a turn, and words to the user."""

    name: ClassVar[str] = "json"

    def instruct(self, instruction: str, tools: Sequence[Tool]) -> str:
        listed = "\n".join(describe_tool(tool) for tool in tools)
        return "\n\n".join([instruction, f"Tools:\n{listed}", _FORMAT])

    def announce(self, tools: Sequence[Tool]) -> str:
        return "New tools:\n" + "\n".join(describe_tool(tool) for tool in tools)

    def render(self, step: Step) -> list[Span]:
        _check(step)
        spans = [Span.marker('{"thought": "'), Span.thought(_inner(step.thought))]
        if step.message is not None:
            spans += [
                Span.marker('", "message": "'),
                Span.arguments(_inner(step.message)),
                Span.marker('"}'),
            ]
        else:
            spans += [Span.marker('", "calls": ['), *_calls(step.calls), Span.marker("]}")]
        return [span for span in spans if span.text]

    def parse(self, reply: str) -> Reading:
        try:
            value = load_json(unfenced(reply))
        except ValueError as error:
            return no_move(reply, reply, f"The reply is not JSON ({error}). {_HELP}")
        move = _read_move(value) if isinstance(value, dict) else None
        return move or Reading(fault=Fault.BAD_FORMAT, detail=_HELP)


def _check(step: Step) -> None:
    """Raise `ValueError` for what could not be read back."""
    if not step.actions and step.message is None:
        raise ValueError("a step without a call and without words to the user")
    if not all(call.name for call in step.calls):
        raise ValueError("a call of a tool without a name")
    calls = [{"name": call.name, "arguments": call.arguments} for call in step.calls]
    dump_json({"thought": step.thought, "calls": calls, "message": step.message})


def _inner(text: str) -> str:
    """A text as it stands between the quotes of a JSON string."""
    return dump_json(text)[1:-1]


def _calls(calls: Sequence[ToolCall]) -> Iterator[Span]:
    for index, call in enumerate(calls):
        yield Span.marker(', {"name": "' if index else '{"name": "')
        yield Span.tool(_inner(call.name))
        yield Span.marker('", "arguments": ')
        yield Span.arguments(dump_json(call.arguments))
        yield Span.marker("}")


def _read_move(value: dict[str, Any]) -> Reading | None:
    """The move in an object; `None` unless it holds calls or a message, and not both."""
    thought, calls, message = value.get("thought", ""), value.get("calls"), value.get("message")
    if not isinstance(thought, str) or (calls is None) == (message is None):
        return None
    if calls is None:
        return Reading(thought, message=message) if isinstance(message, str) else None
    if not isinstance(calls, list) or not calls:
        return None
    read = [_read_call(call) for call in calls]
    found = tuple(call for call in read if call is not None)
    return Reading(thought, found) if len(found) == len(read) else None


def _read_call(value: object) -> ToolCall | None:
    if not isinstance(value, dict):
        return None
    name, arguments = value.get("name"), value.get("arguments", {})
    if not (isinstance(name, str) and name and isinstance(arguments, dict)):
        return None
    return ToolCall(name=name, arguments=arguments)
