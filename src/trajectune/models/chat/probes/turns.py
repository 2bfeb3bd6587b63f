"""What is asked of a chat template, once: how it takes contents, how a reply begins and ends in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

from trajectune.errors import ModelError
from trajectune.example import Message
from trajectune.models.chat.dicts import Manner, chat_dicts
from trajectune.models.chat.roles import Roles
from trajectune.models.chat.thought import WORDS, Marks, Thought, with_thought

PROBE = "Qx7probeZk9"
"""A reply that no template writes by itself."""
_SYSTEM, _LATER, _THOUGHT = "Qx7systemZk9", "Qx7laterZk9", "Qx7thoughtZk9"
QUESTION = Message(role="user", content="Qx7questionZk9")
REPLY = Message(role="assistant", content=PROBE)
THOUGHTS = ("reasoning_content", "reasoning", "thinking")
"""The fields in which templates look for a thought."""


class Apply(Protocol):
    """A chat template at work. Raises ModelError when it refuses the conversation."""

    def __call__(
        self, messages: Sequence[dict[str, Any]], tools: Sequence[dict[str, Any]], *, opened: bool
    ) -> str: ...


class Turn(NamedTuple):
    """How a plain reply stands in a conversation."""

    lead: str
    """What the template puts between the generation prompt and the words."""
    end: str
    """The marker that ends the reply."""
    trail: str = ""
    """What follows the marker in a conversation that the reply ends."""
    unwritten: bool = False
    """Whether the template leaves the marker to the next turn, whose beginning it is."""
    opened: str = ""
    """The end of the generation prompt that the template's own replies lack: it opens a thought."""
    prompt: str = ""
    """What the template adds to a conversation as the opening of a reply."""


def ask_parts(apply: Apply) -> Manner:
    """Whether contents are texts or lists of parts: as a text some templates do not show them."""
    for manner in (Manner(), Manner(parts=True)):
        shown = attempt(apply, [QUESTION, REPLY], manner)
        if shown and PROBE in shown and QUESTION.content in shown:
            return manner
    return Manner()


def ask_turn(apply: Apply, manner: Manner, special: re.Pattern[str], where: str) -> Turn:
    """How the template writes a plain reply.

    Raises ModelError when it refuses a question and an answer, or does not mark where a reply is.
    """
    try:
        prompt = apply(chat_dicts([QUESTION], manner), [], opened=True)
        closed = apply(chat_dicts([QUESTION, REPLY], manner), [], opened=False)
    except ModelError as error:
        raise ModelError(
            f"the chat template fails on a plain question and answer: {error.what}", where=where
        ) from error
    before, _, after = closed.partition(PROBE)
    opened = "" if before.startswith(prompt) else opening_of(prompt, before)
    end = ask_end(apply, manner, special, after)
    if end is None or (not opened and not before.startswith(prompt)):
        raise ModelError(
            "the chat template does not mark where a reply begins and ends",
            where=where,
            remedy="use another template: llama-2, llama-3, chatml or agent-flan",
        )
    lead = before[len(prompt) - len(opened) :]
    return end._replace(lead=lead, opened=opened, prompt=_generation(apply, manner, prompt))


def _generation(apply: Apply, manner: Manner, prompt: str) -> str:
    unopened = attempt(apply, [QUESTION], manner) or ""
    same = zip(prompt, unopened, strict=False)
    return prompt[next((n for n, pair in enumerate(same) if pair[0] != pair[1]), len(unopened)) :]


def opening_of(prompt: str, written: str) -> str:
    """The thought that the prompt opens and what is written in its place does not; empty if none."""
    mark = WORDS.opening.strip()
    place = prompt.rfind(mark)
    opens = place >= 0 and prompt[place:].strip() == mark and written.startswith(prompt[:place])
    return prompt[place:] if opens else ""


def ask_end(apply: Apply, manner: Manner, special: re.Pattern[str], after: str) -> Turn | None:
    """How a plain reply ends that `after` follows; `None` where nothing marks it."""
    marker = special.search(after)
    end = after[: marker.end()] if marker else after.rstrip()
    if end.strip():
        return Turn("", end, after[len(end) :])
    following = attempt(apply, [QUESTION, REPLY, Message(role="user", content=_LATER)], manner) or ""
    marker = special.search(following.partition(PROBE)[2].partition(_LATER)[0])
    if marker is None or following.partition(PROBE)[2][: marker.start()].strip():
        return None
    return Turn("", marker[0], after, unwritten=True)


def ask_roles(apply: Apply, manner: Manner) -> Roles:
    """Where the template takes system messages, and whether turns have to alternate."""
    first, second = Message(role="system", content=_SYSTEM), Message(role="system", content=_LATER)
    more = Message(role="user", content="Qx7moreZk9")
    texts = [_SYSTEM, _LATER]
    return Roles(
        system=_shows(apply, manner, [first, QUESTION], [_SYSTEM]),
        several=_shows(apply, manner, [first, second, QUESTION], texts),
        later=_shows(apply, manner, [first, QUESTION, REPLY, second, more], [_SYSTEM, PROBE, _LATER]),
        users=_shows(apply, manner, [QUESTION, more], [QUESTION.content, more.content]),
    )


def ask_thought(apply: Apply, manner: Manner, turn: Turn) -> tuple[Thought, Manner]:
    """How the template writes a thought, and the manner with the field that it looks for it in."""
    prompt = attempt(apply, [QUESTION], manner, opened=True) or ""
    opened = turn.opened or opening_of(prompt, prompt)
    thoughtful = Message(role="assistant", content=PROBE, reasoning=_THOUGHT)
    for key in THOUGHTS:
        found = replace(manner, thought=key)
        written = attempt(apply, [QUESTION, thoughtful], found) or ""
        before, _, rest = written.partition(_THOUGHT)
        gap, probe, _ = rest.partition(PROBE)
        base = prompt.removesuffix(turn.opened)
        if probe and before.startswith(base):
            marks, head = _marks(before[len(base) :], gap, turn.lead)
            return Thought(marks, head, opened), found
    said = Message(role="assistant", content=with_thought(thoughtful))
    kept = _THOUGHT in (attempt(apply, [QUESTION, said], manner) or "")
    lead = turn.lead.strip()
    head = "" if lead.startswith(WORDS.opening.strip()) or not lead else turn.lead
    return Thought(WORDS, head, opened, kept), manner


def _marks(before: str, gap: str, lead: str) -> tuple[Marks, str]:
    """What stands around a thought, and the head of words, which a channel has."""
    opening = before or WORDS.opening  # the prompt opened it
    head = lead if lead.strip() and gap.endswith(lead) and len(gap) > len(lead) else ""
    return Marks(opening, gap.removesuffix(head)), head


def attempt(
    apply: Apply,
    messages: Sequence[Message],
    manner: Manner,
    tools: Sequence[dict[str, Any]] = (),
    *,
    opened: bool = False,
) -> str | None:
    """What the template writes; `None` where it refuses."""
    try:
        return apply(chat_dicts(messages, manner), tools, opened=opened)
    except ModelError:
        return None


def _shows(apply: Apply, manner: Manner, messages: Sequence[Message], texts: Sequence[str]) -> bool:
    """Whether the template shows these texts, in this order."""
    shown = attempt(apply, messages, manner, opened=messages[-1].role == "user")
    places = [(shown or "").find(text) for text in texts]
    return min(places) >= 0 and places == sorted(places)
