"""Rows to lint, in few words."""

from __future__ import annotations

from typing import Any

from trajectune.curate.lint.finding import DataFault, Finding
from trajectune.curate.lint.lint import lint_example, lint_trajectory
from trajectune.example import Example, Message
from trajectune.trajectory import Action, Outcome, Step, Tool, ToolCall, Trajectory

SHOWN: dict[str, Any] = {"type": "object", "properties": {"of": {"type": "string"}}, "required": ["of"]}
LOOK = Tool(name="look", parameters=SHOWN)
ANSWER = Tool(name="answer", parameters={"type": "object"})


def talk(*turns: tuple[str, str] | Message, tools: list[Tool] | None = None, **metadata: Any) -> Example:
    """A conversation of `(role, words)`; all of the agent's turns are trained."""
    messages = [
        turn
        if isinstance(turn, Message)
        else Message(role=turn[0], content=turn[1], trained=turn[0] == "assistant")  # type: ignore[arg-type]
        for turn in turns
    ]
    return Example(id="row", messages=messages, tools=tools or [], metadata=metadata)


def calling(name: str = "look", id: str = "c1", words: str = "I look.", **arguments: Any) -> Message:
    """A turn with a native call."""
    call = ToolCall(name=name, arguments=arguments, id=id)
    return Message(role="assistant", content=words, trained=True, tool_calls=[call])


def answering(words: str = "seen", id: str = "c1") -> Message:
    """The answer of a tool."""
    return Message(role="tool", content=words, tool_call_id=id)


def acted(*steps: Step, outcome: Outcome = Outcome.COMPLETED, reward: float | None = 1.0) -> Trajectory:
    """An episode with the tools `look` and `answer`."""
    return Trajectory(
        id="t",
        environment="e",
        task="1",
        instruction="Act.",
        tools=[LOOK, ANSWER],
        observation="What is it?",
        steps=list(steps),
        reward=reward,
        outcome=outcome,
    )


def did(name: str = "look", observation: str = "seen", **arguments: Any) -> Step:
    """A step of one call."""
    call = ToolCall(name=name, arguments=arguments)
    return Step(thought="I act.", actions=[Action(call=call, observation=observation)])


def faults(row: Example | Trajectory) -> list[tuple[str, int]]:
    """The names of what is found, each with its turn."""
    return [(finding.fault.value, finding.turn) for finding in findings(row)]


def findings(row: Example | Trajectory) -> list[Finding]:
    """All that is found."""
    return lint_trajectory(row) if isinstance(row, Trajectory) else lint_example(row)


def only(row: Example | Trajectory, fault: DataFault) -> Finding:
    """The one finding, which is of this fault."""
    (finding,) = findings(row)
    assert finding.fault is fault
    return finding
