"""Bad files and bad rows: each is said in plain words, and the good rows go on."""

from __future__ import annotations

import gzip
import json
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trajectune.curate.formats import read_examples, read_numbered, write_examples
from trajectune.curate.formats.stored import jsonstream
from trajectune.errors import DataError
from trajectune.example import Example, Message
from trajectune.storage import Rejected

ASKED = {"from": "human", "loss": None, "value": "q"}
GOOD = {"id": "a", "conversations": [ASKED, {"from": "gpt", "loss": True, "value": "a"}]}


def turns(**changes: Any) -> dict[str, Any]:
    return {"conversations": [ASKED, {"from": "gpt", "loss": True, "value": "a", **changes}]}


BAD_ROWS: list[tuple[dict[str, Any], str]] = [
    (turns(value=None), "conversations.1.value: expected a string, found null"),
    (turns(value=3), "conversations.1.value: expected a string, found a number"),
    (turns(loss="yes"), "conversations.1.loss: expected true, false or null, found 'yes'"),
    (turns(loss=2), "conversations.1.loss: expected true, false or null, found a number"),
    (turns(**{"from": "robot"}), "conversations.1.from: expected one of human"),
    (
        turns(**{"from": "human"}),
        "conversations.1.loss: expected null or false on the turn of a user, found true",
    ),
    (turns(**{"from": "function_call", "value": "{"}), "conversations.1.value: not JSON"),
    ({"conversations": None}, "conversations: expected a list with at least one turn, found null"),
    ({"conversations": []}, "conversations: expected a list with at least one turn"),
    ({"conversations": ["hello"]}, "conversations.0: expected an object, found 'hello'"),
    ({**GOOD, "id": ["x"]}, "id: expected a string or a whole number, found an array"),
    ({**GOOD, "tools": 5}, "tools: expected a list of tools, found a number"),
    ({"id": None}, "conversations: expected a list"),
    (turns(value="\ud800"), "conversations': not UTF-8"),
]


@pytest.mark.parametrize(("row", "reason"), BAD_ROWS)
def test_a_bad_row_is_named_and_the_next_is_read(row: dict[str, Any], reason: str, tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl"
    path.write_text("".join(json.dumps(value) + "\n" for value in (GOOD, row, GOOD)))
    rejected: list[Rejected] = []
    assert len(list(read_examples(path, rejected))) == 2
    assert rejected[0].line == 2
    assert (
        reason in rejected[0].reason or "surrogate" in rejected[0].reason or "unicode" in rejected[0].reason
    )


OPENAI_ROWS = [
    ({"role": "assistant", "content": None}, "messages.0.content: expected a string, found null"),
    ({"role": "user", "content": [{"type": "image_url"}]}, "messages.0.content.0: expected a text part"),
    (
        {"role": "assistant", "content": "", "tool_calls": {}},
        "0.tool_calls: expected a list of calls",
    ),
    (
        {"role": "user", "content": "", "tool_calls": [{"function": {"name": "f"}}]},
        "on an assistant's message only",
    ),
    (
        {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "[1]"}}]},
        "messages.0.tool_calls.0.function.arguments: expected a JSON object, found an array",
    ),
    ({"role": "assistant", "content": "x", "weight": 2}, "messages.0.weight: expected 0 or 1"),
    ({"role": "assistant", "content": "x", "function_call": {}}, "messages.0.function_call"),
]


@pytest.mark.parametrize(("message", "reason"), OPENAI_ROWS)
def test_a_bad_message_is_named(message: dict[str, Any], reason: str, tmp_path: Path) -> None:
    (tmp_path / "set.jsonl").write_text(json.dumps({"messages": [message]}))
    rejected: list[Rejected] = []
    assert list(read_examples(tmp_path / "set.jsonl", rejected)) == []
    assert reason in rejected[0].reason


def test_torn_foreign_and_marked_lines(tmp_path: Path) -> None:
    good = json.dumps(GOOD).encode()
    path = tmp_path / "set.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + good + b"\n" + good.replace(b'"q"', b'"\xe9"') + b"\n" + good[:-9])
    rejected: list[Rejected] = []
    assert len(list(read_examples(path, rejected))) == 1
    assert [row.line for row in rejected] == [2, 3]


def test_bytes_that_are_no_text_cost_one_row_of_an_array(tmp_path: Path) -> None:
    path = tmp_path / "set.json"
    bad = json.dumps(GOOD).encode().replace(b'"q"', b'"\xe9"')
    path.write_bytes(b"[" + b",\n".join([json.dumps(GOOD).encode(), bad, json.dumps(GOOD).encode()]) + b"]")
    rejected: list[Rejected] = []
    assert len(list(read_examples(path, rejected))) == 2
    assert rejected[0].line == 2
    assert "not UTF-8" in rejected[0].reason


