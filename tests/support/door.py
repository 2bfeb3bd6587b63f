"""A toy environment that keeps the contract, made of methods that a test can break one at a time."""

from __future__ import annotations

from trajectune.environments.check import check_environment
from trajectune.environments.contract import Environment, Episode, Expert, Move, StepResult, Task
from trajectune.trajectory import Fault, Tool, ToolCall


def iter_moves(*moves: Move) -> Expert:
    """An expert that makes these moves, whatever it sees."""
    yield from moves


class Door(Episode):
    """Opens with the word `open`."""

    def __init__(self, environment: DoorEnvironment) -> None:
        self.environment = environment

    @property
    def observation(self) -> str:
        return self.environment.greeting()

    def step(self, call: ToolCall) -> StepResult:
        return self.environment.answer(call)

    def reply(self, message: str) -> StepResult:
        return self.environment.hear(message)

    def close(self) -> None:
        self.environment.closed()


class DoorEnvironment(Environment):
    """A sound environment, whose methods the tests break one at a time."""

    name = "door"
    tools = (
        Tool(
            name="say",
            description="Say a word.",
            parameters={
                "type": "object",
                "properties": {"word": {"type": "string"}},
                "required": ["word"],
            },
        ),
    )

    def tasks(self, split):
        return [Task(f"{split}-{n}", split) for n in range(2)]

    def instruction(self, task: Task) -> str:
        del task
        return "Open the door."

    def open(self, task: Task, seed: int = 0) -> Episode:
        del task, seed
        return Door(self)

    def expert(self, task: Task, observation: str, seed: int = 0) -> Expert | None:
        del task, observation, seed
        return iter_moves(Move("The word is open.", ToolCall(name="say", arguments={"word": "open"})))

    def greeting(self) -> str:
        return "A door."

    def answer(self, call: ToolCall) -> StepResult:
        if call.name != "say" or not isinstance(call.arguments.get("word"), str):
            return StepResult("Say a word.", fault=Fault.BAD_ARGUMENTS)
        if call.arguments["word"] != "open":
            return StepResult("It stays shut.")
        return StepResult("It opens.", done=True, reward=1.0)

    def hear(self, message: str) -> StepResult:
        del message
        return StepResult("Nobody is there.", fault=Fault.BAD_FORMAT)

    def closed(self) -> None:
        pass


def rules(environment: Environment) -> set[str]:
    return {finding.rule for finding in check_environment(environment)}
