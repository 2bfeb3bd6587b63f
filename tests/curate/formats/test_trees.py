"""Trees of conversations: the best branch of OpenAssistant's, the winning chain of ToolBench's."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from trajectune.curate.formats import read_examples, write_examples
from trajectune.curate.formats.kinds.oasst import BRANCHES
from trajectune.errors import DataError
from trajectune.example import Example
from trajectune.storage import Rejected


def node(role: str, text: str, *replies: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"role": role, "text": text, "replies": list(replies), "deleted": False, **fields}


def read(path: Path, *rows: dict[str, Any]) -> tuple[list[Example], list[Rejected], Counter[str]]:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    rejected: list[Rejected] = []
    notes: Counter[str] = Counter()
    return list(read_examples(path, rejected, notes=notes)), rejected, notes


def test_the_best_branch_of_a_tree_is_one_example(tmp_path: Path) -> None:
    best = node(
        "assistant", "best", node("prompter", "left"), node("prompter", "more", node("assistant", "end"))
    )
    prompt = node(
        "prompter",
        "q",
        node("assistant", "gone", deleted=True, rank=0),
        node("assistant", "worse", rank=2),
        {**best, "rank": 1},
        node("assistant", "unranked"),
    )
    (example,), rejected, notes = read(
        tmp_path / "trees.jsonl", {"message_tree_id": "t1", "tree_state": "ready", "prompt": prompt}
    )
    assert [(m.role, m.content, m.trained) for m in example.messages] == [
        ("user", "q", False),
        ("assistant", "best", True),
        ("user", "more", False),
        ("assistant", "end", True),
    ]
    assert (example.id, example.metadata) == ("t1", {"tree_state": "ready"})
    assert (rejected, notes) == ([], {BRANCHES: 1})


def test_a_tree_ends_with_a_reply_or_is_rejected(tmp_path: Path) -> None:
    asked = {
        "message_tree_id": "a",
        "prompt": node("prompter", "q", node("assistant", "a", node("prompter", "?"))),
    }
    bare = {"message_tree_id": "b", "prompt": node("prompter", "q")}
    odd = {"message_tree_id": "c", "prompt": node("prompter", "q", node("tool", "a"))}
    torn = {"message_tree_id": "d", "prompt": {**node("prompter", "q"), "replies": [5]}}
    (example,), rejected, _ = read(tmp_path / "trees.jsonl", asked, bare, odd, torn)
    assert [message.content for message in example.messages] == ["q", "a"]
    assert [row.reason for row in rejected] == [
        "prompt.replies: expected a reply of the assistant",
        "prompt.replies.0.role: expected prompter or assistant, found 'tool'",
        "prompt.replies: expected a list of messages, found an array",
    ]


def chain(win: bool, *contexts: list[dict[str, Any]]) -> dict[str, Any]:
    functions = [{"name": "look", "parameters": {"type": "object"}}]
    answer = {"train_messages": list(contexts), "function": functions, "query": "q"}
    return {"win": win, "tree": {"tree": {}}, "answer_generation": answer}


def test_the_winning_chain_is_one_example(tmp_path: Path) -> None:
    call = {"role": "assistant", "content": None, "function_call": {"name": "look", "arguments": "{}"}}
    first = [{"role": "user", "content": "q"}, call]
    whole = [
        *first,
        {"role": "function", "name": "look", "content": "x"},
        {"role": "assistant", "content": "a"},
    ]
    examples, rejected, notes = read(
        tmp_path / "tree.jsonl", chain(True, first, whole), chain(False, first), chain(True)
    )
    (example,) = examples
    assert [message.role for message in example.messages] == ["user", "assistant", "tool", "assistant"]
    assert [tool.name for tool in example.tools] == ["look"]
    assert [message.trained for message in example.messages] == [False, True, False, True]
    assert notes == {BRANCHES: 1}
    assert ["no chain of this tree" in row.reason for row in rejected] == [True, False]
    assert "train_messages: expected the contexts" in rejected[1].reason


def test_trees_are_only_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="oasst is only read"):
        write_examples(tmp_path / "o.jsonl", [], "oasst")


def test_real_trees(shared_data: Path) -> None:
    trees: list[Rejected] = []
    found = list(read_examples(shared_data / "general" / "oasst_en_100_tree.jsonl", trees, notes=Counter()))
    assert len(found) + len(trees) == 100
    assert len(found) == 100
    answers: list[Rejected] = []
    files = sorted((shared_data / "toolbench" / "answer").glob("*/*.json"))
    chains = [each for path in files for each in read_examples(path, answers, notes=Counter())]
    assert (len(files), len(chains), len(answers)) == (15, 9, 6)
    assert all(any(message.tool_calls for message in each.messages) for each in chains)
