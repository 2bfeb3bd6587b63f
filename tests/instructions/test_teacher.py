"""Any agent can be asked to write: batches and threads, in order, and nothing stays behind."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from support.guess import Scripted
from trajectune.agents.contract import AgentReply, Conversation
from trajectune.instructions.teacher import Teacher


def echo(conversation: Conversation) -> str:
    """The prompt and its seed."""
    return f"{conversation.messages[0].content} {conversation.seed}"


@pytest.mark.parametrize(("batch_size", "workers", "batches"), [(4, 1, [4, 4, 2]), (1, 8, [1] * 10)])
def test_an_agent_is_driven_as_it_likes(batch_size: int, workers: int, batches: list[int]) -> None:
    writer = Scripted(echo, workers=workers, batch_size=batch_size)
    teacher = Teacher(writer)
    replies = teacher.ask({number: f"prompt {number}" for number in range(10)})
    assert writer.batches == batches
    assert teacher.width == max(batch_size, workers)
    assert list(replies) == list(range(10))
    assert all(reply.text.startswith(f"prompt {number} ") for number, reply in replies.items())
    assert writer.open == set()


def test_what_is_drawn_depends_on_the_number_and_the_seed_alone() -> None:
    teacher = Teacher(Scripted(echo, batch_size=4))
    together = teacher.ask({3: "a", 4: "b"}, seed=1)
    alone = teacher.ask({4: "b"}, seed=1)
    assert together[4].text == alone[4].text
    assert together[3].text.split()[1] != together[4].text.split()[1]
    assert teacher.ask({4: "b"}, seed=2)[4].text != alone[4].text


def test_nothing_stays_open_when_an_agent_breaks() -> None:
    class Broken(Scripted):
        def reply(self, conversations: Sequence[Conversation]) -> list[AgentReply]:
            super().reply(conversations)
            raise RuntimeError("broken")

    writer = Broken(echo, batch_size=2)
    with pytest.raises(RuntimeError, match="broken"):
        Teacher(writer).ask({0: "a", 1: "b"})
    assert writer.open == set()