def test_two_roles_in_a_row_are_kept(tmp_path: Path) -> None:
    row = {"conversations": [{"from": "human", "value": "a"}, {"from": "human", "value": "b"}]}
    (tmp_path / "set.jsonl").write_text(json.dumps(row))
    (example,) = read_examples(tmp_path / "set.jsonl")
    assert [message.role for message in example.messages] == ["user", "user"]


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xef\xbb\xbf"])
def test_an_empty_file_has_no_examples(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "set.jsonl").write_bytes(content)
    assert list(read_examples(tmp_path / "set.jsonl", [])) == []


def test_lines_that_begin_with_a_list_are_lines(tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl"
    rejected: list[Rejected] = []
    path.write_text(f"[]\n{json.dumps(GOOD)}\n[1]\n")
    assert [each.line for each in read_numbered(path, rejected)] == [2]
    assert [row.line for row in rejected] == [1, 3]
    path.write_text(json.dumps([GOOD, GOOD]) + "\n")  # an array whatever its name
    assert len(list(read_examples(path, []))) == 2


def test_files_that_are_none(tmp_path: Path) -> None:
    for name, reason in (
        ("no.jsonl", "does not exist"),
        ("no.parquet", "does not exist"),
        (".", "a directory"),
    ):
        with pytest.raises(DataError, match=reason):
            list(read_examples(tmp_path / name, []))
    (tmp_path / "fake.parquet").write_text("no")
    with pytest.raises(DataError, match="not a Parquet file"):
        list(read_examples(tmp_path / "fake.parquet", []))
    (tmp_path / "other.jsonl").write_text('{"colour": "red"}\n')
    with pytest.raises(DataError, match="no known format: the first row has the fields colour"):
        list(read_examples(tmp_path / "other.jsonl", []))


@pytest.mark.parametrize("chunk", [1, 2, 7, 64, 1 << 20])
def test_an_array_is_read_in_pieces_of_any_size(
    chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jsonstream, "CHUNK_BYTES", chunk)
    path = tmp_path / "set.json"
    path.write_text(json.dumps([GOOD, 17, {**GOOD, "id": "é€𝄞"}], indent=1, ensure_ascii=False))
    rejected: list[Rejected] = []
    assert [example.id for example in read_examples(path, rejected)] == ["a", "é€𝄞"]
    assert "expected a JSON object, found a number" in rejected[0].reason


def test_rows_of_one_line_have_ids_and_reasons_of_their_own(tmp_path: Path) -> None:
    """`json.dump` writes a whole array into one line."""
    path = tmp_path / "set.json"
    row = turns()
    path.write_text(f"{json.dumps([row, row, turns(value=3), row])}\n", "utf-8")
    rejected: list[Rejected] = []
    assert [each.id for each in read_examples(path, rejected)] == ["set-1", "set-1.1", "set-1.3"]
    (bad,) = rejected
    assert (bad.line, bad.reason.partition(": conv")[0]) == (1, "value 3 of the line")


def test_a_torn_array_gives_what_was_whole(tmp_path: Path) -> None:
    path = tmp_path / "set.json"
    whole = json.dumps([GOOD, GOOD, GOOD])
    for cut, kept in ((len(whole) - 10, 2), (len(whole) - 1, 3)):
        path.write_text(whole[:cut])
        rejected: list[Rejected] = []
        assert len(list(read_examples(path, rejected))) == kept
        assert len(rejected) == 1


@pytest.mark.parametrize("name", ["set.jsonl", "set.json", "set.parquet"])
def test_memory_does_not_grow_with_the_file(name: str, tmp_path: Path) -> None:
    message = Message(role="user", content="x" * 10_000)
    write_examples(
        tmp_path / name, [Example(id="0", messages=[message])], "example"
    )  # imports what is lazy
    assert len(list(read_examples(tmp_path / name, []))) == 1
    tracemalloc.start()
    write_examples(
        tmp_path / name, (Example(id=str(n), messages=[message]) for n in range(2_000)), "example"
    )
    assert sum(1 for _ in read_examples(tmp_path / name, [])) == 2_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000, "the file holds 20 MB"


KINDS = {
    "good": GOOD,
    "no turns": {"conversations": None},
    "strange speaker": {"conversations": [{"from": "robot", "value": "x"}]},
    "no value": {"conversations": [{"from": "human", "value": None}]},
}


def write_file(path: Path, rows: list[dict[str, Any]]) -> None:
    if path.suffix == ".parquet":
        turn = pa.struct([("from", pa.string()), ("value", pa.string())])
        pq.write_table(
            pa.Table.from_pylist(rows, pa.schema([("conversations", pa.list_(turn))])),
            path,
            row_group_size=2,
        )
    else:
        text = json.dumps(rows) if path.suffix == ".json" else "\n".join(map(json.dumps, rows))
        path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("name", ["set.jsonl", "set.json", "set.parquet"])
def test_rows_in_are_rows_kept_and_rejected(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("law") / name

    @settings(max_examples=20, deadline=None)
    @given(kinds=st.lists(st.sampled_from(sorted(KINDS)), max_size=7))
    def law(kinds: list[str]) -> None:
        write_file(path, [KINDS[kind] for kind in kinds])
        rejected: list[Rejected] = []
        kept = list(read_numbered(path, rejected, format="sharegpt"))
        assert len(kept) == kinds.count("good")
        assert len(kept) + len(rejected) == len(kinds)
        if path.suffix != ".json":  # an array on one line has one line number
            places = sorted([each.line for each in kept] + [row.line for row in rejected])
            assert places == [*range(1, len(kinds) + 1)]

    law()


def test_an_example_of_our_own_form_names_what_is_wrong(tmp_path: Path) -> None:
    turn = {"role": "assistant", "content": "hm", "trained": True}
    rows: list[tuple[dict[str, Any], str]] = [
        ({"messages": [turn, 5]}, "messages.1: expected an object, found a number"),
        ({"messages": [{**turn, "role": "user"}]}, "a user message cannot be trained"),
        (
            {"messages": [{**turn, "spans": [{"part": "reasoning", "text": "h"}]}]},
            "spans joined must equal",
        ),
        ({"messages": [{**turn, "mood": "good"}]}, "messages.0.mood: Extra inputs"),
        (
            {"messages": [{**turn, "tool_calls": [{"name": "f", "arguments": "{"}]}]},
            "messages.0.tool_calls.arguments: not JSON",
        ),
        ({"messages": [turn], "mood": "good"}, "mood: an example has no such field; put it into metadata"),
        ({"messages": [turn], "metadata": 5}, "metadata: expected an object, found a number"),
        ({"messages": [turn], "template": 5}, "template: expected a string, found a number"),
    ]
    path = tmp_path / "set.jsonl"
    path.write_text("".join(json.dumps({"id": "a", **row}) + "\n" for row, _ in rows))
    rejected: list[Rejected] = []
    assert list(read_examples(path, rejected, format="example")) == []
    assert [row.line for row in rejected] == [*range(1, len(rows) + 1)]
    for row, (_, reason) in zip(rejected, rows, strict=True):
        assert reason in row.reason


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"instruction": "q", "output": 3}, "output: expected a string, found a number"),
        ({"instruction": "q", "output": "a", "history": 3}, "history: expected a list of pairs"),
        ({"instruction": "q", "output": "a", "history": [["q"]]}, "history.0: expected a pair of strings"),
    ],
)
def test_bad_questions_are_named(row: dict[str, Any], reason: str, tmp_path: Path) -> None:
    (tmp_path / "set.jsonl").write_text(json.dumps(row))
    rejected: list[Rejected] = []
    assert list(read_examples(tmp_path / "set.jsonl", rejected)) == []
    assert reason in rejected[0].reason


