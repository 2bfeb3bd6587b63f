"""Any agent can be asked to write: batches and threads, in order, and nothing stays behind."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from trajectune.agents.contract import Agent, AgentReply, Conversation
from trajectune.instructions.teacher import Teacher


class Writer(Agent):
    """Gives back the prompt, its seed, and remembers what it was asked at once."""

    name = "writer"

    def __init__(self, batch_size: int, workers: int) -> None:
        self.batch_size = batch_size
        self.workers = workers
        self.batches: list[int] = []
        self.open: set[str] = set()
        self._lock = threading.Lock()

    def reply(self, conversations: Sequence[Conversation]) -> list[AgentReply]:
        with self._lock:
            self.batches.append(len(conversations))
            self.open |= {each.id for each in conversations}
        return [AgentReply(f"{each.messages[0].content} {each.seed}") for each in conversations]

    def forget(self, conversation_id: str) -> None:
        with self._lock:
            self.open.discard(conversation_id)


@pytest.mark.parametrize(("batch_size", "workers", "batches"), [(4, 1, [4, 4, 2]), (1, 8, [1] * 10)])
def test_an_agent_is_driven_as_it_likes(batch_size: int, workers: int, batches: list[int]) -> None:
    writer = Writer(batch_size, workers)
    teacher = Teacher(writer)
    replies = teacher.ask({number: f"prompt {number}" for number in range(10)})
    assert writer.batches == batches
    assert teacher.width == max(batch_size, workers)
    assert list(replies) == list(range(10))
    assert all(reply.text.startswith(f"prompt {number} ") for number, reply in replies.items())
    assert writer.open == set()


def test_what_is_drawn_depends_on_the_number_and_the_seed_alone() -> None:
    teacher = Teacher(Writer(4, 1))
    together = teacher.ask({3: "a", 4: "b"}, seed=1)
    alone = teacher.ask({4: "b"}, seed=1)
    assert together[4].text == alone[4].text
    assert together[3].text.split()[1] != together[4].text.split()[1]
    assert teacher.ask({4: "b"}, seed=2)[4].text != alone[4].text


def test_nothing_stays_open_when_an_agent_breaks() -> None:
    class Broken(Writer):
        def reply(self, conversations: Sequence[Conversation]) -> list[AgentReply]:
            super().reply(conversations)
            raise RuntimeError("broken")

    writer = Broken(2, 1)
    with pytest.raises(RuntimeError, match="broken"):
        Teacher(writer).ask({0: "a", 1: "b"})
    assert writer.open == set()
