"""The agent that knows the answer: an environment's own expert, dressed as any other agent.

The idea: an expert is a generator of moves; one is kept for each open conversation and is sent what
its last move earned. Its moves travel as structure (`AgentReply.move`); the rollout writes them in its
dialect.

Invariants: an environment without any expert is the user's mistake and is raised; a single task without
one, and an expert that gets stuck, are that conversation's error alone.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from trajectune.agents.contract import Agent, AgentReply, Conversation
from trajectune.environments.contract import Environment, Expert, Move
from trajectune.errors import RecipeError


class ExpertAgent(Agent):
    """Plays the environment's expert. One worker: its moves cost nothing."""

    name = "expert"

    def __init__(self, environment: Environment) -> None:
        """Raises `RecipeError` for an environment that has no expert."""
        if type(environment).expert is Environment.expert:
            raise RecipeError(
                f"the environment {environment.name!r} has no expert",
                remedy="gather with an agent of kind `local` or `endpoint`",
            )
        self._environment = environment
        self._experts: dict[str, Expert] = {}
        self._lock = threading.Lock()

    def reply(self, conversations: Sequence[Conversation]) -> list[AgentReply]:
        return [self._reply(conversation) for conversation in conversations]

    def forget(self, conversation_id: str) -> None:
        with self._lock:
            expert = self._experts.pop(conversation_id, None)
        if expert is not None:
            expert.close()

    def close(self) -> None:
        for conversation_id in list(self._experts):
            self.forget(conversation_id)

    def _reply(self, conversation: Conversation) -> AgentReply:
        try:
            return AgentReply("", move=self._move(conversation))
        except StopIteration:
            return AgentReply("", finish="error", error="the expert has no further move")
        except Exception as error:
            return AgentReply("", finish="error", error=f"the expert broke: {error!r}")

    def _move(self, conversation: Conversation) -> Move:
        with self._lock:
            expert = self._experts.get(conversation.id)
        if expert is not None:
            return expert.send(conversation.observation)
        expert = self._environment.expert(conversation.task, conversation.observation, conversation.seed)
        if expert is None:
            raise LookupError("it knows no answer to this task")
        with self._lock:
            self._experts[conversation.id] = expert
        return next(expert)
