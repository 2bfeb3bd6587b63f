"""What can be wrong with a row of agent data, and where it was found.

The idea: a fault of data is a fact about a row that makes it teach the wrong thing, with the turn in
which it stands and the words that show it. Whoever reads the finding can look there and judge.

Invariants: the value of a `DataFault` is stable, since recipes and files name it; a finding never holds
more than a few hundred characters of the row.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

AROUND = 60
"""Characters shown on either side of the words that were found."""
MOST = 200
"""Characters of the words themselves."""


class DataFault(StrEnum):
    """A named fault of a row of agent data."""

    LOOP = "loop"
    """The same moves got the same answers three times in a row, or more."""
    EMPTY_USER_TURN = "empty_user_turn"
    """A turn of the user holds nothing: the question or the observation is missing."""
    NO_ACTION = "no_action"
    """A turn of the agent thinks and does not act, in a conversation in which each turn acts."""
    UNKNOWN_TOOL = "unknown_tool"
    """A call of a tool that was not offered."""
    BAD_ARGUMENTS = "bad_arguments"
    """The arguments of a call break the schema of its tool."""
    ANSWER_WITHOUT_CALL = "answer_without_call"
    """An answer of a tool or environment that no call asked for."""
    FAILED = "failed"
    """A demonstration that failed, by its reward, its flags or its last observation, yet is trained."""
    TRUNCATED = "truncated"
    """The end is missing: the agent's last turn, the rest of it, or the move that ends the task."""
    MIXED_LANGUAGES = "mixed_languages"
    """The agent speaks a language that the rest of the conversation does not, unasked."""
    UNTRAINED_END = "untrained_end"
    """The agent's last turn is not trained: how to end is never learnt."""
    INVENTED_OBSERVATION = "invented_observation"
    """The agent wrote, in its own turn, what only the environment can say."""
    WRONG_PAGE = "wrong_page"
    """The answer belongs to another page: a choice or a value that this one does not offer."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of a row, and where."""

    fault: DataFault
    turn: int
    """Which message of the row (which step of a trajectory) it is, from 1."""
    why: str
    """What is wrong, in a few words."""
    matched: str = ""
    """The words that show it, as they stand in the turn; empty where words are missing."""
    before: str = ""
    after: str = ""
    """What stands around them."""


def found(
    fault: DataFault, turn: int, why: str, text: str = "", start: int = 0, end: int | None = None
) -> Finding:
    """A finding of `text[start:end]`, cut to a readable length."""
    stop = len(text) if end is None else end
    matched = text[start : min(stop, start + MOST)]
    after = text[stop : stop + AROUND] if stop - start <= MOST else ""
    return Finding(fault, turn, why, matched, text[max(0, start - AROUND) : start], after)