def test_what_alpaca_has_no_place_for_is_rejected(tmp_path: Path) -> None:
    asked, told = Message(role="user", content="q"), Message(role="assistant", content="a", trained=True)
    rows = [[asked, told, asked], [told], [], [asked, told]]
    examples = [Example(id=str(number), messages=messages) for number, messages in enumerate(rows)]
    rejected: list[Rejected] = []
    count = write_examples(tmp_path / "out.jsonl", examples, "alpaca", rejected)
    assert (count.written, count.rejected) == (1, 3)
    assert [row.line for row in rejected] == [1, 2, 3]
    assert all("questions and answers in turn" in row.reason for row in rejected)


def test_a_json_file_may_hold_one_object_over_several_lines(tmp_path: Path) -> None:
    path = tmp_path / "set.json"
    path.write_text(json.dumps(GOOD, indent=1) + "\n" + json.dumps({**GOOD, "id": "b"}, indent=1))
    assert [example.id for example in read_examples(path, [])] == ["a", "b"]


@pytest.mark.parametrize(
    ("damage", "least"), [(lambda data: data[:-4000], 1), (lambda data: data[:-1] + b"?", 200)]
)
def test_a_packed_array_that_is_damaged_gives_what_was_whole(
    damage: Callable[[bytes], bytes], least: int, tmp_path: Path
) -> None:
    """A torn one-line array was refused as a whole; a wrong checksum ended in a traceback."""
    path = tmp_path / "set.json.gz"
    rows = [{**GOOD, "id": f"{number}-{os.urandom(40).hex()}"} for number in range(200)]
    path.write_bytes(damage(gzip.compress(json.dumps(rows).encode())))
    rejected: list[Rejected] = []
    assert least <= len(list(read_examples(path, rejected))) <= 200
    assert all("damaged from here on" in row.reason for row in rejected)
