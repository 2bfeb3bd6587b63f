"""Rows as files hold them at their worst: of every format, with anything in any place.

The idea: a row begins well shaped, as one of the formats or as a trajectory; then values somewhere in it
are replaced, keys are added or taken away. `lines` gives the lines of a file: such rows, and what is none.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

Json = Any

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.sampled_from(
    ["", " ", "<|im_end|>", "\ud800", "\x00", "{", '{"a": 1}', "[]", "null", "é𝄞", "a b " * 12]
)
ODD: st.SearchStrategy[Json] = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        1,
        -1,
        0.5,
        10**30,
        1e308,
        "",
        "no",
        [],
        {},
        [None],
        [[]],
        {"": None},
        {"a": [{}]},
    ]
)
VALUES = st.recursive(
    ODD | TEXT | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(
    [
        *(
            "id",
            "source",
            "messages",
            "conversations",
            "conversation",
            "tools",
            "functions",
            "system",
            "context",
        ),
        *("role", "from", "content", "value", "loss", "train", "trained", "weight", "name", "tool_calls"),
        *("function_call", "tool_call_id", "reasoning_content", "reasoning", "thinking", "spans", "tokens"),
        *("metadata", "_kept", "trajectune_metadata", "agenttune_metadata", "template", "history", "input"),
        *("prompt", "question", "answer", "output", "instruction", "replies", "rank", "deleted", "text"),
        *(
            "answer_generation",
            "win",
            "train_messages",
            "function",
            "arguments",
            "parameters",
            "properties",
        ),
        *("steps", "reward", "outcome", "schema_version", "thought", "actions", "call", "observation", ""),
    ]
)

CALL: dict[str, Json] = {"id": "c", "function": {"name": "look", "arguments": {"at": "x", "by": None}}}
TOOL: dict[str, Json] = {
    "function": {"name": "look", "parameters": {"properties": {"at": {"type": "string"}}}}
}
ASKED = {"role": "user", "content": "q"}
ROWS: list[dict[str, Json]] = [
    {"messages": [{**ASKED, "trained": False}, {"role": "assistant", "content": "a", "trained": True}]},
    {
        "conversations": [
            {"from": "human", "loss": None, "value": "q"},
            {"from": "gpt", "loss": True, "value": "a"},
            {"from": "function_call", "loss": True, "value": '{"name": "look", "arguments": {}}'},
            {"from": "observation", "value": "x"},
        ]
    },
    {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a", "weight": 0}]},
    {"conversation": [ASKED, {"role": "assistant", "content": "a", "loss": True}], "id": 3},
    {
        "messages": [
            ASKED,
            {"role": "assistant", "content": None, "reasoning_content": "hm", "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "x"}]},
            {"role": "assistant", "content": "a"},
        ],
        "tools": [TOOL],
    },
    {"messages": [ASKED, {"role": "assistant", "content": "", "function_call": CALL["function"]}]},
    {"instruction": "q", "input": "x", "output": "a", "history": [["q", "a"]]},
    {"question": "q", "context": "x", "answer": "a"},
    {
        "message_tree_id": "t",
        "prompt": {
            "role": "prompter",
            "text": "q",
            "replies": [{"role": "assistant", "text": "a", "rank": 0, "replies": []}],
        },
    },
    {
        "win": True,
        "answer_generation": {
            "train_messages": [[ASKED, {"role": "assistant", "content": "a"}]],
            "function": [],
        },
    },
]
TRAJECTORIES: list[dict[str, Json]] = [
    {
        "id": "t",
        "environment": "database",
        "task": "1",
        "instruction": "Do.",
        "observation": "What?",
        "steps": [
            {
                "thought": "hm",
                "actions": [
                    {"call": {"name": "execute_sql", "arguments": {"sql": "SELECT 1"}}, "observation": "1"}
                ],
            },
            {"thought": "", "message": "Done."},
        ],
        "reward": 1.0,
        "outcome": "completed",
        "metadata": {},
    },
    {
        "schema_version": 1,
        "id": "u",
        "environment": "x",
        "task": "1",
        "instruction": "",
        "observation": "",
        "steps": [{"call": {"name": "f"}, "reply": "f()", "observation": "o"}],
        "reward": 0.0,
        "outcome": "bad_format",
    },
]


@st.composite
def changed(draw: st.DrawFn, rows: list[dict[str, Json]]) -> dict[str, Json]:
    """One of the rows with up to three changes somewhere in it."""
    row = json.loads(json.dumps(draw(st.sampled_from(rows))))
    for _ in range(draw(st.integers(0, 2))):
        _change(draw, row)
    return row


def _change(draw: st.DrawFn, row: dict[str, Json]) -> None:
    """Replace, add or take away a value at a place that is drawn."""
    owner: Json = row
    while True:
        keys = list(owner) if isinstance(owner, dict) else list(range(len(owner)))
        if not keys:
            break
        key = draw(st.sampled_from(keys))
        if not (isinstance(owner[key], dict | list) and draw(st.integers(0, 3))):
            if draw(st.integers(0, 5)):
                owner[key] = draw(VALUES)
            else:
                del owner[key]
            break
        owner = owner[key]
    if isinstance(owner, dict) and draw(st.booleans()):
        owner[draw(KEYS)] = draw(VALUES)


NO_ROWS = st.sampled_from(
    [
        b"{",
        b"3",
        b'"text"',
        b"[]",
        b"null",
        b'{"a": NaN}',
        b'{"a": 1e999}',
        b'{"a": 1' + b"0" * 5_000 + b"}",
        b'{"a": "\xff"}',
        b'{"conversations": [{"from": "human", "value": "\xe9"}]}',
        b'{"a":' * 3_000 + b"1" + b"}" * 3_000,
        b'{"messages": ' + b"[" * 600 + b"]" * 600 + b"}",
        b'{"instruction": "q", "output": "a", "x": ' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"a": 1} {"b": 2}',
    ]
)
"""Lines that hold no row, or one that no reader takes."""


def lines(rows: list[dict[str, Json]]) -> st.SearchStrategy[bytes]:
    """Lines of a file that holds such rows, most of them changed."""
    written = changed(rows).map(lambda row: json.dumps(row).encode())
    return st.one_of(written, written, written, written, NO_ROWS)
