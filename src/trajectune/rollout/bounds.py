"""How much of what was said in an episode is taken in, so that whatever is sent costs at most its limit.

The idea: a reply that is larger than any move needs is a fault, and is kept as far as the limit; so is a
call that no file could hold (a number out of range, deep nesting). An observation beyond the limit is cut,
and the cut is marked. Invariant: an episode within these bounds is a line of JSON that the readers of
`trajectune.storage` take (`MAX_LINE_BYTES`), whatever characters it is made of.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from trajectune.agents.contract import AgentReply
from trajectune.dialects.text import plain
from trajectune.environments.contract import StepResult
from trajectune.trajectory import Step, ToolCall

MAX_REPLY = 200_000
"""Characters of one turn of a model."""
MAX_CALLS = 64
"""Calls in one move."""
MAX_OBSERVATION = 50_000
"""Characters of one answer of an environment."""
MAX_EPISODE = 4_000_000
"""Characters of replies and observations together, after which an episode ends."""


def taken(reply: AgentReply) -> tuple[AgentReply, str]:
    """A model's reply as far as it is kept, and what is too much in it, in words for the agent.

    The words are empty where nothing is; else the reply has no calls.
    """
    problem = too_long(reply.text) or too_much(reply.calls)
    if not problem:
        return replace(reply, text=plain(reply.text), calls=[_plain(call) for call in reply.calls]), ""
    whole = len(reply.text) <= MAX_REPLY
    kept = plain(reply.text[:MAX_REPLY])
    return replace(reply, text=kept, calls=(), tokens=reply.tokens if whole else None), problem


def too_long(text: str) -> str:
    """What is wrong with the length of a reply; empty if nothing is."""
    if len(text) <= MAX_REPLY:
        return ""
    return f"The reply is too long: {len(text)} characters, at most {MAX_REPLY} are read."


def too_much(calls: Sequence[ToolCall]) -> str:
    """What is too much in the calls of a move; empty if nothing is."""
    if len(calls) > MAX_CALLS:
        return f"Too many calls at once: {len(calls)}, at most {MAX_CALLS} are taken."
    for call in calls:
        try:
            size = len(call.name) + len(call.id) + len(json.dumps(plain(call.arguments)))
        except ValueError as error:
            return f"The arguments of {call.name[:100]!r} cannot be taken: {error}."
        if size > MAX_REPLY:
            return f"The call of {call.name[:100]!r} is too long: {size} characters."
    return ""


def answered(result: StepResult) -> StepResult:
    """An environment's answer with its observation within the limit."""
    text = plain(result.observation)
    if len(text) > MAX_OBSERVATION:
        text = f"{text[:MAX_OBSERVATION]} … [{len(text) - MAX_OBSERVATION} characters cut]"
    return result if text == result.observation else replace(result, observation=text)


def size_of(step: Step) -> int:
    """Characters that a step adds to its episode."""
    return sum(len(reply.text) for reply in step.replies) + len(step.answer)


def _plain(call: ToolCall) -> ToolCall:
    changes = {"name": plain(call.name), "arguments": plain(call.arguments), "id": plain(call.id)}
    return call.model_copy(update=changes)
