"""Faults in how the agent moves: it goes round in circles, thinks without acting, answers itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from trajectune.curate.lint.finding import DataFault, Finding, found
from trajectune.curate.lint.forms import PLAIN, THOUGHT, announced, has_mark
from trajectune.curate.lint.transcript import NATIVE, Transcript, Turn
from trajectune.dialects.native import CALL_MARKS

ROUNDS = 3
"""How often in a row the same moves must have got the same answers to be a loop."""
LONGEST_CYCLE = 4
"""Moves in a circle that is looked for."""
_ACKNOWLEDGES = re.compile(
    r"\s*(?:ok(?:ay)?\b|sure\b|understood\b|got it\b|i(?:'ve|’ve| have)? underst|i will follow|yes\b)",
    re.IGNORECASE,
)
_SHORT = 160
"""Characters of an acknowledgement, at most."""
_INVENTED = re.compile(
    r"^[ \t]*(?:observation(?:[ \t]*\d+)?[ \t]*:|the output of the os\b|<tool_response>|"
    r"tool (?:response|result|output)[ \t]*:|function (?:response|result)[ \t]*:|(?:user|human)[ \t]*:)",
    re.IGNORECASE | re.MULTILINE,
)
_FRUITLESS = re.compile(
    r"\b(?:not|no|nothing|cannot|can't|couldn't|unable|invalid|unknown|error|fail\w*|already|wrong)\b",
    re.IGNORECASE,
)
"""Words by which an environment says that a command did nothing."""

Move = tuple[str, str | None]
"""What was done and what came back; `None` at the end, where nothing did."""


def loops(row: Transcript) -> Iterator[Finding]:
    """The first loop: the same circle of moves and answers, `ROUNDS` times in a row.

    Of commands in free words, as games take them, some are repeated for good reason (one more step, one
    more ingot): a circle of these is a loop only where nothing was done.
    """
    turns = [turn for turn in row.agent if turn.calls]
    if len(turns) < ROUNDS:
        return
    moves = list(_moves(row))
    for length in range(1, LONGEST_CYCLE + 1):
        end = _first_loop(moves, length, _is_game(row))
        if end is not None and any(turn.trained for turn in turns[end - length : end]):
            again = turns[end - 1]
            words = "the same call" if length == 1 else f"the same {length} calls"
            why = f"{words} and answers {ROUNDS} times in a row"
            yield found(DataFault.LOOP, again.place, why, again.text or _done(again))
            return


def no_action(row: Transcript) -> Iterator[Finding]:
    """Turns that hold a thought and no move, in a conversation that acts."""
    if not row.form:
        return
    agent = row.agent
    for number, turn in enumerate(agent):
        if not turn.trained or turn.calls or (number == 0 and _acknowledges(turn, agent)):
            continue
        why = _native_thought(row, turn) if row.form == NATIVE else _text_thought(row, turn)
        if why and not (turn is agent[-1] and is_cut(turn.text)):
            yield found(DataFault.NO_ACTION, turn.place, why, turn.text or turn.thought)


def invented_observations(row: Transcript) -> Iterator[Finding]:
    """Turns in which the agent wrote what the environment says."""
    if not row.form:
        return
    for turn in row.agent:
        mark = _INVENTED.search(turn.text) if turn.trained else None
        if mark and _stands_behind_a_move(turn, mark.start()):
            why = "the agent writes an observation itself"
            yield found(DataFault.INVENTED_OBSERVATION, turn.place, why, turn.text, mark.start())


def is_cut(text: str) -> bool:
    """Whether a text ends where no sentence, line of code or bracket does."""
    end = text.rstrip()
    return bool(end) and (end[-1].isalnum() or end[-1] in ",;-([{=" or end.count("```") % 2 == 1)


def _moves(row: Transcript) -> Iterator[Move]:
    """Each turn that calls, with all that came back before the agent's next turn."""
    done: str | None = None
    answers: list[str] = []
    for turn in row.turns:
        if turn.is_agent:
            if done is not None:
                yield done, _normal(answers)
            done, answers = (_done(turn) if turn.calls else None), []
        else:
            answers.append(turn.text)
    if done is not None:
        yield done, _normal(answers) if answers else None


def _normal(answers: Sequence[str]) -> str:
    return " ".join(" ".join(answers).split())


def _done(turn: Turn) -> str:
    return " ".join(f"{call.name} {sorted(call.arguments.items())}" for call in turn.calls)


def _first_loop(moves: Sequence[Move], length: int, is_game: bool) -> int | None:
    """The number of moves at which a circle of `length` was gone round `ROUNDS` times; `None` without one.

    The last answer of a row is often not there, so it is taken for the same.
    """
    same = 0
    for place in range(length, len(moves)):
        (done, answer), (before, got) = moves[place], moves[place - length]
        same = same + 1 if done == before and answer in (got, None) else 0
        if same >= length * (ROUNDS - 1) and not (is_game and _may_help(moves, place, same, length)):
            return place + 1
    return None


def _may_help(moves: Sequence[Move], place: int, same: int, length: int) -> bool:
    """Whether commands that a game answers alike again and again may yet do something.

    They do nothing where each answer of the circle says so, and one command does nothing where all looks as
    it did before it was first given.
    """
    if all(_FRUITLESS.search(answer or "") for _, answer in moves[place - length : place]):
        return False
    before = place - same - length
    return length > 1 or before < 0 or moves[before][1] != moves[place - 1][1]


def _is_game(row: Transcript) -> bool:
    """Whether the agent's moves are commands in free words."""
    return row.form == PLAIN.name and any(not call.name for turn in row.agent for call in turn.calls)


def _acknowledges(turn: Turn, agent: Sequence[Turn]) -> bool:
    """Whether an agent's first turn only says that the rules are understood."""
    return len(agent) > 1 and len(turn.text) <= _SHORT and _ACKNOWLEDGES.match(turn.text) is not None


def _text_thought(row: Transcript, turn: Turn) -> str:
    if turn.moves or not turn.text.strip():
        return "" if turn.moves else "the turn is empty"
    if row.acts and announced(turn.text) is not None:
        return ""  # an act that the grammar does not have, or cannot read: see `calls`
    return "" if has_mark(turn.text) else f"a thought and no action that the {row.form} form can read"


def _native_thought(row: Transcript, turn: Turn) -> str:
    if any(mark in turn.text for mark in CALL_MARKS):
        return "a call that cannot be read stands in the text"
    if not turn.moves:
        return "a thought and no call" if turn.text.strip() or turn.thought else "the turn is empty"
    if THOUGHT.match(turn.text) and "Answer:" not in turn.text:
        return "a thought and no call"
    following = _next(row, turn)
    if following is not None and following.is_agent and following.text.strip() and following.calls:
        return "a thought and no call: the agent goes on without an answer"
    return ""


def _next(row: Transcript, turn: Turn) -> Turn | None:
    place = next(number for number, each in enumerate(row.turns) if each is turn) + 1
    return row.turns[place] if place < len(row.turns) else None


def _stands_behind_a_move(turn: Turn, start: int) -> bool:
    """Whether something was said or done before it: a thought about an observation is no observation."""
    before = turn.text[:start]
    return bool(turn.calls) and (has_mark(before) or "Answer:" in before or bool(before.strip()))
