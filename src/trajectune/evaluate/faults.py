"""What goes wrong in replies, told by rules: the error analysis of AgentTuning (its figure of error kinds).

AgentTuning shows invalid actions, short-term repetition, long-term repetition and refusals, and prints
neither rules nor thresholds. These are ours:

- **bad format**, **unknown tool**, **bad arguments**: the step's fault, as dialect or environment found it;
- **invalid action**: any of these three: a reply that the environment could not carry out;
- **short-term repetition**: the same move as the one directly before, with the same answer;
- **long-term repetition**: the same move with the same answer for at least the `LONG_TERM`-th time in the
  episode, but not directly after itself (so walking A, B, A, B, A counts, going back once does not);
- **refusal**: the step's fault says so, or a reply without a move declines to act in so many words.

A move is the tool with its arguments; where a reply holds none, its words, spaces and case apart. Two
moves with different answers are no repetition: looking again after the environment has changed is sound.

Invariants: kinds overlap, so shares do not add up to one; the rules see nothing but the episode.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum

from trajectune.dialects.refusal import sounds_like_refusal
from trajectune.trajectory import Fault, Step

LONG_TERM = 3
"""Occurrences of one move in an episode from which on it counts as long-term repetition."""


class ErrorKind(StrEnum):
    """Kinds of error in a reply; the rules stand at the top of this file."""

    BAD_FORMAT = "bad format"
    UNKNOWN_TOOL = "unknown tool"
    BAD_ARGUMENTS = "bad arguments"
    INVALID_ACTION = "invalid action"
    SHORT_TERM_REPETITION = "short-term repetition"
    LONG_TERM_REPETITION = "long-term repetition"
    REFUSAL = "refusal"


_OF_FAULT = {
    Fault.BAD_FORMAT: {ErrorKind.BAD_FORMAT, ErrorKind.INVALID_ACTION},
    Fault.UNKNOWN_TOOL: {ErrorKind.UNKNOWN_TOOL, ErrorKind.INVALID_ACTION},
    Fault.BAD_ARGUMENTS: {ErrorKind.BAD_ARGUMENTS, ErrorKind.INVALID_ACTION},
    Fault.REPETITION: {ErrorKind.SHORT_TERM_REPETITION},
    Fault.REFUSAL: {ErrorKind.REFUSAL},
}


def errors_of(steps: Sequence[Step]) -> list[frozenset[ErrorKind]]:
    """The kinds of error in each step of one episode, in order."""
    seen: Counter[tuple[str, str]] = Counter()
    before: tuple[str, str] | None = None
    found = []
    for step in steps:
        kinds = {kind for fault in step.faults for kind in _OF_FAULT[fault]}
        if refuses(step):
            kinds.add(ErrorKind.REFUSAL)
        act = (step.move, step.answer)
        seen[act] += 1
        if act == before:
            kinds.add(ErrorKind.SHORT_TERM_REPETITION)
        elif seen[act] >= LONG_TERM:
            kinds.add(ErrorKind.LONG_TERM_REPETITION)
        before = act
        found.append(frozenset(kinds))
    return found


def refuses(step: Step) -> bool:
    """Whether a step without a move says that the agent will not or cannot act."""
    return not step.actions and sounds_like_refusal(step.words)
