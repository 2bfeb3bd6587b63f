"""A model asked to write: prompts in, texts out, through any agent.

The idea: an agent takes conversations, and says how many at once it likes; here each has one message and
belongs to no episode. What the model writes depends on the prompt and its number alone.

Invariants: replies come in the order of the prompts; a request that the infrastructure failed is told apart
from one that was answered badly; no state of a conversation stays with the agent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from trajectune.agents.contract import Agent, AgentReply, Conversation
from trajectune.environments.contract import Task
from trajectune.example import Message


class Teacher:
    """`Teacher(agent).ask({0: "Write a task."})`."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    @property
    def name(self) -> str:
        """The model's name."""
        return self._agent.name

    @property
    def width(self) -> int:
        """Prompts that it likes to be given at once."""
        return max(self._agent.batch_size, self._agent.workers)

    def ask(self, prompts: Mapping[int, str], seed: int = 0) -> dict[int, AgentReply]:
        """The reply to each prompt, by its number, which settles what is drawn at random."""
        talks = [_conversation(number, prompt, seed) for number, prompt in prompts.items()]
        size = self._agent.batch_size
        batches = [talks[start : start + size] for start in range(0, len(talks), size)]
        with ThreadPoolExecutor(max(self._agent.workers, 1)) as threads:
            answered = list(threads.map(self._replies, batches))
        replies = [reply for batch in answered for reply in batch]
        return dict(zip(prompts, replies, strict=True))

    def _replies(self, talks: Sequence[Conversation]) -> list[AgentReply]:
        try:
            return self._agent.reply(talks)
        finally:
            for talk in talks:
                self._agent.forget(talk.id)


def _conversation(number: int, prompt: str, seed: int) -> Conversation:
    task = Task(f"request-{number}", "train")
    message = Message(role="user", content=prompt)
    return Conversation(f"instructions/{seed}/{number}", [message], task, seed=(seed << 20) + number)
