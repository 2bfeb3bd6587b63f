"""What the text dialects share: one reply a step, read and written as plain text.

The idea: a text dialect is a pair of pure functions, `render` and `parse`, and the words that tell a model
to write so. Everything about messages is here: the shape is AgentInstruct's, with user and assistant taking
turns:

    user  the rules          assistant  the acknowledgement     (if the dialect has one)
    user  the problem        assistant  a reply
    user  an observation     assistant  a reply                 …
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from trajectune.dialects.contract import CannotWriteError, Dialect, Opening, Reading
from trajectune.example import Message, Span
from trajectune.trajectory import Reply, Step, Tool


class TextDialect(Dialect):
    """A dialect whose step is one reply."""

    acknowledgement: str = ""
    """The assistant's untrained reply to the instruction (AgentInstruct has one); empty for none."""

    @abstractmethod
    def instruct(self, instruction: str, tools: Sequence[Tool]) -> str:
        """The opening words: the environment's rules, its tools, and how to write a reply."""

    @abstractmethod
    def render(self, step: Step) -> list[Span]:
        """The move of a step as spans; their texts joined are the reply.

        Raises `ValueError` where the dialect cannot write it.
        """

    @abstractmethod
    def parse(self, reply: str) -> Reading:
        """Read a reply. Never raises."""

    def observe(self, observation: str) -> str:
        """How an observation is shown in the user's turn."""
        return observation

    def announce(self, tools: Sequence[Tool]) -> str:
        """How tools that appear in the middle are told. Raises `ValueError` where they cannot be."""
        raise ValueError(f"new tools in the middle of an episode ({tools[0].name})")

    def open(self, opening: Opening) -> list[Message]:
        messages = [Message(role="user", content=self.instruct(opening.instruction, opening.tools))]
        if self.acknowledgement:
            messages.append(Message(role="assistant", content=self.acknowledgement))
        if opening.demonstration is not None:
            said(messages, opening.demonstration.observation)
            steps = opening.demonstration.steps
            for number, step in enumerate(steps, 1):
                messages += [shown.model_copy(update={"trained": False}) for shown in self.speak(step)]
                if step.answer or number < len(steps):
                    messages += self.answer(step)
        said(messages, opening.observation)
        return messages

    def speak(self, step: Step, key: str = "") -> list[Message]:
        del key
        try:
            spans = self.render(step)
        except ValueError as error:
            raise CannotWriteError(self.name, str(error)) from None
        text = "".join(span.text for span in spans)
        return [Message(role="assistant", content=text, trained=True, spans=spans)]

    def answer(self, step: Step, key: str = "") -> list[Message]:
        del key
        text = self.observe(step.answer)
        if step.tools:
            try:
                text = f"{text}\n\n{self.announce(step.tools)}"
            except ValueError as error:
                raise CannotWriteError(self.name, str(error)) from None
        return [Message(role="user", content=text)]

    def read(self, replies: Sequence[Reply], key: str = "") -> Reading:
        del key
        return self.parse(replies[-1].text)


def said(messages: list[Message], text: str) -> None:
    """Add words of the user, to the turn before if that is the user's too."""
    if not text:
        return
    if messages and messages[-1].role == "user":
        joined = "\n\n".join(part for part in (messages[-1].content, text) if part)
        messages[-1] = Message(role="user", content=joined)
    else:
        messages.append(Message(role="user", content=text))
