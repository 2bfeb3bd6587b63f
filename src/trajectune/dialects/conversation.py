"""From structure to conversation: how a dialect's pieces become the messages of an episode.

The idea: the same function opens the conversation that an agent sees and the example that a model
learns from, so that training and acting cannot drift apart. The shape is AgentInstruct's:

    user  the rules          assistant  the acknowledgement     (if the dialect has one)
    user  the problem        assistant  a reply
    user  an observation     assistant  a reply                 …

Invariants: user and assistant take turns; an example ends with the agent's words; what is trained is
what an agent did right (`step.trained`, no fault).
"""

from __future__ import annotations

from collections.abc import Sequence

from trajectune.dialects.contract import Dialect
from trajectune.errors import DataError
from trajectune.example import Example, Message, Span
from trajectune.trajectory import Step, Tool, Trajectory


def opening(
    dialect: Dialect,
    instruction: str,
    tools: Sequence[Tool],
    observation: str,
    demonstration: Sequence[Step] = (),
) -> list[Message]:
    """The messages before the agent's first move; ends with a user message that holds the problem.

    A demonstration is shown as turns. Its first step may hold nothing but an observation: the problem
    that it solves. Its last observation is shown in front of the real problem.
    """
    messages = [Message(role="user", content=dialect.instruct(instruction, tools))]
    if dialect.acknowledgement:
        messages.append(Message(role="assistant", content=dialect.acknowledgement))
    for step in demonstration:
        if step.call is not None or step.reply is not None:
            messages.append(_reply(dialect, step, verbatim=False, trained=False))
            _say(messages, dialect.observe(step.observation) if step.observation else "")
        else:
            _say(messages, step.observation)
    _say(messages, observation)
    return messages


def to_example(trajectory: Trajectory, dialect: Dialect) -> Example:
    """The trajectory as the conversation that a model would have had in `dialect`.

    The words of a model that wrote in this very dialect are kept as they were; all else is rendered.
    Raises `DataError` where there is no step, or one that can be written in no way.
    """
    verbatim = trajectory.dialect == dialect.name
    if not trajectory.steps:
        raise DataError("a trajectory without steps has nothing to teach", where=trajectory.id)
    try:
        messages = opening(
            dialect,
            trajectory.instruction,
            trajectory.tools,
            trajectory.observation,
            trajectory.demonstration,
        )
        for step in trajectory.steps:
            messages.append(_reply(dialect, step, verbatim, trained=step.trained and step.fault is None))
            messages.append(Message(role="user", content=dialect.observe(step.observation)))
    except ValueError as error:
        raise DataError(
            f"a step cannot be written in the dialect {dialect.name!r}: {error}", where=trajectory.id
        ) from error
    return Example(
        id=trajectory.id,
        source=trajectory.environment,
        messages=messages[:-1],
        metadata={"task": trajectory.task, "kind": trajectory.kind, "reward": trajectory.reward},
    )


def _say(messages: list[Message], text: str) -> None:
    """Add words of the user, to the turn before if that is the user's too."""
    if messages[-1].role == "user":
        joined = "\n\n".join(part for part in (messages[-1].content, text) if part)
        messages[-1] = Message(role="user", content=joined)
    else:
        messages.append(Message(role="user", content=text))


def _reply(dialect: Dialect, step: Step, verbatim: bool, trained: bool) -> Message:
    """The agent's turn. A reply without a call can only be shown as it was."""
    if step.reply is not None and (verbatim or step.call is None):
        return Message(
            role="assistant",
            content=step.reply,
            trained=trained,
            spans=_spans_of(dialect, step, step.reply),
        )
    if step.call is None:
        raise ValueError("it has neither a call nor a reply")
    spans = dialect.render(step.thought, step.call)
    content = "".join(span.text for span in spans)
    return Message(role="assistant", content=content, trained=trained, spans=spans)


def _spans_of(dialect: Dialect, step: Step, reply: str) -> list[Span]:
    """The parts of a verbatim reply, if rendering its step gives the same words."""
    if step.call is None:
        return []
    try:
        spans = dialect.render(step.thought, step.call)
    except ValueError:
        return []
    return spans if "".join(span.text for span in spans) == reply else []
