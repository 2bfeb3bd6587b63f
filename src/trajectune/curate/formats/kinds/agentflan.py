"""Agent-FLAN: `id, conversation[{role, content, loss}]` (Agent-FLAN, Chen et al. 2024).

There is no tool role and there are no native calls: rows that have them are OpenAI messages, whatever
flags stand beside. The list is also met under the names `conversations` and `messages`.
"""

from __future__ import annotations

import pyarrow as pa

from trajectune.curate.formats.base import (
    LISTS,
    Format,
    JsonObject,
    Notes,
    RowError,
    objects,
    optional_text,
)
from trajectune.curate.formats.kinds.openai import holds_tools, roled_turns
from trajectune.curate.formats.reading.calls import parse_tools
from trajectune.curate.formats.reading.turns import BY_ROLE, parse_turn
from trajectune.example import Example, Message
from trajectune.trajectory import Tool

_ROLES = ("system", "user", "assistant")


class AgentFLAN(Format):
    """Conversations of `role`, `content` and `loss`."""

    name = "agentflan"
    fields = frozenset({"conversation", "tools", "system"})
    spellings = {name: "conversation" for name in LISTS if name != "conversation"} | {"functions": "tools"}

    def recognises(self, row: JsonObject) -> bool:
        field, turns = roled_turns(row)
        if not field or holds_tools(row, turns):
            return False
        return field != "messages" or any("loss" in turn for turn in turns)

    def parse(self, row: JsonObject, notes: Notes) -> tuple[list[Message], list[Tool]]:
        system = optional_text(row, "system")
        messages = [Message(role="system", content=system)] if system else []
        for index, turn in enumerate(objects(row, "conversation")):
            messages.append(parse_turn(turn, BY_ROLE, f"conversation.{index}.", notes))
        return messages, parse_tools(row, notes)

    def render(self, example: Example) -> JsonObject:
        turns = [_render_turn(turn, f"messages.{index}.") for index, turn in enumerate(example.messages)]
        return {"conversation": turns}

    @property
    def columns(self) -> list[pa.Field]:
        words = [(key, pa.string()) for key in ("role", "content", "reasoning_content")]
        turn = pa.struct([*words, ("loss", pa.bool_())])
        return [pa.field("conversation", pa.list_(turn))]


def _render_turn(message: Message, place: str) -> JsonObject:
    if message.role not in _ROLES:
        raise RowError.expected(f"{place}role", f"one of {', '.join(_ROLES)}", message.role)
    if message.tool_calls:
        raise RowError(f"{place}tool_calls: agentflan has no calls; openai has")
    turn: JsonObject = {"role": message.role, "content": message.content}
    if message.reasoning:
        turn["reasoning_content"] = message.reasoning
    return {**turn, "loss": message.trained} if message.role == "assistant" else turn
