"""Examples with the same messages, or nearly the same: one of them is enough.

The idea: a conversation that stands twice in the data counts twice in the loss, which nobody asked for.
Equal are examples whose messages have the same roles, reasoning, words and calls and are trained alike,
whatever their ids and spans. With `{deduplicate: {similarity: 0.8}}` an example goes too that is so similar
to one that stays (`trajectune.curate.steps.similar`).

Invariants: of equal examples the first one stays, in any order the same contents. Every near-duplicate
that goes is similar to an example before it that stays, so a chain of small changes does not end in one
row; which of a chain stay depends on the order.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from typing import Annotated

from pydantic import Field

from trajectune.curate.steps.contract import Context, CurateStep, Reject, StepOptions
from trajectune.curate.steps.similar import Similar
from trajectune.example import Example

SAME_MESSAGES = "the messages of another example"
SIMILAR = "nearly the messages of another example"


class DeduplicateOptions(StepOptions):
    """What `deduplicate` takes."""

    similarity: Annotated[float, Field(gt=0, le=1)] | None = None
    """Jaccard similarity of questions and of answers from which on examples are near-duplicates; empty
    means that only equal ones are dropped."""


class Deduplicate(CurateStep[Example]):
    """Rejects an example whose messages another one has, or nearly has."""

    name = "deduplicate"
    level = "examples"
    Options = DeduplicateOptions
    options: DeduplicateOptions

    def judge(self, rows: Iterable[Example], context: Context) -> Iterator[Example | Reject]:
        del context
        seen: set[bytes] = set()
        is_new = _novelty(self.options.similarity)
        for row in rows:
            mark = _mark(row)
            if mark in seen:
                yield Reject(row.id, SAME_MESSAGES)
            else:
                seen.add(mark)
                yield row if is_new(row) else Reject(row.id, SIMILAR)


def _novelty(similarity: float | None) -> Callable[[Example], bool]:
    """What tells whether an example is like none before it."""
    if similarity is None:
        return lambda _: True
    return Similar(similarity).is_new


def _mark(example: Example) -> bytes:
    """Equal for examples with the same messages and tools."""
    turns = [
        [
            message.role,
            message.reasoning,
            message.content,
            message.trained,
            [[call.name, call.arguments] for call in message.tool_calls],
        ]
        for message in example.messages
    ]
    tools = [tool.model_dump(mode="json") for tool in example.tools]
    text = json.dumps([turns, tools], sort_keys=True)
    return sha256(text.encode("utf-8", "surrogatepass")).digest()
