"""The expert as an agent: one generator a conversation, told what an agent is told."""

from __future__ import annotations

import pytest

from support.guess import Guess
from trajectune.agents.contract import Conversation
from trajectune.agents.expert import ExpertAgent
from trajectune.environments.contract import Environment, Expert, Move, Task
from trajectune.errors import RecipeError
from trajectune.example import Message
from trajectune.trajectory import ToolCall


class Told(Guess):
    """Its expert writes down all that it is told."""

    def __init__(self) -> None:
        super().__init__(4)
        self.told: list[str] = []
        self.closed = 0

    def expert(self, task: Task, observation: str, seed: int = 0) -> Expert | None:
        return None if task.data["n"] == 3 else self._moves(f"{task.id} {seed}: {observation}")

    def _moves(self, seen: str) -> Expert:
        try:
            for number in range(2):
                self.told.append(seen)
                seen = yield Move(f"move {number}", ToolCall(name="guess", arguments={"number": number}))
        finally:
            self.closed += 1


def conversation(task: Task, observation: str, seed: int = 0) -> Conversation:
    talk = [Message(role="user", content=f"dressed: {observation}")]
    return Conversation(f"c/{task.id}", talk, task, observation=observation, seed=seed)


def test_it_is_told_the_first_observation_and_then_what_its_moves_earn() -> None:
    environment = Told()
    agent, task = ExpertAgent(environment), environment.tasks("train")[0]
    first = agent.reply([conversation(task, "Guess.", seed=7)])[0]
    second = agent.reply([conversation(task, "higher", seed=7)])[0]
    assert environment.told == ["train-0 7: Guess.", "higher"]
    assert first.move is not None
    assert (first.text, first.move.thought, first.finish) == ("", "move 0", "stop")
    assert second.move is not None
    assert [call.arguments for call in second.move.calls] == [{"number": 1}]
    assert environment.opened == [], "the episode is the rollout's to open"


def test_conversations_have_experts_of_their_own_and_are_forgotten() -> None:
    environment = Told()
    agent = ExpertAgent(environment)
    one, two = environment.tasks("train")[:2]
    replies = agent.reply([conversation(one, "A."), conversation(two, "B.")])
    assert [reply.move.thought for reply in replies if reply.move] == ["move 0", "move 0"]
    agent.forget(f"c/{one.id}")
    agent.forget("unknown")
    assert environment.closed == 1
    again = agent.reply([conversation(one, "A.")])[0]
    assert again.move is not None
    assert again.move.thought == "move 0"
    agent.close()
    agent.close()
    assert environment.closed == 3


def test_what_goes_wrong_is_that_conversations_error() -> None:
    environment = Told()
    agent = ExpertAgent(environment)
    task, unknown = environment.tasks("train")[0], environment.tasks("train")[3]
    good = None
    for seen in "abc":
        good, bad = agent.reply([conversation(task, seen), conversation(unknown, seen)])
        assert (bad.finish, bad.move) == ("error", None)
        assert "knows no answer" in bad.error
    assert good is not None
    assert (good.finish, good.error) == ("error", "the expert has no further move")


def test_an_environment_without_an_expert_is_the_users_mistake() -> None:
    class NoExpert(Guess):
        expert = Environment.expert

    with pytest.raises(RecipeError, match="'guess' has no expert"):
        ExpertAgent(NoExpert())
