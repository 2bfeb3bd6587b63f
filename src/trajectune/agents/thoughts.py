"""A thought that is asked of a teacher: the prompt, and what is wrong with an answer.

Invariant: a fault ends a sentence that begins "the thought"; the teacher is told it, and it is counted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trajectune.agents.contract import AgentReply, Conversation
from trajectune.environments.contract import Move
from trajectune.example import Message
from trajectune.trajectory import ToolCall

LONGEST_PAST = 6_000
"""Characters of the conversation that the teacher is shown, its beginning and its end."""
LONGEST_THOUGHT = 800
EMPTY, CALLS, LONG = "is empty", "holds a call", "does not come to an end"
LEAKS = "says the answer before it was seen"
ABOUT = "speaks about the agent and its move, not as the agent"
REPEATS = "repeats an earlier one"

PROMPT = """\
You solve a task step by step. This is what you were told and what has happened so far:

{past}

You now do this:

{move}

Write what you think just before you do it: what you have seen so far, and why this comes next. One or \
two plain sentences in the present tense that begin with "I". Do not repeat what you do as code, do not \
say again what you have thought before, and state nothing that is not known yet. Answer with the thought \
alone.
"""
ONCE_MORE = "Your last thought was not taken, because it {reason}. Write another."

LABEL = re.compile(r"\A\s*(?:thoughts?|think|reasoning)\s*:\s*", re.IGNORECASE)
_CALL = re.compile(
    r"```|<tool_call|\{\s*[\"']"
    r"|^[ \t]*(?:action(?: input)?|act|operation|answer|final answer|observation)\s*:",
    re.IGNORECASE | re.MULTILINE,
)
_ABOUT = re.compile(r"\b(?:the agent|(?:next|right|correct|this|the) move)\b", re.IGNORECASE)
_LONG_ARGUMENT = 25
"""Characters from which an argument that is repeated word for word counts as a call."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A thought that is asked for."""

    conversation: Conversation
    move: Move
    seen: str
    """All that was said so far, and the move."""
    unseen: tuple[str, ...]
    """Values of the final answer that neither the conversation nor the move shows."""


def prompt_of(wanted: Wanted, fault: str) -> str:
    """What the teacher is asked; after a thought with a fault, with that fault."""
    prompt = PROMPT.format(past=_past(wanted.conversation.messages), move=described(wanted.move))
    return f"{prompt}{ONCE_MORE.format(reason=fault)}\n" if fault else prompt


def thought_fault(said: AgentReply, thought: str, wanted: Wanted) -> str:
    """Why a thought is not taken; empty where it is."""
    if not thought:
        return EMPTY
    arguments = [value for call in wanted.move.calls for value in texts_in(call.arguments)]
    repeated = any(len(value) >= _LONG_ARGUMENT and value in thought for value in arguments)
    if said.calls or repeated or _CALL.search(LABEL.sub("", said.text)):
        return CALLS
    if said.finish != "stop" or len(thought) > LONGEST_THOUGHT:
        return LONG
    if _ABOUT.search(thought):
        return ABOUT
    if thought in wanted.seen:
        return REPEATS
    return LEAKS if any(says(thought, value) for value in wanted.unseen) else ""


def texts_in(value: Any) -> list[str]:
    """All texts and numbers in the arguments of a call."""
    if isinstance(value, dict):
        return [text for each in value.values() for text in texts_in(each)]
    if isinstance(value, list | tuple):
        return [text for each in value for text in texts_in(each)]
    return [] if value is None or isinstance(value, bool) else [str(value)]


def says(text: str, value: str) -> bool:
    """Whether a value stands in a text as a word or words of its own, in any case."""
    return re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text, re.IGNORECASE) is not None


def described(move: Move) -> str:
    """A move in words that a teacher reads."""
    if move.message is not None:
        return f"It says to the user: {move.message}"
    return "\n".join(f"It calls {_written(call)}" for call in move.calls)


def _written(call: ToolCall) -> str:
    arguments = ", ".join(f"{name} = {value!r}" for name, value in call.arguments.items())
    return f"the tool {call.name} with {arguments}" if arguments else f"the tool {call.name}"


def _past(messages: Sequence[Message]) -> str:
    """The conversation as one text; of a long one the beginning and the end."""
    text = "\n\n".join(f"[{message.role}] {message.content}" for message in messages)
    if len(text) <= LONGEST_PAST:
        return text
    return f"{text[: LONGEST_PAST // 3]}\n[…]\n{text[-2 * LONGEST_PAST // 3 :]}"
