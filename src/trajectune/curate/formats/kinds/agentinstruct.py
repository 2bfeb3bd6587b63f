"""AgentInstruct: `id, conversations[{from, loss, value}]` (AgentTuning, Zeng et al. 2023).

`loss` is null on a human's turn and says on a reply whether it is trained. Tool turns are written as in
ShareGPT, with the flag.
"""

from __future__ import annotations

import pyarrow as pa

from trajectune.curate.formats.base import Format, JsonObject, Notes
from trajectune.curate.formats.kinds.sharegpt import has_speakers, parse_turns, render_tools, render_turns
from trajectune.curate.formats.reading.calls import parse_tools
from trajectune.example import Example, Message
from trajectune.trajectory import Tool


class AgentInstruct(Format):
    """Conversations of `from`, `loss` and `value`."""

    name = "agentinstruct"
    fields = frozenset({"conversations", "tools", "system"})
    spellings = {"functions": "tools"}  # noqa: RUF012

    def recognises(self, row: JsonObject) -> bool:
        return has_speakers(row) and any("loss" in turn for turn in row["conversations"])

    def parse(self, row: JsonObject, notes: Notes) -> tuple[list[Message], list[Tool]]:
        return parse_turns(row, notes), parse_tools(row, notes)

    def render(self, example: Example) -> JsonObject:
        turns = [
            {"from": turn["from"], "loss": message.trained if message.role == "assistant" else None, **turn}
            for message in example.messages
            for turn in render_turns(message)
        ]
        return {"conversations": turns, **render_tools(example.tools)}

    @property
    def columns(self) -> list[pa.Field]:
        words = [(key, pa.string()) for key in ("from", "value", "reasoning_content")]
        turn = pa.struct([*words, ("loss", pa.bool_())])
        return [pa.field("conversations", pa.list_(turn)), pa.field("tools", pa.string())]
