"""Examples with the same messages: one of them is enough.

The idea: a conversation that stands twice in the data counts twice in the loss, which nobody asked for.
Equal are examples whose messages have the same roles, words and calls and are trained alike, whatever
their ids and spans. Invariant: of equal examples the first one stays.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from hashlib import sha256

from trajectune.curate.steps.contract import Context, CurateStep, Reject
from trajectune.example import Example

SAME_MESSAGES = "the messages of another example"


class Deduplicate(CurateStep[Example]):
    """Rejects an example whose messages another one has."""

    name = "deduplicate"
    level = "examples"

    def judge(self, rows: Iterable[Example], context: Context) -> Iterator[Example | Reject]:
        del context
        seen: set[bytes] = set()
        for row in rows:
            mark = _mark(row)
            yield Reject(row.id, SAME_MESSAGES) if mark in seen else row
            seen.add(mark)


def _mark(example: Example) -> bytes:
    """Equal for examples with the same messages and tools."""
    turns = [
        [
            message.role,
            message.content,
            message.trained,
            [[call.name, call.arguments] for call in message.tool_calls],
        ]
        for message in example.messages
    ]
    tools = [tool.model_dump(mode="json") for tool in example.tools]
    text = json.dumps([turns, tools], sort_keys=True)
    return sha256(text.encode("utf-8", "surrogatepass")).digest()
