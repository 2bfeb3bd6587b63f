"""The limit of the history cuts as AgentBench does, and what is trained on is what was seen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trajectune.curate.formats import read_examples, write_examples
from trajectune.example import Example, Message
from trajectune.history import cut, met, segments
from trajectune.storage import Rejected
from trajectune.trajectory import ToolCall

WORDS = st.text(st.sampled_from("aß日²½_-.,!?1 \n\tЖAbcdefgh"), max_size=40) | st.text(max_size=20)


def counted_slowly(text: str) -> int:
    """Segments as the protocol has them, one sign after the other: a run of letters in sevens."""
    found: list[str] = []
    word = ""
    for sign in text:
        if sign.isalpha():
            word += sign
            if len(word) == 7:
                found.append(word)
                word = ""
            continue
        if word:
            found.append(word)
            word = ""
        if sign not in (" ", "\n"):
            found.append(sign)
    return len(found) + bool(word)


def cut_slowly(contents: Sequence[str], limit: int) -> list[str]:
    """What AgentBench shows of a conversation in which user and agent alternate, the user first."""
    total = counted_slowly(contents[0])
    kept: list[int] = []
    for number in range(len(contents) - 1, 0, -1):
        total += counted_slowly(contents[number])
        if total >= limit:
            break
        kept.insert(0, number)
    if kept and kept[0] % 2 == 0:
        kept.pop(0)
    missing = len(contents) - 1 - len(kept)
    notice = f"\n\n[NOTICE] {missing} messages are omitted." if missing else ""
    return [contents[0] + notice, *(contents[number] for number in kept)]


@given(WORDS)
@example("abcdefg abcdefgh ab12 x_y\t\r\n")
def test_segments_are_counted_as_the_slow_way_does(text: str) -> None:
    assert segments(text) == counted_slowly(text)


def test_segments_by_hand() -> None:
    assert segments("") == segments(" \n ") == 0
    assert segments("letters") == 1
    assert segments("fourteenletter") == 2
    assert segments("fifteen letters and 15!") == 1 + 1 + 1 + 3
    assert segments("Überraschung") == 2


def talk(contents: Sequence[str]) -> list[Message]:
    roles = ("user", "assistant")
    return [Message(role=roles[n % 2], content=text) for n, text in enumerate(contents)]


CONTENTS = st.lists(WORDS, min_size=1, max_size=9).filter(lambda texts: len(texts) % 2 == 1)


@given(CONTENTS, st.integers(1, 60))
def test_what_is_shown_is_what_agentbench_shows(contents: list[str], limit: int) -> None:
    shown, omitted = cut(talk(contents), limit)
    assert [message.content for message in shown] == cut_slowly(contents, limit)
    assert omitted == len(contents) - len(shown)


@given(CONTENTS)
def test_without_a_limit_or_below_it_nothing_is_changed(contents: list[str]) -> None:
    messages = talk(contents)
    assert cut(messages, None) == cut(messages, 10_000) == (messages, 0)


def test_a_tools_answer_is_never_shown_without_its_call_and_calls_count() -> None:
    call = ToolCall(name="sql", arguments={"query": "SELECT " + "x, " * 20})
    said = Message(role="assistant", content="I look.", tool_calls=[call])
    answer = Message(role="tool", content="one two three", tool_call_id="")
    messages = [
        Message(role="system", content="Rules."),
        Message(role="user", content="Question?"),
        *([said, answer] * 3),
    ]
    limits = range(1, 400)
    for limit in limits:
        shown, omitted = cut(messages, limit)
        assert [message.role for message in shown[:2]] == ["system", "user"]
        assert len(shown) == 2 or shown[2].role == "assistant"
        assert omitted == len(messages) - len(shown)
        assert shown[1].content.endswith("omitted.") == bool(omitted)
    assert {cut(messages, limit)[1] for limit in limits} == {0, 2, 4, 6}


@given(
    st.lists(st.tuples(WORDS, WORDS, st.booleans()), min_size=1, max_size=8),
    st.none() | st.integers(1, 80),
)
def test_every_trained_turn_is_met_once_behind_what_it_was_shown(
    turns: list[tuple[str, str, bool]], limit: int | None
) -> None:
    messages: list[Message] = []
    for user, agent, trained in turns:
        messages.append(Message(role="user", content=user))
        messages.append(Message(role="assistant", content=agent, trained=trained))
    row = Example(id="x", messages=messages, history_limit=limit)
    seen = [
        (cut(messages[:turn], limit)[0], message.content)
        for turn, message in enumerate(messages)
        if message.trained
    ]
    found = [
        (untrained(part.messages[:turn]), message.content)
        for part in met(row)
        for turn, message in enumerate(part.messages)
        if message.trained
    ]
    assert found == [(untrained(shown), text) for shown, text in seen]
    if limit is None:
        assert met(row) == [row]


def untrained(messages: Sequence[Message]) -> list[Message]:
    return [message.model_copy(update={"trained": False}) for message in messages]


@pytest.mark.parametrize("limit", [None, 3500])
@pytest.mark.parametrize("container", ["jsonl", "parquet"])
def test_a_row_keeps_its_limit_when_it_is_stored(limit: int | None, container: str, tmp_path: Path) -> None:
    row = Example(id="x", source="s", messages=talk(["Hi", "Ho"]), history_limit=limit)
    assert Example.model_validate_json(row.model_dump_json()) == row
    path = tmp_path / f"rows.{container}"
    count = write_examples(path, [row], "example")
    assert not count.lost
    assert list(read_examples(path)) == [row]


def test_a_format_that_cannot_hold_the_limit_says_so(tmp_path: Path) -> None:
    row = Example(id="x", source="s", messages=talk(["Hi", "Ho"]), history_limit=3500)
    count = write_examples(tmp_path / "rows.jsonl", [row], "openai")
    assert count.lost["the limit of the history"] == 1


@pytest.mark.parametrize("limit", [0, "many", True])
def test_a_limit_that_is_none_is_a_rejected_row(limit: object, tmp_path: Path) -> None:
    row = {
        "id": "x",
        "messages": [{"role": "user", "content": "Hi", "trained": False}],
        "history_limit": limit,
    }
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(row))
    rejected: list[Rejected] = []
    assert not list(read_examples(path, rejected))
    assert rejected[0].reason.startswith("history_limit: expected a number of segments")
