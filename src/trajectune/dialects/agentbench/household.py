"""The `agentbench` dialect of the household environment: an optional thought and a line with a command.

The grammar is the one of AgentBench's ALFWorld task as AgentTuning evaluated it (AgentBench.old):

    THOUGHT: <thought>          ACTION: <command>
     ACTION: <command>

The command is the rest of the line after `ACTION:`, in lower case; a reply without that marker is
taken whole as the command, as there. A second `ACTION:` is a fault here, where AgentBench silently
takes the first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from trajectune.dialects.contract import Reading
from trajectune.dialects.refusal import sounds_like_refusal
from trajectune.dialects.single import TextDialect
from trajectune.dialects.text import Markers, before, no_move, only_call
from trajectune.example import Span
from trajectune.trajectory import Fault, Step, Tool, ToolCall

_ANCHORED = re.compile(r"^[ \t]*ACTION:(.*)", re.MULTILINE | re.IGNORECASE)
_ANYWHERE = re.compile(r"ACTION:(.*)")
_THOUGHT = re.compile(r"\s*THOUGHT:[ ]?", re.IGNORECASE)
_MARKERS = Markers("ACTION:", re.IGNORECASE)

_FORMAT = """\
In each turn you may either think first or act at once.

To think first, write your plan and then your command, in exactly this form:
THOUGHT: what you think
 ACTION: your command

To act at once, write only:
ACTION: your command

Give one command in a turn. Its result is told to you before the next turn; a command that cannot be \
carried out changes nothing, so try another one then. Think when it helps, and otherwise act."""

_HELP = "No command could be read. Write a line like: ACTION: go to shelf 1"


class AgentBenchHousehold(TextDialect):
    """Tool `act(command)` as AgentBench's ALFWorld task writes it."""

    name: ClassVar[str] = "agentbench"
    acknowledgement = "OK. I understand the rules and will do my best to carry out the task."

    def instruct(self, instruction: str, tools: Sequence[Tool]) -> str:
        del tools  # the grammar has room for commands alone
        return f"{instruction}\n\n{_FORMAT}"

    def render(self, step: Step) -> list[Span]:
        thought, call = step.thought, only_call(step)
        command = _command_of(call)
        action = [Span.marker("ACTION: "), Span.arguments(command)]
        if not thought:
            return action
        return [
            Span.marker("THOUGHT: "),
            Span.thought(_MARKERS.quote(thought)),
            Span.marker("\n "),
            *action,
        ]

    def parse(self, reply: str) -> Reading:
        actions = list(_ANCHORED.finditer(reply)) or list(_ANYWHERE.finditer(reply))
        if not actions:
            return _read_whole(reply)
        written = before(reply, actions[0].start())
        marker = _THOUGHT.match(written)
        thought = _MARKERS.unquote(written[marker.end() :] if marker else written)
        if len(actions) > 1:
            return Reading(thought, fault=Fault.BAD_FORMAT, detail="Give one command in a turn, not two.")
        command = _normal(actions[0][1])
        if not command:
            return Reading(thought, fault=Fault.BAD_FORMAT, detail=_HELP)
        return Reading(thought, (ToolCall(name="act", arguments={"command": command}),))


def _normal(command: str) -> str:
    """A command as the environment reads it: the first line, in lower case."""
    return command.strip().split("\n", 1)[0].strip().lower()


def _command_of(call: ToolCall) -> str:
    match call.name, call.arguments:
        case "act", {"command": str(command), **rest} if not rest:
            if command and command == _normal(command):
                return command
            raise ValueError(f"a command is one line in lower case, not {command!r}")
    raise ValueError(f"the agentbench household dialect writes act(command), not {call}")


def _read_whole(reply: str) -> Reading:
    """A reply without a marker is the command itself, unless it declines or only thinks."""
    command = _normal(reply)
    if not command or _THOUGHT.match(reply) or sounds_like_refusal(reply):
        return no_move(reply, reply, _HELP)
    return Reading(calls=(ToolCall(name="act", arguments={"command": command}),))
