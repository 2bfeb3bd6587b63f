"""A trajectory of three moves in the database, for tests of how dialects and templates write one."""

from __future__ import annotations

from trajectune.trajectory import Action, Outcome, Step, Tool, ToolCall, Trajectory


def trajectory(thought: str) -> Trajectory:
    """Two statements and an answer, each with the same thought."""
    query = {"type": "object", "properties": {"query": {"type": "string", "description": "SQL."}}}
    answer = {"type": "object", "properties": {"values": {"type": "array", "description": "All."}}}
    tools = [
        Tool(name="sql", description="Run a statement.", parameters=query),
        Tool(name="answer", description="Answer.", parameters=answer),
    ]

    def step(number: int) -> Step:
        call = ToolCall(name="sql", arguments={"query": f"SELECT {number};"})
        return Step(thought=thought, actions=[Action(call=call, observation=f"[({number},)]")])

    last = ToolCall(name="answer", arguments={"values": ["2"]})
    return Trajectory(
        id="t",
        environment="database",
        task="t",
        instruction="Work on the database.",
        tools=tools,
        observation="How many?",
        steps=[step(1), step(2), Step(thought=thought, actions=[Action(call=last)])],
        reward=1.0,
        outcome=Outcome.COMPLETED,
    )
