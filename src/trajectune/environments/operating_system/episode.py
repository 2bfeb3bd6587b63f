"""One problem on one machine: three tools, and a reward when the agent answers or finishes.

Invariants: whatever a call holds, it is answered (a wrong one with a fault); after `answer_action` or
`finish_action`, and when the machine is gone, the episode is over and its reward stays what it was.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

from trajectune.environments.answers import bad_arguments, unknown_tool
from trajectune.environments.contract import Episode, StepResult
from trajectune.environments.operating_system.machine import judge
from trajectune.environments.operating_system.observation import observe
from trajectune.environments.operating_system.sandbox.box import Box, Output
from trajectune.environments.operating_system.sandbox.shell import unfit
from trajectune.environments.operating_system.tasks.facts import hold
from trajectune.environments.operating_system.tasks.matching import passes
from trajectune.environments.operating_system.tasks.problem import Problem
from trajectune.trajectory import Fault, Tool, ToolCall


def _tool(name: str, description: str, **texts: str) -> Tool:
    properties: dict[str, JsonValue] = {k: {"type": "string", "description": v} for k, v in texts.items()}
    schema: dict[str, JsonValue] = {"type": "object", "properties": properties, "required": list(texts)}
    return Tool(name=name, description=description, parameters=schema)


TOOLS = (
    _tool(
        "bash_action",
        "Run a bash script in the shell of the machine and see what it prints.",
        script="the script; the folder and the variables it leaves stay for the next one",
    ),
    _tool(
        "answer_action",
        "Give the answer to the question and end the task.",
        answer="the answer alone, such as a number",
    ),
    _tool("finish_action", "Say that the change that was asked for is made, and end the task."),
)
NOT_RUN = {126, 127}
"""Exit statuses of a shell that could not run a command at all."""


class OperatingSystemEpisode(Episode):
    """A problem being worked on."""

    def __init__(self, problem: Problem, box: Box) -> None:
        self.problem = problem
        self.box = box
        self._before: tuple[str, bytes] | None = None
        self._last: StepResult | None = None

    @property
    def observation(self) -> str:
        return self.problem.question

    def step(self, call: ToolCall) -> StepResult:
        if self._last is not None:
            return self._last
        if call.name == "bash_action":
            return self._bash(call.arguments)
        if call.name == "answer_action":
            return self._answer(call.arguments)
        if call.name == "finish_action":
            return self._commit(not self.problem.check and self._solved("None"))
        return unknown_tool(call, TOOLS)

    def close(self) -> None:
        self.box.close()

    def _bash(self, arguments: Mapping[str, JsonValue]) -> StepResult:
        script = arguments.get("script")
        if not isinstance(script, str) or not script.strip():
            return bad_arguments("bash_action needs `script`, a text with bash code.")
        if why := unfit(script):
            return bad_arguments(f"The script {why}.")
        output = self.box.run(script)
        observation = observe(output, self.box.limits)
        if output.gone:
            self._last = StepResult(observation, done=True, fault=Fault.BAD_ARGUMENTS)
            return self._last
        return StepResult(observation, fault=self._fault(script, output))

    def _fault(self, script: str, output: Output) -> Fault | None:
        repeated = self._before == (script, output.data)
        self._before = (script, output.data)
        if output.stopped or output.status in NOT_RUN:
            return Fault.BAD_ARGUMENTS
        return Fault.REPETITION if repeated else None

    def _answer(self, arguments: Mapping[str, JsonValue]) -> StepResult:
        answer = arguments.get("answer")
        if isinstance(answer, bool) or not isinstance(answer, str | int | float):
            return bad_arguments("answer_action needs `answer`, a text.")
        try:
            text = str(answer)
        except ValueError:  # Python writes no number of more than 4,300 digits
            return bad_arguments("A number as long as that cannot be read; give it as a text.")
        return self._commit(self._solved(text))

    def _solved(self, answer: str) -> bool:
        problem = self.problem
        if problem.check:
            return passes(problem.check, answer, problem.answer)
        if problem.scripts:
            return not unfit(answer) and judge(self.box, problem.scripts, answer)
        return bool(problem.facts) and hold(self.box, problem.facts)

    def _commit(self, solved: bool) -> StepResult:
        self._last = StepResult("", done=True, reward=float(solved))
        return self._last
