"""Faults of calls: tools that are not there, arguments that do not fit, answers that nobody asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from trajectune.curate.lint.finding import DataFault, Finding, found
from trajectune.curate.lint.forms import announced, count_acts
from trajectune.curate.lint.schemas import shortcoming
from trajectune.curate.lint.transcript import NATIVE, Transcript, Turn
from trajectune.dialects.agentbench.knowledge_graph import ARGUMENTS
from trajectune.trajectory import ToolCall

ACTIONS = ("CLICK", "SELECT", "TYPE")
"""What AgentBench's web navigation can do."""
_ACTION = re.compile(r"^[ \t]*Action:[ \t]*(\w+)", re.MULTILINE)

_INPUT = re.compile(r"Action Input:[ \t]*|\"arguments\":[ \t]*")


def calls(row: Transcript) -> Iterator[Finding]:
    """Calls of tools that were not offered, and arguments that break a schema."""
    if not row.form:
        return
    for turn in row.agent:
        if not turn.trained:
            continue
        if row.is_text and turn.form != row.form:
            yield from _unread(row, turn) if row.acts else _unread_input(row, turn)
            continue
        for call in turn.calls:
            yield from _judge(row, turn, call)


def orphans(row: Transcript) -> Iterator[Finding]:
    """Answers of tools without a call."""
    if row.outcome is not None or not row.form:
        return
    yield from _native_orphans(row) if row.form == NATIVE else _text_orphans(row)


def _unread(row: Transcript, turn: Turn) -> Iterator[Finding]:
    """An act that a closed grammar does not have, or has and cannot read."""
    word = announced(turn.text)
    if word is None:
        return
    name, start, end = word
    if name.lower() not in row.acts:
        why = f"{name} is not one of {', '.join(sorted(row.acts))}"
        yield found(DataFault.UNKNOWN_TOOL, turn.place, why, turn.text, start, end)
    elif count_acts(turn.text) == 1 and turn is not row.agent[-1]:
        why = f"{name} without what it needs"
        yield found(DataFault.BAD_ARGUMENTS, turn.place, why, turn.text, start)


def _unread_input(row: Transcript, turn: Turn) -> Iterator[Finding]:
    """A call whose arguments should be JSON and are none."""
    mark = _INPUT.search(turn.text)
    if row.form in ("react", "json") and mark is not None:
        why = "the arguments cannot be read as a JSON object"
        yield found(DataFault.BAD_ARGUMENTS, turn.place, why, turn.text, mark.end())


def _judge(row: Transcript, turn: Turn, call: ToolCall) -> Iterator[Finding]:
    if row.form == "knowledge_graph":
        yield from _judge_function(turn, call)
    elif row.form == "web_navigation":
        yield from _judge_choice(turn)
    elif row.tools is not None and call.name and call.name not in row.tools:
        offered = ", ".join(list(row.tools)[:6])
        place = _place(turn, call.name)
        why = f"{call.name} is not offered; there are {offered}"
        yield found(DataFault.UNKNOWN_TOOL, turn.place, why, *place)
    elif row.tools is not None and call.name and (wrong := shortcoming(row.tools[call.name], call)):
        why = f"{call.name}: {wrong[:160]}"
        yield found(DataFault.BAD_ARGUMENTS, turn.place, why, *_place(turn, call.name))


def _place(turn: Turn, name: str) -> tuple[str, int, int]:
    """Where a call stands: at its name in the text; the call itself where it is not text."""
    start = turn.text.find(name) if name else -1
    if start < 0 or (turn.calls and turn.thought == turn.text):
        shown = next((f"{c.name} {c.arguments}" for c in turn.calls if c.name == name), name)
        return shown, 0, len(shown)
    return turn.text, start, len(turn.text)


def _judge_function(turn: Turn, call: ToolCall) -> Iterator[Finding]:
    names = ARGUMENTS.get(call.name)
    empty = [key for key, value in call.arguments.items() if not value]
    if names is not None and (len(call.arguments) != len(names) or empty):
        why = f"{call.name} takes {', '.join(names)}"
        yield found(DataFault.BAD_ARGUMENTS, turn.place, why, *_place(turn, f"{call.name}("))


def _judge_choice(turn: Turn) -> Iterator[Finding]:
    action = _ACTION.search(turn.text)
    if action is None:
        return
    if action[1] not in ACTIONS:
        why = f"{action[1]} is not one of {', '.join(ACTIONS)}"
        yield found(DataFault.BAD_ARGUMENTS, turn.place, why, turn.text, action.start(1), action.end(1))
    elif action[1] != "CLICK" and not any("value" in call.arguments for call in turn.calls):
        why = f"{action[1]} without a value"
        yield found(DataFault.BAD_ARGUMENTS, turn.place, why, turn.text, action.start())


def _native_orphans(row: Transcript) -> Iterator[Finding]:
    """Tool messages that no call before them waits for."""
    waiting: list[str] = []
    for turn in row.turns:
        if turn.is_agent:
            waiting = [call.id for call in turn.calls]
        elif turn.role == "tool":
            if not waiting:
                yield found(DataFault.ANSWER_WITHOUT_CALL, turn.place, "no call waits for it", turn.text)
            elif turn.answers and all(waiting) and turn.answers not in waiting:
                why = f"it answers {turn.answers!a}, which nobody called"
                yield found(DataFault.ANSWER_WITHOUT_CALL, turn.place, why, turn.text)
            else:
                waiting.remove(turn.answers) if turn.answers in waiting else waiting.pop(0)


def _text_orphans(row: Transcript) -> Iterator[Finding]:
    """A second turn of the user in a row, once the agent has begun to act: the call before it is gone."""
    has_acted = False
    before: Turn | None = None
    for turn in row.turns:
        if turn.role == "user" and before is not None and before.role == "user" and has_acted:
            why = "two answers in a row: the call between them is missing"
            yield found(DataFault.ANSWER_WITHOUT_CALL, turn.place, why, turn.text)
        has_acted = has_acted or bool(turn.calls)
        before = turn
