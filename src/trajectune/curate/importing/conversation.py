"""One conversation of others as a trajectory: what the agent thought and called, what it was answered.

The idea: the agent's turns are read by the same dialect that writes them. What the conversation cannot say
is stated, not guessed: released rows are those that passed the reward filter of their makers, so the reward
is the least that this filter lets through, and `metadata` says so. Faults are not known, and none is set.

Invariants: each of the agent's turns is one step, in its order; writing the steps again gives the agent's
words back (`trajectune.curate.importing.proof`). A conversation of which either is not true is refused with
a reason, the same words for all rows that are refused for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from trajectune.curate.importing.grammars import Grammar, grammar_of
from trajectune.curate.importing.proof import sameness
from trajectune.dialects.contract import Ask, CannotWriteError, Dialect
from trajectune.environments.registry import environment_class, find_dialect
from trajectune.example import Example, Message
from trajectune.trajectory import Action, Demonstration, Outcome, Reply, Step, Tool, Trajectory

STATED = "stated by the source, not measured"
"""What `metadata["imported"]["reward"]` says."""
DIALECT = "agentbench"

NO_GRAMMAR = "no known rules in its first turn"
NO_TURNS = "the user and the agent do not take turns"
NO_REPLY = "no turn of the agent after the problem"
NO_MOVE = "a reply without a move"
NATIVE = "native calls, or reasoning apart from the words"
LOST_WORDS = "words that the grammar has no place for"


class NotImportedError(ValueError):
    """A conversation that is no trajectory; the message is the reason."""


class Source(NamedTuple):
    """What conversations of one grammar are read with."""

    grammar: Grammar
    dialect: Dialect
    tools: Sequence[Tool]
    reward: float
    """The least with which the makers kept a row (AgentTuning, section 2.1.3: 1; Mind2Web 2/3)."""


@cache
def source_of(grammar: Grammar) -> Source:
    """Asks the environment, which is not built for it."""
    found = environment_class(grammar.environment)
    dialect = find_dialect(DIALECT, grammar.environment)
    return Source(grammar, dialect, found.tools, found.reward_threshold)


def to_trajectory(example: Example) -> Trajectory:
    """The trajectory that a conversation tells. Raises `NotImportedError` with the reason."""
    messages = [message for message in example.messages if message.role != "system"]
    grammar = grammar_of(messages[0].content) if messages else None
    if grammar is None:
        raise NotImportedError(NO_GRAMMAR)
    _check_turns(messages)
    source = source_of(grammar)
    instruction, turns = _opened(source, messages)
    shown, real = _divided(grammar, turns)
    if len(real) < 2:
        raise NotImportedError(NO_REPLY)
    return Trajectory(
        id=f"{grammar.environment}/{example.id}/0",
        environment=grammar.environment,
        task=example.id,
        instruction=instruction,
        tools=list(source.tools),
        demonstration=_demonstration(source, shown) if shown else None,
        observation=grammar.question(real[0].content),
        steps=_steps(source, real),
        reward=source.reward,
        outcome=Outcome.COMPLETED,
        metadata={"imported": {"from": example.source, "reward": STATED}},
    )


def _check_turns(messages: Sequence[Message]) -> None:
    """The user speaks first, then one after the other. A last word of the user is for nobody."""
    if any(message.role == "tool" or message.tool_calls or message.reasoning for message in messages):
        raise NotImportedError(NATIVE)
    if any((message.role == "user") != (place % 2 == 0) for place, message in enumerate(messages)):
        raise NotImportedError(NO_TURNS)


def _opened(source: Source, messages: Sequence[Message]) -> tuple[str, Sequence[Message]]:
    """The rules, and the turns from the first problem on. An acknowledgement of the rules is dropped."""
    grammar, first = source.grammar, messages[0]
    if not grammar.has_rules:
        return "", messages
    rules, found, problem = first.content.partition(grammar.problem) if grammar.problem else ("", "", "")
    if found:
        return grammar.rules(rules), [Message(role="user", content=found + problem), *messages[1:]]
    return grammar.rules(first.content), messages[2:]


def _divided(grammar: Grammar, turns: Sequence[Message]) -> tuple[Sequence[Message], Sequence[Message]]:
    """The turns of a solved problem, and those of the real one."""
    if grammar.next_problem:
        for place, message in enumerate(turns):
            if message.role == "user" and message.content.startswith(grammar.next_problem):
                return turns[:place], turns[place:]
    return (), turns


def _demonstration(source: Source, turns: Sequence[Message]) -> Demonstration:
    return Demonstration(observation=source.grammar.question(turns[0].content), steps=_steps(source, turns))


def _steps(source: Source, turns: Sequence[Message]) -> list[Step]:
    """The moves after a problem, each with the answer that follows it."""
    prefix = source.dialect.answer(Step())[0].content
    steps = []
    for place in range(1, len(turns), 2):
        answer = turns[place + 1].content if place + 1 < len(turns) else ""
        steps.append(_step(source.dialect, turns[place], answer.removeprefix(prefix)))
    return steps


def _step(dialect: Dialect, said: Message, answer: str) -> Step:
    """One move. Raises `NotImportedError` where the dialect does not read it, or not all of it."""
    reading = dialect.read([Reply(text=said.content)])
    if isinstance(reading, Ask) or len(reading.calls) != 1:
        raise NotImportedError(NO_MOVE)
    action = Action(call=reading.calls[0], observation=answer)
    step = Step(thought=reading.thought, actions=[action], trained=said.trained)
    try:
        written = dialect.speak(step)[0].content
    except CannotWriteError:
        raise NotImportedError(LOST_WORDS) from None
    if sameness(written, said.content) is None:
        raise NotImportedError(LOST_WORDS)
    return step
