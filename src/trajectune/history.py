"""AgentBench's limit on how much of a conversation an agent is shown.

The idea: before each turn the oldest messages but the first are left out, until what is shown counts fewer
segments than the limit (AgentBench and AgentTuning: 3,500), and the first message says how many are missing
(AgentTuning's repository, `AgentBench.old/src/agent.py`). A segment is up to seven letters, or one other
sign that is neither a space nor a line end. So a turn whose past was cut stands in a context of its own: it
is another prompt, not a continuation of the one before.

Invariants: acting and training cut with the same function; what is shown behind the first message begins
with the agent's words, so that roles alternate and no answer stands there without its call.
"""

from __future__ import annotations

import functools
import json
import re
from collections import defaultdict
from collections.abc import Sequence

from trajectune.example import Example, Message

_ASCII = re.compile(r"[A-Za-z]{1,7}|[^A-Za-z \n]")
_LONGEST = 7
"""Letters of a segment."""


@functools.lru_cache(maxsize=4096)
def segments(text: str) -> int:
    """How many segments a text counts."""
    if text.isascii():
        return sum(1 for _ in _ASCII.finditer(text))
    count = letters = 0
    for sign in text:
        if sign.isalpha():
            letters += 1
            count += letters % _LONGEST == 1
        else:
            letters = 0
            count += sign not in " \n"
    return count


def cut(messages: Sequence[Message], limit: int | None) -> tuple[list[Message], int]:
    """What is shown of a conversation before the agent's next turn, and how many messages are left out.

    With no limit all is shown. The first message is, however long it may be; as AgentBench does it, the
    last one is not where the two together reach the limit.
    """
    if limit is None:
        return list(messages), 0
    head = _head(messages)
    count = sum(map(_size, messages[:head]))
    start = len(messages)
    while start > head and (count := count + _size(messages[start - 1])) < limit:
        start -= 1
    while head < start < len(messages) and messages[start].role != "assistant":
        start += 1
    omitted = start - head
    if not omitted:
        return list(messages), 0
    first = messages[head - 1]
    notice = f"{first.content}\n\n[NOTICE] {omitted} messages are omitted."
    return [
        *messages[: head - 1],
        first.model_copy(update={"content": notice}),
        *messages[start:],
    ], omitted


def met(example: Example) -> list[Example]:
    """The conversations in which an agent under the example's limit met its trained turns, in order.

    One for each past that was cut in another place; a message is trained in one of them.
    """
    if example.history_limit is None:
        return [example]
    turns: defaultdict[int, list[int]] = defaultdict(list)
    for turn, message in enumerate(example.messages):
        if message.trained:
            _, omitted = cut(example.messages[:turn], example.history_limit)
            turns[omitted].append(turn)
    return [_context(example, omitted, group) for omitted, group in turns.items()] or [example]


def _context(example: Example, omitted: int, turns: Sequence[int]) -> Example:
    """The conversation in which these turns were met, up to the last of them."""
    shown, _ = cut(example.messages[: turns[-1]], example.history_limit)
    said = [*shown, example.messages[turns[-1]]]
    trained = {turn - omitted for turn in turns}
    messages = [
        message.model_copy(update={"trained": number in trained}) if message.trained else message
        for number, message in enumerate(said)
    ]
    return example.model_copy(update={"messages": messages, "history_limit": None})


def _head(messages: Sequence[Message]) -> int:
    """Messages that are always shown: up to the user's first, which a system's may precede."""
    return next((n for n, message in enumerate(messages, 1) if message.role != "system"), len(messages))


def _size(message: Message) -> int:
    """Segments of a message, its calls as text among them."""
    calls = [json.dumps([call.name, call.arguments], ensure_ascii=False) for call in message.tool_calls]
    return segments(message.content) + sum(map(segments, calls))
