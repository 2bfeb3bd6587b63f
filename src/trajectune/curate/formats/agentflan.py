"""Agent-FLAN: `id, conversation[{role, content, loss}]` (Agent-FLAN, Chen et al. 2024).

A missing or null `loss` on a reply means trained; on other turns the flag says nothing. There is no
tool role and there are no native calls. The list is also met under the name `conversations`.
"""

from __future__ import annotations

from typing import cast

import pyarrow as pa

from trajectune.curate.formats.base import Format, JsonObject, RowError, is_trained, objects, text
from trajectune.example import Example, Message, Role
from trajectune.trajectory import Tool

_ROLES = ("system", "user", "assistant")


class AgentFLAN(Format):
    """Conversations of `role`, `content` and `loss`."""

    name = "agentflan"
    fields = frozenset({"conversation"})
    spellings = {"conversations": "conversation", "messages": "conversation"}  # noqa: RUF012

    def recognises(self, row: JsonObject) -> bool:
        field = next((name for name in ("conversation", "conversations", "messages") if name in row), "")
        turns = row.get(field)
        if not isinstance(turns, list) or not all(
            isinstance(turn, dict) and "role" in turn for turn in turns
        ):
            return False
        return field != "messages" or any("loss" in turn for turn in turns)

    def parse(self, row: JsonObject) -> tuple[list[Message], list[Tool]]:
        turns = objects(row, "conversation")
        return [_parse_turn(turn, f"conversation.{index}.") for index, turn in enumerate(turns)], []

    def render(self, example: Example) -> JsonObject:
        return {"conversation": [_render_turn(message) for message in example.messages]}

    @property
    def columns(self) -> list[pa.Field]:
        turn = pa.struct([("role", pa.string()), ("content", pa.string()), ("loss", pa.bool_())])
        return [pa.field("conversation", pa.list_(turn))]


def _parse_turn(turn: JsonObject, place: str) -> Message:
    role = text(turn, "role", place)
    if role not in _ROLES:
        raise RowError.expected(f"{place}role", f"one of {', '.join(_ROLES)}", role)
    trained = role == "assistant" and is_trained(turn, place)
    return Message(role=cast("Role", role), content=text(turn, "content", place), trained=trained)


def _render_turn(message: Message) -> JsonObject:
    turn: JsonObject = {"role": message.role, "content": message.content}
    return {**turn, "loss": message.trained} if message.role == "assistant" else turn
