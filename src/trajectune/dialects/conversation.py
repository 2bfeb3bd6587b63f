"""From a trajectory to a conversation: what an agent saw and said, as messages.

The idea: the same functions make the conversation that an agent sees and the example that a model learns
from, so that training and acting cannot drift apart.

Invariants: an example ends with the agent's words; what is trained is what an agent did right
(`step.trained`, no fault).
"""

from __future__ import annotations

from collections.abc import Sequence

from trajectune.dialects.contract import Ask, CannotWriteError, Dialect, Opening, Reading, step_key
from trajectune.dialects.native import named
from trajectune.errors import DataError
from trajectune.example import Example, Message, Span
from trajectune.trajectory import Reply, Step, Trajectory


def opening_of(trajectory: Trajectory) -> Opening:
    """What stood before the agent's first move."""
    return Opening(
        trajectory.instruction,
        trajectory.tools,
        trajectory.observation,
        trajectory.demonstration,
        trajectory.task,
    )


def replied(dialect: Dialect, replies: Sequence[Reply], key: str) -> list[Message]:
    """A model's own turns in a step, word for word, with the questions between them.

    Native calls without an id get the one that their answers name.
    """
    messages: list[Message] = []
    for number, reply in enumerate(replies, 1):
        calls = named(reply.calls, key)
        messages.append(
            Message(role="assistant", content=reply.text, tool_calls=calls, tokens=reply.tokens)
        )
        asked = dialect.read(replies[:number], key) if number < len(replies) else None
        if isinstance(asked, Ask):
            messages.append(Message(role="user", content=asked.text))
    return messages


def to_example(trajectory: Trajectory, dialect: Dialect) -> Example:
    """The trajectory as the conversation that a model would have had in `dialect`.

    The words of a model that wrote in this very dialect are kept as they were; all else is rendered.
    Raises `DataError` where there is no step, `CannotWriteError` where the dialect has no words for one;
    both name the trajectory.
    """
    verbatim = trajectory.dialect == dialect.name
    if not trajectory.steps:
        raise DataError("a trajectory without steps has nothing to teach", where=trajectory.id)
    try:
        messages = _messages(trajectory, dialect, verbatim)
    except CannotWriteError as error:
        raise CannotWriteError(error.dialect, error.reason, where=trajectory.id) from None
    return Example(
        id=trajectory.id,
        source=trajectory.environment,
        messages=messages,
        tools=list(trajectory.tools) if dialect.native else [],
        template=trajectory.template if verbatim else "",
        history_limit=trajectory.history_limit,
        metadata={"task": trajectory.task, "kind": trajectory.kind, "reward": trajectory.reward},
    )


def _messages(trajectory: Trajectory, dialect: Dialect, verbatim: bool) -> list[Message]:
    """The conversation up to the agent's last words. What came back after them was for nobody."""
    messages = dialect.open(opening_of(trajectory))
    for number, step in enumerate(trajectory.steps):
        key = step_key(trajectory.task, number)
        messages += _spoken(dialect, step, verbatim, key)
        if number + 1 < len(trajectory.steps):
            messages += dialect.answer(step, key)
    return messages


def _spoken(dialect: Dialect, step: Step, verbatim: bool, key: str) -> list[Message]:
    """The agent's turns, each marked trained or not. A step without a move can only be shown as it was."""
    trained = step.trained and not step.faults
    if step.replies and (verbatim or (not step.actions and step.message is None)):
        turns = replied(dialect, step.replies, key)
        spans = _spans_of(dialect, step, turns, key)
        return [
            turn.model_copy(update={"trained": trained, "spans": found})
            if turn.role == "assistant"
            else turn
            for turn, found in zip(turns, spans, strict=True)
        ]
    turns = dialect.speak(step, key)
    return turns if trained else [turn.model_copy(update={"trained": False}) for turn in turns]


def _spans_of(dialect: Dialect, step: Step, turns: Sequence[Message], key: str) -> list[list[Span]]:
    """The parts of verbatim turns, where writing the step gives the same words."""
    try:
        written = dialect.speak(step, key)
    except DataError:
        return [[] for _ in turns]
    same = len(written) == len(turns) and all(
        (a.role, a.content) == (b.role, b.content) for a, b in zip(written, turns, strict=True)
    )
    return [message.spans for message in written] if same else [[] for _ in turns]


def same_move(reading: Reading, step: Step) -> bool:
    """Whether a reading gives back a step's thought, calls and message (ids apart): the law of dialects."""
    calls = step.calls
    return (
        reading.thought == step.thought
        and reading.message == step.message
        and len(reading.calls) == len(calls)
        and all(read.same_as(call) for read, call in zip(reading.calls, calls, strict=True))
    )
