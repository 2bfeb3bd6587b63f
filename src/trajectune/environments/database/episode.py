"""One episode: a database of its own, two tools, and a reward when the agent answers.

Invariants: whatever a call holds, it is answered (a wrong one with a fault); after `answer` the
episode is over and its reward stays what it was.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

from trajectune.environments.answers import bad_arguments, unknown_tool
from trajectune.environments.contract import Episode, StepResult
from trajectune.environments.database.engine.problem import Problem
from trajectune.environments.database.engine.scoring import answers_match
from trajectune.environments.database.engine.store import Store
from trajectune.trajectory import Fault, Tool, ToolCall

TOOLS = (
    Tool(
        name="sql",
        description="Run one SQL statement and see its output.",
        parameters={
            "type": "object",
            "properties": {"query": {"type": "string", "description": "the statement, in one line"}},
            "required": ["query"],
        },
    ),
    Tool(
        name="answer",
        description="Commit the final answer and end the task.",
        parameters={
            "type": "object",
            "properties": {
                "values": {
                    "type": "array",
                    "items": {"type": "string"},
                    "description": "the answer's values",
                }
            },
            "required": ["values"],
        },
    ),
)


class DatabaseEpisode(Episode):
    """A problem being worked on, in the database that was made for it."""

    def __init__(self, problem: Problem, store: Store) -> None:
        self.problem = problem
        self.store = store
        self._seen: set[tuple[str, int]] = set()
        self._last: StepResult | None = None

    @property
    def observation(self) -> str:
        return self.problem.question

    def step(self, call: ToolCall) -> StepResult:
        if self._last is not None:
            return self._last
        if call.name == "sql":
            return self._sql(call.arguments)
        if call.name == "answer":
            return self._answer(call.arguments)
        return unknown_tool(call, TOOLS)

    def close(self) -> None:
        self.store.close()

    def _sql(self, arguments: Mapping[str, JsonValue]) -> StepResult:
        query = arguments.get("query")
        if not isinstance(query, str) or not query.strip():
            return bad_arguments("sql needs `query`, a text with one SQL statement.")
        state = (query.strip(), self.store.changes)
        repeated = state in self._seen
        self._seen.add(state)
        answer = self.store.run(query)
        if repeated:
            return StepResult(answer.text, fault=Fault.REPETITION)
        return bad_arguments(answer.text) if answer.failed else StepResult(answer.text)

    def _answer(self, arguments: Mapping[str, JsonValue]) -> StepResult:
        values = arguments.get("values")
        if not isinstance(values, list) or any(isinstance(v, list | dict) for v in values):
            return bad_arguments("answer needs `values`, a list of texts.")
        try:
            texts = ["none" if value is None else str(value) for value in values]
        except ValueError:  # Python writes no number of more than 4,300 digits
            return bad_arguments("A number in `values` is too long; give it as a text.")
        self._last = StepResult("", done=True, reward=float(self._right(texts)))
        return self._last

    def _right(self, values: list[str]) -> bool:
        if self.problem.answers is not None:
            return answers_match(values, self.problem.answers)
        return self.store.is_right()
