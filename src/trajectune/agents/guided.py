"""An agent that moves as the environment's expert does and thinks in a teacher's words (reference-guided).

The idea (AgentTuning's task derivation, arXiv 2310.12823): where the solution of a task is known, nobody
has to find it. The expert makes each move; a teacher model is shown the conversation so far and the move,
and writes the thought that leads there. So every episode earns the reward, and the thoughts are a model's.

A thought is taken when it is one: not empty, no call in it, spoken as the agent, not one that it had
before, and without a value of the final answer that nobody has seen yet. (The values are known beforehand
from a second episode in which the expert plays to its end.) A thought that is not taken is asked for once
more, with the reason; then the expert's own stays. Deliberate mistakes keep the expert's thought, since
nobody should argue for them.

Invariants: moves are the expert's, whatever the teacher says; every thought is counted once in `counts`; a
teacher that cannot be reached is an error of the infrastructure, never a thought.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from trajectune.agents.contract import Agent, AgentReply, Conversation
from trajectune.agents.expert import ExpertAgent
from trajectune.agents.thoughts import LABEL, Wanted, described, prompt_of, says, texts_in, thought_fault
from trajectune.environments.contract import Environment, Move
from trajectune.environments.play import start
from trajectune.example import Message
from trajectune.trajectory import Usage

WRITTEN, AGAIN = "written by the teacher", "written when asked again"
KEPT = "the expert's own, since the teacher's {}"
MISTAKE = "the expert's own, before a deliberate mistake"


class GuidedAgent(Agent):
    """`GuidedAgent(environment, EndpointAgent(url, model))`."""

    def __init__(
        self, environment: Environment, teacher: Agent, counts: Counter[str] | None = None
    ) -> None:
        """`counts` is added to; closing this agent leaves the teacher open.

        Raises `RecipeError` for an environment that has no expert.
        """
        self.name = f"guided {teacher.name}"
        self.batch_size = teacher.batch_size
        self.workers = teacher.workers
        self.counts: Counter[str] = Counter() if counts is None else counts
        """Thoughts by where they come from."""
        self._environment = environment
        self._expert = ExpertAgent(environment)
        self._teacher = teacher
        self._answers: dict[str, tuple[str, ...]] = {}
        self._lock = threading.Lock()

    def reply(self, conversations: Sequence[Conversation]) -> list[AgentReply]:
        moved = self._expert.reply(conversations)
        wanted = {
            place: self._wanted(conversation, reply.move)
            for place, (conversation, reply) in enumerate(zip(conversations, moved, strict=True))
            if reply.move is not None and reply.move.trained
        }
        thoughts = self._thoughts(wanted)
        self._count({MISTAKE: sum(r.move is not None and not r.move.trained for r in moved)})
        return [thoughts.get(place, reply) for place, reply in enumerate(moved)]

    def forget(self, conversation_id: str) -> None:
        self._expert.forget(conversation_id)
        with self._lock:
            self._answers.pop(conversation_id, None)

    def close(self) -> None:
        self._expert.close()

    def _wanted(self, conversation: Conversation, move: Move) -> Wanted:
        seen = "\n".join([*(message.content for message in conversation.messages), described(move)])
        unseen = tuple(value for value in self._answer(conversation) if not says(seen, value))
        return Wanted(conversation, move, seen, unseen)

    def _answer(self, conversation: Conversation) -> tuple[str, ...]:
        """The values of the expert's last move, from an episode that it plays beforehand."""
        with self._lock:
            known = self._answers.get(conversation.id)
        if known is None:
            known = final_values(self._environment, conversation)
            with self._lock:
                self._answers[conversation.id] = known
        return known

    def _thoughts(self, wanted: dict[int, Wanted]) -> dict[int, AgentReply]:
        """A reply for each place: the expert's move with a thought, or the teacher's failure."""
        done: dict[int, AgentReply] = {}
        usage: dict[int, Usage] = dict.fromkeys(wanted, Usage())
        faults: dict[int, str] = {}
        for source in (WRITTEN, AGAIN):
            left = [place for place in wanted if place not in done]
            for place, said in zip(left, self._ask([wanted[p] for p in left], faults, left), strict=True):
                usage[place] += said.usage
                thought = LABEL.sub("", " ".join(said.text.split()))
                if said.finish == "error":
                    done[place] = replace(said, usage=usage[place])
                elif fault := thought_fault(said, thought, wanted[place]):
                    faults[place] = fault
                else:
                    done[place] = _moved(replace(wanted[place].move, thought=thought), usage[place])
                    self._count({source: 1})
        for place in wanted.keys() - done.keys():
            done[place] = _moved(wanted[place].move, usage[place])
            self._count({KEPT.format(faults[place]): 1})
        return done

    def _ask(
        self, wanted: Sequence[Wanted], faults: dict[int, str], places: Sequence[int]
    ) -> list[AgentReply]:
        """What the teacher says; of those that had a fault, asked again with it."""
        talks = [_talk(each, faults.get(place, "")) for each, place in zip(wanted, places, strict=True)]
        if not talks:
            return []
        try:
            return self._teacher.reply(talks)
        finally:
            for talk in talks:
                self._teacher.forget(talk.id)

    def _count(self, counts: dict[str, int]) -> None:
        with self._lock:
            self.counts.update({name: count for name, count in counts.items() if count})


def final_values(environment: Environment, conversation: Conversation) -> tuple[str, ...]:
    """The texts in the last move by which the expert solves a task."""
    play = start(environment, conversation.task, conversation.seed)
    if play is None:
        return ()
    last: Move | None = None
    try:
        while (moved := play.advance()) is not None:
            last = moved[0]
    finally:
        play.episode.close()
        play.expert.close()
    if last is None:
        return ()
    values = [value for call in last.calls for value in texts_in(call.arguments)]
    return tuple(dict.fromkeys(value.strip() for value in values if value.strip()))


def _moved(move: Move, usage: Usage) -> AgentReply:
    return AgentReply("", move=move, usage=usage)


def _talk(wanted: Wanted, fault: str) -> Conversation:
    conversation = wanted.conversation
    turn = len(conversation.messages)
    return Conversation(
        f"{conversation.id}/thought{turn}{'again' if fault else ''}",
        [Message(role="user", content=prompt_of(wanted, fault))],
        conversation.task,
        seed=conversation.seed + turn + bool(fault),
    )
