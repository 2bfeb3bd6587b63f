"""The `agentbench` dialect of the knowledge graph: a thought, and a call in round brackets.

The grammar is the one of AgentBench's KG task as AgentTuning evaluated it (AgentBench.old,
`knowledgegraph`), in which AgentInstruct's `kg` split is written:

    Thought: <thought>                              Thought: <thought>
    Action: get_neighbors(France, country.capital)  Final Answer: #2

What follows an `Observation:` of the model's own making is cut off, and an escaped underscore is a plain
one, as there.
Differences: a second action, and an action beside a final answer, are faults here, where AgentBench takes
one of them; an entity's name may hold commas and brackets, at which AgentBench's reading breaks.
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

ARGUMENTS = {
    "get_relations": ("variable",),
    "get_neighbors": ("variable", "relation"),
    "intersection": ("variable1", "variable2"),
    "get_attributes": ("variable",),
    "argmax": ("variable", "attribute"),
    "argmin": ("variable", "attribute"),
    "count": ("variable",),
}
"""The functions and their arguments, in order."""
_MARKER = r"Action:|(?:Final|Find) Answer:"
_ANCHORED = re.compile(rf"^[ \t]*({_MARKER})(.*)", re.MULTILINE)
_ANYWHERE = re.compile(rf"({_MARKER})(.*)")
_OBSERVATION = re.compile(r"^[ \t]*Observation:", re.MULTILINE)
_THOUGHT = re.compile(r"\s*Thought:[ ]?")
_CALL = re.compile(r"[ \t`]*(\w{1,40})[ \t]*\(")
_FINAL = re.compile(r"[ \t]*(?:[Vv]ariable )?(#\d+)")
_MARKERS = Markers(rf"{_MARKER}|Observation:")

_FORMAT = """\
The functions are:
get_relations(variable): the relations of an entity or a variable
get_neighbors(variable, relation): a variable of what the relation leads to
intersection(variable1, variable2): a variable of what both hold
get_attributes(variable): the numbers and dates of a variable's members
argmax(variable, attribute): a variable of the members with the largest value
argmin(variable, attribute): a variable of the members with the smallest value
count(variable): a variable that is the number of members

In each turn write a thought and one function, in exactly this form:
Thought: what you know and what to do next
Action: get_neighbors(#0, some.relation)

The result comes back to you after the word "Observation:"; never write it yourself. When a variable is \
the answer, write in place of the action:
Final Answer: #0"""

_HELP = (
    "No action could be read. Write one line like 'Action: get_relations(#0)', or 'Final Answer: #0' when "
    "#0 is the answer."
)


class AgentBenchKnowledgeGraph(TextDialect):
    """The seven functions, and `answer(variable)`, as AgentBench's KG task writes them."""

    name: ClassVar[str] = "agentbench"
    acknowledgement = "I have understood the rules. Please ask."
    stop = ("\nObservation:",)

    def instruct(self, instruction: str, tools: Sequence[Tool]) -> str:
        del tools  # the grammar has room for these functions alone, and names them itself
        return f"{instruction}\n\n{_FORMAT}"

    def render(self, step: Step) -> list[Span]:
        thought, call = step.thought, only_call(step)
        spans: list[Span] = []
        if thought:
            spans = [Span.marker("Thought: "), Span.thought(_MARKERS.quote(thought)), Span.marker("\n")]
        return spans + _rendered(call)

    def parse(self, reply: str) -> Reading:
        invented = _OBSERVATION.search(reply)
        text = reply[: invented.start()] if invented else reply
        moves = list(_ANCHORED.finditer(text)) or list(_ANYWHERE.finditer(text))
        if not moves:
            return no_move(reply, _thought(text), _HELP)
        thought = _thought(before(text, moves[0].start()))
        if len(moves) > 1:
            return Reading(thought, fault=Fault.BAD_FORMAT, detail="Choose one action in a turn, not two.")
        marker, rest = moves[0][1], moves[0][2]
        call = function_call(rest) if marker == "Action:" else _final(rest)
        if call is None:
            return Reading(thought, fault=Fault.BAD_FORMAT, detail=_HELP)
        return Reading(thought, (call,))

    def observe(self, observation: str) -> str:
        return f"Observation: {observation}"


def _rendered(call: ToolCall) -> list[Span]:
    values = list(call.arguments.values())
    if call.name == "answer" and list(call.arguments) == ["variable"]:
        (variable,) = values
        if isinstance(variable, str) and _FINAL.fullmatch(variable) and variable.startswith("#"):
            return [Span.tool("Final Answer:"), Span.marker(" "), Span.arguments(variable)]
    if tuple(call.arguments) == ARGUMENTS.get(call.name) and all(isinstance(each, str) for each in values):
        texts = [str(each) for each in values]
        written = f"{call.name}({', '.join(texts)})"
        if function_call(written) == call:
            return [
                Span.marker("Action: "),
                Span.tool(call.name),
                Span.marker("("),
                Span.arguments(", ".join(texts)),
                Span.marker(")"),
            ]
    raise ValueError(
        "the agentbench knowledge graph dialect writes its seven functions with texts on one line, and "
        f"answer(variable: a number like #0), not {call}"
    )


def function_call(line: str) -> ToolCall | None:
    """The call that a line holds; an unknown function is left for the environment to refuse."""
    found, end = _CALL.match(line), line.rfind(")")
    if found is None or end < found.end() or "\n" in line:
        return None
    name, inside = found[1], line[found.end() : end].replace("\\_", "_")
    names = ARGUMENTS.get(name, ("variable",))
    # The last argument of two never holds a comma; an entity's name, in front, may.
    parts = [inside] if len(names) == 1 else inside.rsplit(",", 1)
    arguments: dict[str, JsonValue] = {key: part.strip() for key, part in zip(names, parts, strict=False)}
    return ToolCall(name=name, arguments=arguments)


def _final(line: str) -> ToolCall | None:
    found = _FINAL.match(line)
    return ToolCall(name="answer", arguments={"variable": found[1]}) if found else None


def _thought(text: str) -> str:
    marker = _THOUGHT.match(text)
    return _MARKERS.unquote(text[marker.end() :] if marker else text)
