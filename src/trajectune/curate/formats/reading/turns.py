"""One turn of a conversation, as every format of messages reads it.

The idea: formats differ in the names of speaker and words and in what they write. What may stand beside
the words (calls, reasoning, ids, flags of training) means the same in all of them, so it is read here.

Invariants: a flag (`loss`, `train`, `trained`, `weight`) of 0 or false says that a reply is not trained,
one that is missing or null says nothing, and a reply is trained unless a flag says otherwise. What a turn
holds is read, or the row is rejected, or a note names it.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from functools import cached_property

from trajectune.curate.formats.base import JsonObject, Notes, RowError, optional_text, text
from trajectune.curate.formats.reading.calls import parse_call_text, parse_turn_calls
from trajectune.curate.formats.reading.unread import note_unread
from trajectune.curate.formats.reading.words import parse_words
from trajectune.example import Message, Role

ROLES: dict[str, Role] = {
    "human": "user",
    "user": "user",
    "prompter": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "model": "assistant",
    "function_call": "assistant",
    "tool_call": "assistant",
    "system": "system",
    "developer": "system",
    "observation": "tool",
    "tool": "tool",
    "function": "tool",
    "tool_response": "tool",
    "function_response": "tool",
}
"""Speakers met in the wild."""
CALLING = frozenset({"function_call", "tool_call"})
"""Speakers whose words are a call, as JSON text."""
REASONING = ("reasoning_content", "reasoning", "thinking")
"""Where the thought before a reply is met; we write the first."""
FLAGS = frozenset({"loss", "train", "trained", "weight"})
_BESIDE = frozenset(
    {*REASONING, *FLAGS, "tool_calls", "function_call", "tool_call_id", "name", "type", "id"}
)


@dataclass(frozen=True)
class Naming:
    """How a format calls a turn's speaker and its words."""

    speaker: str
    words: str

    @cached_property
    def own(self) -> frozenset[str]:
        """The two names."""
        return frozenset({self.speaker, self.words})

    @cached_property
    def known(self) -> frozenset[str]:
        """All names of a turn that are read."""
        return _BESIDE | self.own


BY_FROM = Naming("from", "value")
"""ShareGPT's and AgentInstruct's."""
BY_ROLE = Naming("role", "content")
"""OpenAI's and Agent-FLAN's."""


def parse_turn(turn: JsonObject, naming: Naming, place: str, notes: Notes) -> Message:
    """The message of a turn; `place` begins the names in errors: `messages.0.`. Raises `RowError`."""
    speaker = text(turn, naming.speaker, place)
    role = ROLES.get(speaker)
    if role is None:
        raise RowError.expected(f"{place}{naming.speaker}", f"one of {', '.join(ROLES)}", speaker)
    beside = turn.keys() - naming.own
    trained = _is_trained(turn, beside & FLAGS, role, place)
    words = turn.get(naming.words)
    if isinstance(words, str) and beside <= FLAGS and speaker not in CALLING:
        return Message(role=role, content=words, trained=trained)  # as nearly all turns are
    note_unread(turn, naming.known, "a turn", notes)
    message = _parse_full(turn, naming, place, role, notes)
    return message.model_copy(update={"trained": trained}) if trained else message


def _parse_full(turn: JsonObject, naming: Naming, place: str, role: Role, notes: Notes) -> Message:
    """A turn with anything beside its words and flags."""
    calls = parse_turn_calls(turn, place, notes)
    words, thoughts = _words(turn, naming, place, bool(calls))
    speaker = turn[naming.speaker]
    if speaker in CALLING and not calls:
        calls, words = parse_call_text(words, f"{place}{naming.words}"), ""
    if role != "assistant" and (calls or thoughts):
        what = "tool_calls" if calls else REASONING[0]
        raise RowError(f"{place}{what}: expected on an assistant's message only, found on a {speaker}'s")
    return Message(
        role=role,
        content=words,
        reasoning=thoughts,
        tool_calls=calls,
        tool_call_id=optional_text(turn, "tool_call_id", place),
        name=optional_text(turn, "name", place),
    )


def _is_trained(turn: JsonObject, flags: Set[str], role: Role, place: str) -> bool:
    """What the flags of a turn say: a reply is trained unless one says no; nothing else ever is."""
    said = {key: _flag(turn[key], f"{place}{key}") for key in flags if turn[key] is not None}
    if role == "assistant":
        if len(set(said.values())) > 1:
            raise RowError(f"{place}{' and '.join(sorted(said))}: expected flags that agree")
        return all(said.values())
    said.pop("weight", None)  # a weight of 1 is what any turn weighs; the other flags ask for training
    for key, asks in said.items():
        if asks:
            raise RowError(f"{place}{key}: expected null or false on the turn of a {role}, found true")
    return False


def _flag(value: object, place: str) -> bool:
    if value not in (0, 1):
        what = "0 or 1" if place.endswith("weight") else "true, false or null"
        raise RowError.expected(place, what, value)
    return bool(value)


def _words(turn: JsonObject, naming: Naming, place: str, has_calls: bool) -> tuple[str, str]:
    """What a turn says and what was thought before; null words stand for none beside calls or thoughts."""
    value = turn.get(naming.words)
    thoughts = {t for key in REASONING if (t := optional_text(turn, key, place))}
    if isinstance(value, str):
        words = value
    elif value is None and (has_calls or thoughts):
        words = ""
    else:
        words, inside = parse_words(value, f"{place}{naming.words}")
        thoughts |= {inside} if inside else set()
    if len(thoughts) > 1:
        raise RowError(f"{place}reasoning_content: expected one thought, found several that differ")
    return words, next(iter(thoughts), "")
