"""The `agentbench` dialect of the database environment: SQL in a fence, answers as a list.

The grammar is the one of AgentBench's DB task as AgentTuning evaluated it (AgentBench.old,
`dbbench`), in which AgentInstruct's `db` split is written:

    <thought>                          <thought>
    Action: Operation                  Action: Answer
    ```sql                             Final Answer: ["A", "B"]
    SELECT 1
    ```

Differences, all in what is refused: only the first SQL block is executed, as there, but a second
`Action:` is a fault here, where AgentBench silently takes the first; an answer is read as JSON or as a
plain list and never evaluated as Python.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from trajectune.dialects.contract import Reading
from trajectune.dialects.single import TextDialect
from trajectune.dialects.text import Markers, before, dump_json, load_json, no_move, only_call
from trajectune.example import Span
from trajectune.trajectory import Fault, Step, Tool, ToolCall

_ACTION = r"Action:[ \t]*(?:Operation|Answer)\b"
_ANCHORED = re.compile(r"^[ \t]*Action:[ \t]*(Operation|Answer)\b", re.MULTILINE)
_ANYWHERE = re.compile(r"Action:[ \t]*(Operation|Answer)\b")
_FENCE = re.compile(r"^[ \t]*```sql[ \t\r]*\n", re.MULTILINE | re.IGNORECASE)
_FENCE_END = re.compile(r"\n[ \t]*```")
_FINAL = re.compile(r"^[ \t]*Final Answer:[ \t]*(.*)", re.MULTILINE)
_ITEM = re.compile(r"""\s*(?:'([^'\n]*)'|"([^"\n]*)"|([^,'"\n]+))\s*(?:,|$)""")
_IN_THOUGHT = Markers(_ACTION)
_IN_QUERY = Markers(rf"```|{_ACTION}")

_FORMAT = """\
Work in rounds. In each round, first write down what you think about the question, then choose one of \
two actions.

To run a statement, end the round with these lines:
Action: Operation
```sql
SELECT * FROM table WHERE condition;
```
The statement stands on one line in a sql code block, without comments. Only the first block of a round \
is run, and its raw output comes back to you.

To commit your result when you are sure of it, end the round with these lines:
Action: Answer
Final Answer: ["first value", "second value"]
The list must hold exactly the values that were asked for. After a change of the database any list will do.

A round that has neither form is counted as a mistake."""

_HELP = (
    "No action could be read. End with 'Action: Operation' and one sql code block, or with "
    "'Action: Answer' and a line like: Final Answer: [\"value\"]"
)


class AgentBenchDatabase(TextDialect):
    """Tools `sql(query)` and `answer(values)` as AgentBench's DB task writes them."""

    name: ClassVar[str] = "agentbench"
    acknowledgement = "Ok."

    def instruct(self, instruction: str, tools: Sequence[Tool]) -> str:
        del tools  # the grammar has room for these two alone, and names them itself
        return f"{instruction}\n\n{_FORMAT}"

    def render(self, step: Step) -> list[Span]:
        thought, call = step.thought, only_call(step)
        spans = [Span.thought(_IN_THOUGHT.quote(thought))] if thought else []
        marker = "\nAction: " if thought else "Action: "
        spans.append(Span.marker(marker))
        return spans + _render_call(call)

    def parse(self, reply: str) -> Reading:
        actions = list(_ANCHORED.finditer(reply)) or list(_ANYWHERE.finditer(reply))
        if not actions:
            return no_move(reply, reply, _HELP)
        action = actions[0]
        thought = _IN_THOUGHT.unquote(before(reply, action.start()))
        if len(actions) > 1:
            return Reading(thought, fault=Fault.BAD_FORMAT, detail="Choose one action in a round, not two.")
        rest = reply[action.end() :]
        call = _read_query(rest) if action[1] == "Operation" else _read_answer(rest)
        if call is None:
            return Reading(thought, fault=Fault.BAD_FORMAT, detail=_HELP)
        return Reading(thought, (call,))


def _render_call(call: ToolCall) -> list[Span]:
    match call.name, call.arguments:
        case "sql", {"query": str(query), **rest} if not rest:
            return [
                Span.tool("Operation"),
                Span.marker("\n```sql\n"),
                Span.arguments(_IN_QUERY.quote(query)),
                Span.marker("\n```"),
            ]
        case "answer", {"values": list(values), **rest} if not rest and _all_strings(values):
            return [
                Span.tool("Answer"),
                Span.marker("\nFinal Answer: "),
                Span.arguments(dump_json(values)),
            ]
    raise ValueError(
        f"the agentbench database dialect writes sql(query) and answer(values: strings), not {call}"
    )


def _all_strings(values: Sequence[object]) -> bool:
    return all(isinstance(value, str) for value in values)


def _read_query(text: str) -> ToolCall | None:
    start = _FENCE.search(text)
    # The end is looked for from the line break that closes the opening line: the block may be empty.
    end = start and _FENCE_END.search(text, start.end() - 1)
    if start is None or end is None:
        return None
    return ToolCall(name="sql", arguments={"query": _IN_QUERY.unquote(text[start.end() : end.start()])})


def _read_answer(text: str) -> ToolCall | None:
    final = _FINAL.search(text)
    written = final[1].strip() if final else ""
    values = _read_values(written) if written else None
    if values is None:
        return None
    return ToolCall(name="answer", arguments={"values": list(values)})


def _read_values(written: str) -> list[str] | None:
    """The values of a final answer: a JSON list, a Python-like list, or one bare value."""
    if not written.startswith("["):
        return [written]
    try:
        items = load_json(written)
    except ValueError:
        return _read_loose_list(written)
    if not isinstance(items, list):
        return None
    return [item if isinstance(item, str) else dump_json(item) for item in items]


def _read_loose_list(written: str) -> list[str] | None:
    """A list in single quotes or without any, such as `['O''Hara', 3, None]`; `None` if unclosed."""
    if not written.endswith("]"):
        return None
    inner, values, position = written[1:-1], [], 0
    while position < len(inner):
        item = _ITEM.match(inner, position)
        if item is None:
            return None
        values.append(next(group for group in item.groups() if group is not None).strip())
        position = item.end()
    return values
