"""Alpaca: `instruction, input, output`, one question and its answer, without loss flags.

`input` is what the instruction speaks of; the two make one user message, a line apart. Longer
conversations use the fields of LLaMA-Factory's variant: `system`, and `history` as pairs of earlier
questions and answers. Also met as `prompt`/`response`, `prompt`/`completion` and `question`/`answer`;
Dolly's `context` is the input. What was thought before the answer stands in `reasoning_content`; earlier
answers hold none.
"""

from __future__ import annotations

import pyarrow as pa

from trajectune.curate.formats.base import Format, JsonObject, Notes, RowError, optional_text, text
from trajectune.curate.formats.reading.turns import REASONING
from trajectune.example import Example, Message
from trajectune.trajectory import Tool


class Alpaca(Format):
    """Questions with answers."""

    name = "alpaca"
    fields = frozenset({"instruction", "input", "output", "system", "history", REASONING[0]})
    spellings = {  # noqa: RUF012
        "prompt": "instruction",
        "question": "instruction",
        "response": "output",
        "answer": "output",
        "completion": "output",
        "context": "input",
        **dict.fromkeys(REASONING[1:], REASONING[0]),
    }

    def recognises(self, row: JsonObject) -> bool:
        own = {self.spellings.get(name, name): value for name, value in row.items()}
        return {"instruction", "output"} <= own.keys() and isinstance(own.get("input"), str | None)

    def parse(self, row: JsonObject, notes: Notes) -> tuple[list[Message], list[Tool]]:
        del notes
        parts = [text(row, "instruction"), optional_text(row, "input")]
        system, thought = optional_text(row, "system"), optional_text(row, REASONING[0])
        messages = [Message(role="system", content=system)] if system else []
        for question, answer in _history(row):
            messages.append(Message(role="user", content=question))
            messages.append(Message(role="assistant", content=answer, trained=True))
        messages.append(Message(role="user", content="\n".join(filter(None, parts))))
        answer = text(row, "output")
        messages.append(Message(role="assistant", content=answer, reasoning=thought, trained=True))
        return messages, []

    def render(self, example: Example) -> JsonObject:
        messages = example.messages
        system = messages[0].content if messages and messages[0].role == "system" else ""
        turns = messages[1:] if system else messages
        if not turns or [turn.role for turn in turns] != ["user", "assistant"] * (len(turns) // 2):
            raise RowError("messages: expected questions and answers in turn, as alpaca has nothing else")
        words = [turn.content for turn in turns]
        row: JsonObject = {"instruction": words[-2], "input": "", "output": words[-1]}
        if system:
            row["system"] = system
        if words[:-2]:
            row["history"] = [list(pair) for pair in zip(words[:-2:2], words[1:-2:2], strict=True)]
        if turns[-1].reasoning:
            row[REASONING[0]] = turns[-1].reasoning
        return row

    @property
    def columns(self) -> list[pa.Field]:
        names = ("instruction", "input", "output", "system", REASONING[0])
        return [
            *(pa.field(name, pa.string()) for name in names),
            pa.field("history", pa.list_(pa.list_(pa.string()))),
        ]


def _history(row: JsonObject) -> list[tuple[str, str]]:
    history = row.get("history") or []
    if not isinstance(history, list):
        raise RowError.expected("history", "a list of pairs", history)
    for index, pair in enumerate(history):
        if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(side, str) for side in pair):
            raise RowError.expected(f"history.{index}", "a pair of strings", pair)
    return [(question, answer) for question, answer in history]
