"""OpenAssistant trees: `message_tree_id, prompt{text, role, rank, replies[…]}` (Köpf et al. 2023).

A tree holds many conversations with one beginning. Read is the best one: at each turn the reply that people
ranked first. The other branches are left out, which is noted. Only read, never written.
"""

from __future__ import annotations

from collections.abc import Iterator

from trajectune.curate.formats.base import JsonObject, Notes, Reader, RowError, text
from trajectune.curate.formats.reading.turns import ROLES
from trajectune.example import Message
from trajectune.trajectory import Tool

BRANCHES = "other branches of the tree are left out"


class OpenAssistant(Reader):
    """The best-ranked conversation of a tree."""

    name = "oasst"
    fields = frozenset({"message_tree_id", "prompt"})
    id_field = "message_tree_id"

    def recognises(self, row: JsonObject) -> bool:
        prompt = row.get("prompt")
        return isinstance(prompt, dict) and "replies" in prompt and "text" in prompt

    def parse(self, row: JsonObject, notes: Notes) -> tuple[list[Message], list[Tool]]:
        root = row.get("prompt")
        if not isinstance(root, dict):
            raise RowError.expected("prompt", "an object", root)
        messages = [_message(node, place) for node, place in _best(root, notes)]
        while messages and messages[-1].role != "assistant":
            messages.pop()
        if not messages:
            raise RowError("prompt.replies: expected a reply of the assistant")
        return messages, []


def _best(root: JsonObject, notes: Notes) -> Iterator[tuple[JsonObject, str]]:
    """The nodes from the root to the end of the best branch, with their places."""
    node, place = root, "prompt"
    while True:
        yield node, place
        replies = node.get("replies") or []
        if not isinstance(replies, list) or not all(isinstance(reply, dict) for reply in replies):
            raise RowError.expected(f"{place}.replies", "a list of messages", replies)
        numbered = [(number, reply) for number, reply in enumerate(replies) if not reply.get("deleted")]
        if not numbered:
            return
        if len(replies) > 1:
            notes.add(BRANCHES)
        number, node = min(numbered, key=_order)
        place = f"{place}.replies.{number}"


def _order(numbered: tuple[int, JsonObject]) -> tuple[bool, float, bool, int]:
    """Ranked replies first, by rank; of others those that were answered; then as they stand."""
    number, reply = numbered
    rank = reply.get("rank")
    is_ranked = isinstance(rank, int | float)
    return not is_ranked, rank if is_ranked else 0, not reply.get("replies"), number


def _message(node: JsonObject, place: str) -> Message:
    speaker = text(node, "role", f"{place}.")
    role = ROLES.get(speaker)
    if role not in ("user", "assistant"):
        raise RowError.expected(f"{place}.role", "prompter or assistant", speaker)
    return Message(role=role, content=text(node, "text", f"{place}."), trained=role == "assistant")
