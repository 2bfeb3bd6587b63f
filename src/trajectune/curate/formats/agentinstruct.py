"""AgentInstruct: `id, conversations[{from, loss, value}]` (AgentTuning, Zeng et al. 2023).

`loss` is null on a human's turn and says on a reply whether it is trained; a null or missing one on a
reply means trained. Tool turns are written as in ShareGPT, with the flag.
"""

from __future__ import annotations

import pyarrow as pa

from trajectune.curate.formats.base import Format, JsonObject, parse_tools
from trajectune.curate.formats.sharegpt import has_speakers, parse_turns, render_tools, render_turns
from trajectune.example import Example, Message
from trajectune.trajectory import Tool


class AgentInstruct(Format):
    """Conversations of `from`, `loss` and `value`."""

    name = "agentinstruct"
    fields = frozenset({"conversations", "tools", "system"})

    def recognises(self, row: JsonObject) -> bool:
        return has_speakers(row) and any("loss" in turn for turn in row["conversations"])

    def parse(self, row: JsonObject) -> tuple[list[Message], list[Tool]]:
        return parse_turns(row), parse_tools(row)

    def render(self, example: Example) -> JsonObject:
        turns = [
            {"from": turn["from"], "loss": message.trained if message.role == "assistant" else None, **turn}
            for message in example.messages
            for turn in render_turns(message)
        ]
        return {"conversations": turns, **render_tools(example.tools)}

    @property
    def columns(self) -> list[pa.Field]:
        turn = pa.struct([("from", pa.string()), ("loss", pa.bool_()), ("value", pa.string())])
        return [pa.field("conversations", pa.list_(turn)), pa.field("tools", pa.string())]
