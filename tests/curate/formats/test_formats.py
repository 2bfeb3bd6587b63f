"""The law of the formats: what is read is written again, and what is written is read again."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trajectune.curate.formats import FORMATS, get_format, guess_format, read_examples, write_examples
from trajectune.errors import DataError
from trajectune.example import Capability, Example, Message, Span
from trajectune.storage import Rejected
from trajectune.trajectory import Tool, ToolCall

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
WORD = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
EXTRA = st.dictionaries(st.sampled_from(["split", "reward"]), st.integers() | TEXT | st.none(), max_size=2)
TOOLS = st.lists(st.builds(Tool, name=WORD, description=TEXT), max_size=2)
CALLS = st.lists(
    st.builds(ToolCall, name=WORD, arguments=st.dictionaries(WORD, st.integers() | TEXT)), max_size=2
)


SPANS = st.lists(
    st.builds(Span, text=TEXT, capability=st.sampled_from(Capability), format=st.booleans()), max_size=3
)
TOKENS = st.none() | st.lists(st.integers(0, 200_000), max_size=3)


@st.composite
def replies(draw: st.DrawFn, number: int, *, flags: bool, tools: bool, ids: bool, sampled: bool) -> Message:
    """A reply with whatever of flags, calls, spans and sampled tokens a format can hold."""
    calls = draw(CALLS) if tools else []
    if ids:
        calls = [call.model_copy(update={"id": f"{number}.{place}"}) for place, call in enumerate(calls)]
    spans = draw(SPANS) if sampled else []
    content = "".join(span.text for span in spans) or draw(TEXT if not calls else WORD)
    return Message(
        role="assistant",
        content=content,
        trained=draw(st.booleans()) if flags else True,
        tool_calls=calls,
        spans=spans if "".join(span.text for span in spans) == content else [],
        tokens=draw(TOKENS) if sampled else None,
    )


@st.composite
def conversations(
    draw: st.DrawFn, *, flags: bool = True, tools: bool = True, ids: bool = False, sampled: bool = False
) -> Example:
    """Questions and answers, with whatever a format can hold."""
    messages = [Message(role="system", content=draw(WORD))] if draw(st.booleans()) else []
    for number in range(draw(st.integers(1, 3))):
        messages.append(Message(role="user", content=draw(TEXT)))
        reply = draw(replies(number, flags=flags, tools=tools, ids=ids, sampled=sampled))
        messages.append(reply)
        messages.extend(
            Message(role="tool", content=draw(TEXT), tool_call_id=call.id) for call in reply.tool_calls
        )
    return Example(
        id=draw(WORD),
        source=draw(TEXT),
        messages=messages,
        tools=draw(TOOLS) if tools else [],
        template=draw(TEXT) if sampled else "",
        metadata=draw(EXTRA),
    )


HELD = {
    "example": conversations(ids=True, sampled=True),
    "openai": conversations(ids=True),
    "agentinstruct": conversations(),
    "sharegpt": conversations(flags=False),
    "agentflan": conversations(tools=False),
    "alpaca": conversations(flags=False, tools=False),
}


@pytest.mark.parametrize("container", ["jsonl", "json", "jsonl.gz", "parquet"])
@pytest.mark.parametrize("name", FORMATS)
def test_what_is_written_is_read_again(
    name: str, container: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("law")

    @settings(max_examples=15, deadline=None)
    @given(examples=st.lists(HELD[name], min_size=1, max_size=3))
    def law(examples: list[Example]) -> None:
        path = folder / f"data.{container}"
        count = write_examples(path, examples, name)
        assert (count.written, count.rejected, dict(count.lost)) == (len(examples), 0, {})
        assert list(read_examples(path, format=name)) == examples

    law()


BERN = '{"town":"Bern"}'
GOLDEN: dict[str, dict[str, Any]] = {
    "agentinstruct": {
        "conversations": [
            {"from": "human", "loss": None, "value": "rules"},
            {"from": "gpt", "loss": False, "value": "OK"},
            {"from": "human", "loss": None, "value": "task"},
            {"from": "gpt", "loss": True, "value": "done"},
        ],
        "id": "db_0",
    },
    "agentflan": {
        "id": 7,
        "conversation": [
            {"role": "system", "content": "s", "loss": False},
            {"role": "user", "content": "q", "loss": None},
            {"role": "assistant", "content": "a"},
            {"role": "user", "content": "r"},
            {"role": "assistant", "content": "b", "loss": False},
        ],
    },
    "sharegpt": {
        "conversations": [
            {"from": "user", "value": "weather?", "timestamp": 1.0},
            {"from": "function_call", "value": '{"name":"weather","arguments":{"town": "Bern"}}'},
            {"from": "observation", "value": "sun"},
            {"from": "chatgpt", "value": "sunny"},
        ],
        "tools": '[{"name": "weather", "description": "", "strict": true}]',
        "model": None,
    },
    "openai": {
        "messages": [
            {
                "role": "developer",
                "content": [{"type": "text", "text": "be "}, {"type": "text", "text": "brief"}],
            },
            {"role": "user", "content": "weather?", "name": "ann"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "b",
                        "type": "function",
                        "function": {"name": "weather", "arguments": '{"town":"Bern"}'},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "b", "content": "sun"},
            {"role": "assistant", "content": "sunny", "weight": 0},
        ],
        "tools": [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}],
        "parallel_tool_calls": False,
    },
    "alpaca": {
        "instruction": "translate",
        "input": "bonjour",
        "response": "hello",
        "category": ["fr", {"n": 1}],
    },
}
TRAINED = {
    "agentinstruct": [False, False, False, True],
    "agentflan": [False, False, True, False, False],
    "sharegpt": [False, True, False, True],
    "openai": [False, False, True, False, False],
    "alpaca": [False, True],
}


def write_lines(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("name", GOLDEN)
def test_a_row_comes_back_exactly_and_its_flags_are_read(name: str, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "set.jsonl", GOLDEN[name])
    form = guess_format([GOLDEN[name]])
    assert form is not None
    assert form.name == name
    examples = list(read_examples(path))
    assert [message.trained for message in examples[0].messages] == TRAINED[name]
    for out in ("again.jsonl", "again.jsonl.gz"):
        write_examples(tmp_path / out, examples, name)
        data = (tmp_path / out).read_bytes()
        assert json.loads(gzip.decompress(data) if out.endswith(".gz") else data) == GOLDEN[name]


@pytest.mark.parametrize("name", GOLDEN)
def test_a_row_comes_back_exactly_after_years_in_parquet(name: str, tmp_path: Path) -> None:
    examples = list(read_examples(write_lines(tmp_path / "set.jsonl", GOLDEN[name])))
    write_examples(tmp_path / "set.parquet", examples, name)
    stored = list(read_examples(tmp_path / "set.parquet"))
    assert stored == examples
    write_examples(tmp_path / "again.jsonl", stored, name)
    assert json.loads((tmp_path / "again.jsonl").read_text()) == GOLDEN[name]


def test_what_a_row_means(tmp_path: Path) -> None:
    (example,) = read_examples(write_lines(tmp_path / "set.jsonl", GOLDEN["openai"]))
    assert example.id == "set-1"
    assert example.source == "set"
    assert example.messages[0] == Message(role="system", content="be brief")
    assert example.messages[2].tool_calls == [ToolCall(name="weather", arguments={"town": "Bern"}, id="b")]
    assert example.messages[3].tool_call_id == "b"
    assert example.tools == [Tool(name="weather", parameters={"type": "object"})]
    assert example.metadata["parallel_tool_calls"] is False
    (named,) = read_examples(tmp_path / "set.jsonl", source="mine")
    assert named.source == "mine"


def test_a_changed_example_is_written_as_it_now_is(tmp_path: Path) -> None:
    (example,) = read_examples(write_lines(tmp_path / "set.jsonl", GOLDEN["agentflan"]))
    messages = [message.model_copy(update={"trained": False}) for message in example.messages]
    changed = example.model_copy(update={"messages": messages})
    write_examples(tmp_path / "changed.jsonl", [changed], "agentflan")
    (again,) = read_examples(tmp_path / "changed.jsonl")
    assert again.messages == messages


def test_what_does_not_fit_is_counted_and_words_are_never_lost(tmp_path: Path) -> None:
    ack = list(read_examples(write_lines(tmp_path / "a.jsonl", GOLDEN["agentinstruct"])))
    tools = list(read_examples(write_lines(tmp_path / "b.jsonl", GOLDEN["sharegpt"])))
    rejected: list[Rejected] = []
    count = write_examples(tmp_path / "out.jsonl", [*ack, *tools], "alpaca", rejected)
    assert (count.written, count.rejected, dict(count.lost)) == (1, 1, {"trained flags": 1})
    assert rejected[0].line == 2
    count = write_examples(tmp_path / "out.jsonl", [*ack, *tools], "agentflan", rejected)
    assert (count.written, count.rejected, dict(count.lost)) == (1, 1, {})
    assert rejected[1].reason == "messages.1.tool_calls: agentflan has no calls; openai has"


def test_a_call_and_its_answer_carry_one_id(tmp_path: Path) -> None:
    examples = list(read_examples(write_lines(tmp_path / "b.jsonl", GOLDEN["sharegpt"])))
    write_examples(tmp_path / "out.jsonl", examples, "openai")
    messages = json.loads((tmp_path / "out.jsonl").read_text())["messages"]
    assert messages[1]["tool_calls"][0]["id"] == messages[2]["tool_call_id"] != ""


CALLED = ToolCall(name="f", id="c1")


def called(*answers: str) -> Example:
    """A call that has an id, and one that has none, with the ids that their answers name."""
    asked = Message(role="assistant", content="", trained=True, tool_calls=[CALLED, ToolCall(name="g")])
    told = [Message(role="tool", content="", tool_call_id=id) for id in answers]
    return Example(id="a", messages=[Message(role="user", content="?"), asked, *told])


@pytest.mark.parametrize(
    ("answers", "ids"),
    [(("c1", "c2"), ["c1", "c2"]), (("", ""), ["c1", "call_1_1"]), ((), ["c1", "call_1_1"])],
)
def test_openai_calls_keep_their_ids_and_get_those_they_lack(
    answers: tuple[str, ...], ids: list[str], tmp_path: Path
) -> None:
    count = write_examples(tmp_path / "out.jsonl", [called(*answers)], "openai")
    assert dict(count.lost) == {}, "an id that was made up is no loss"
    (again,) = read_examples(tmp_path / "out.jsonl")
    assert [call.id for call in again.messages[1].tool_calls] == ids
    assert [message.tool_call_id for message in again.messages[2:]] == ids[: len(answers)]


def test_ids_and_sampled_tokens_that_a_format_cannot_hold_are_counted(tmp_path: Path) -> None:
    example = called("c1", "c2")
    sampled = [message.model_copy(update={"tokens": [1]}) for message in example.messages]
    rows = [example, example.model_copy(update={"messages": sampled, "template": "t"})]
    count = write_examples(tmp_path / "out.jsonl", rows, "sharegpt")
    assert dict(count.lost) == {"tool call ids": 2, "sampled tokens": 1}
    assert "c1" not in (tmp_path / "out.jsonl").read_text()


def test_an_example_of_the_first_version_is_read(tmp_path: Path) -> None:
    spans = [{"part": "reasoning", "text": "hm"}, {"part": "format", "text": "!"}]
    old = {"role": "assistant", "content": "hm!", "trained": True, "spans": spans, "tool_calls": []}
    (example,) = read_examples(write_lines(tmp_path / "old.jsonl", {"id": "a", "messages": [old]}))
    assert example.messages[0].spans == [Span.thought("hm"), Span.marker("!")]


def test_metadata_of_files_under_the_old_name_is_read(tmp_path: Path) -> None:
    table = pa.table(
        {
            "instruction": ["q"],
            "output": ["a"],
            "agenttune_metadata": [json.dumps({"split": "dev"})],
        }
    )
    pq.write_table(table, tmp_path / "old.parquet")
    (example,) = read_examples(tmp_path / "old.parquet")
    assert example.metadata == {"split": "dev"}


def test_a_wrong_format_name_comes_with_the_right_one() -> None:
    with pytest.raises(DataError, match="did you mean 'alpaca'"):
        get_format("alpacca")


REAL = [
    ("agentinstruct/db.jsonl", "agentinstruct", 538),
    *(
        (f"agentinstruct/sample_{n}.json", "agentflan", 5)
        for n in ("alfworld", "db", "kg", "mind2web", "os", "webshop")
    ),
    ("agentgym_trajectories/all.jsonl.gz", "agentinstruct", 3639),
    ("fireact/hotpotqa.jsonl", "openai", 500),
    ("glaive/glaive_toolcall_en_demo.json", "sharegpt", 300),
    ("general/gpteacher_roleplay.json", "alpaca", 1923),
    ("general/dolly_hhrlhf_1000.jsonl", "alpaca", 1000),
]


@pytest.mark.parametrize(("name", "form", "rows"), REAL)
def test_real_data_comes_back_exactly(
    name: str, form: str, rows: int, shared_data: Path, tmp_path: Path
) -> None:
    rejected: list[Rejected] = []
    examples = read_examples(shared_data / name, rejected)
    count = write_examples(tmp_path / "out.jsonl", examples, form, rejected)
    assert (count.written, rejected) == (rows, [])
    assert all_rows(tmp_path / "out.jsonl") == all_rows(shared_data / name)


def all_rows(path: Path) -> list[object]:
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    if data.lstrip().startswith(b"["):
        return json.loads(data)
    return [json.loads(line) for line in data.splitlines()]


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.parquet"])
def test_a_limit_of_history_comes_back_from_its_own_form_alone(name: str, tmp_path: Path) -> None:
    turns = [Message(role="user", content="Hi"), Message(role="assistant", content="Ho", trained=True)]
    example = Example(id="1", messages=turns, history_limit=3500)
    write_examples(tmp_path / name, [example], "example")
    assert [row.history_limit for row in read_examples(tmp_path / name)] == [3500]
    count = write_examples(tmp_path / f"other-{name}", [example], "openai")
    assert count.lost["history limit"] == 1


@pytest.mark.parametrize("limit", [0, -1, "many", True, 1.5])
def test_a_limit_of_history_that_is_none_is_rejected(limit: object, tmp_path: Path) -> None:
    turn = {"role": "user", "content": "Hi", "trained": False}
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"id": "1", "messages": [turn], "history_limit": limit}), encoding="utf-8")
    rejected: list[Rejected] = []
    assert list(read_examples(path, rejected)) == []
    assert "history_limit: expected a number of segments" in rejected[0].reason
