"""Turns of the user that say nothing."""

from __future__ import annotations

from collections.abc import Iterator

from trajectune.curate.lint.finding import DataFault, Finding, found
from trajectune.curate.lint.transcript import Transcript


def empty_user_turns(row: Transcript) -> Iterator[Finding]:
    """User turns without a word. An empty answer of a tool is an answer."""
    for turn in row.turns:
        if turn.role == "user" and not turn.text.strip():
            yield found(DataFault.EMPTY_USER_TURN, turn.place, "the user says nothing")
