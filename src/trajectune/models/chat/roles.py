"""Conversations for templates that do not take every role everywhere.

The idea: what a system message says is not lost where a template has no place for it. It is put before the
user's next words, or made a turn of the user's, as a person would do it. Several at the beginning are one
where the template takes one.

Invariant: the first messages of a folded conversation are the folded first messages, up to any reply of the
assistant's: nothing is moved past one. So a reply meets in training the prompt that it meets when served.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from trajectune.example import Message
from trajectune.models.chat.words import Written


class Roles(NamedTuple):
    """Where a template takes which role."""

    system: bool = True
    """Whether it shows a system message at the beginning."""
    several: bool = True
    """Whether it shows two of them."""
    later: bool = True
    """Whether it shows one between two turns of the conversation, where it stands."""
    users: bool = True
    """Whether two turns of the user may follow each other."""

    @property
    def told(self) -> str:
        """What a user should know of it; empty where there is nothing to tell."""
        if not self.system:
            return "the chat template has no system role: system messages go into the user's turns"
        if not self.later:
            return "the chat template takes no system message later on: it goes into the user's next turn"
        return "" if self.several else "the chat template takes one system message: several are joined"


def fold(turns: Sequence[Written], roles: Roles) -> list[Written]:
    """The conversation with no message where the template has no place for it."""
    if roles == Roles():
        return list(turns)
    found: list[Written] = []
    waiting: list[Written] = []
    for turn in turns:
        if turn.message.role == "system":
            _place(turn, found, waiting, roles)
        elif turn.message.role == "tool":  # results follow their call at once
            found.append(turn)
        else:
            found += _with_waiting(turn, waiting)
            waiting = []
    found += [_of_user(waiting)] if waiting else []
    return found if roles.users else _alternating(found)


def _place(turn: Written, found: list[Written], waiting: list[Written], roles: Roles) -> None:
    first = not waiting and all(one.message.role == "system" for one in found)
    if first and roles.system:
        if found and not roles.several:
            found[-1] = _joined(found[-1], turn, found[-1].origin)
        else:
            found.append(turn)
    elif not first and roles.later and not waiting:
        found.append(turn)
    elif turn.message.content.strip():
        waiting.append(turn)


def _with_waiting(turn: Written, waiting: list[Written]) -> list[Written]:
    if not waiting:
        return [turn]
    told = _of_user(waiting)
    return [_joined(told, turn, turn.origin)] if turn.message.role == "user" else [told, turn]


def _of_user(waiting: Sequence[Written]) -> Written:
    text = "\n\n".join(turn.message.content for turn in waiting)
    return Written(Message(role="user", content=text), waiting[0].origin)


def _alternating(turns: Sequence[Written]) -> list[Written]:
    """Turns of the user's that we made are one with their neighbours; two of the row's own stay two."""
    found: list[Written] = []
    for turn in turns:
        before = found[-1] if found else None
        both = before is not None and before.message.role == turn.message.role == "user"
        if before and both and (before.origin.role != "user" or turn.origin.role != "user"):
            found[-1] = _joined(before, turn, turn.origin)
        else:
            found.append(turn)
    return found


def _joined(first: Written, then: Written, origin: Message) -> Written:
    text = f"{first.message.content}\n\n{then.message.content}"
    return Written(Message(role=then.message.role, content=text), origin)
