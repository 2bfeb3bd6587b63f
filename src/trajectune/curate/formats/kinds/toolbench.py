"""ToolBench's answer trees: `tree, win, answer_generation{function, train_messages, …}` (Qin et al. 2023).

A file holds one search for an answer; read is the chain that won, as the messages that its last training
row shows (they include what was tried on the way). A tree that did not win has nothing to learn from and is
rejected; branches that failed are left out, which is noted. Only read, never written.
"""

from __future__ import annotations

from trajectune.curate.formats.base import JsonObject, Notes, Reader, RowError, objects
from trajectune.curate.formats.kinds.oasst import BRANCHES
from trajectune.curate.formats.reading.calls import parse_tools
from trajectune.curate.formats.reading.turns import BY_ROLE, parse_turn
from trajectune.example import Message
from trajectune.trajectory import Tool

_ANSWER = "answer_generation"


class ToolBench(Reader):
    """The winning chain of a tree of tool calls."""

    name = "toolbench"
    fields = frozenset({"win", "tree", "forward_args", "compare_candidates", _ANSWER})

    def recognises(self, row: JsonObject) -> bool:
        return isinstance(row.get(_ANSWER), dict) and "win" in row

    def parse(self, row: JsonObject, notes: Notes) -> tuple[list[Message], list[Tool]]:
        answer = row.get(_ANSWER)
        if not isinstance(answer, dict):
            raise RowError.expected(_ANSWER, "an object", answer)
        if row.get("win") is not True:
            raise RowError("win: expected true: no chain of this tree gives an answer")
        contexts = answer.get("train_messages")
        if not isinstance(contexts, list) or not contexts:
            raise RowError.expected(f"{_ANSWER}.train_messages", "the contexts of the chain", contexts)
        number = len(contexts) - 1
        turns = objects({"messages": contexts[-1]}, "messages")
        notes.add(BRANCHES)
        place = f"{_ANSWER}.train_messages.{number}."
        messages = [parse_turn(turn, BY_ROLE, f"{place}{i}.", notes) for i, turn in enumerate(turns)]
        return messages, parse_tools(answer, notes, "function")
