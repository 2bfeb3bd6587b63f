"""From any format into any other: every example is written with all its words, or rejected by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trajectune.curate.formats import (
    FORMATS,
    get_format,
    guess_format,
    read_examples,
    read_numbered,
    write_examples,
)
from trajectune.curate.formats.rows import canonical_row, write_row
from trajectune.example import Example, Message
from trajectune.storage import Rejected
from trajectune.trajectory import Tool, ToolCall

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
CALLS = st.lists(
    st.builds(ToolCall, name=st.just("look"), arguments=st.dictionaries(WORDS, WORDS, max_size=1)),
    max_size=2,
)
MESSAGES = st.lists(
    st.builds(Message, role=st.sampled_from(["system", "user", "tool"]), content=WORDS)
    | st.builds(Message, role=st.just("assistant"), content=WORDS, trained=st.booleans(), tool_calls=CALLS),
    min_size=1,
    max_size=5,
)
EXAMPLES = st.builds(
    Example,
    id=st.just("a"),
    source=st.just("s"),
    messages=MESSAGES,
    tools=st.sampled_from([[], [Tool(name="look")]]),
)


def words(example: Example) -> list[object]:
    return [
        (message.role, message.content, [(call.name, call.arguments) for call in message.tool_calls])
        for message in example.messages
    ]


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_written_has_all_its_words_and_the_rest_is_rejected(
    name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("across") / "set.jsonl"

    @settings(max_examples=60, deadline=None)
    @given(examples=st.lists(EXAMPLES, min_size=1, max_size=3))
    def law(examples: list[Example]) -> None:
        rejected: list[Rejected] = []
        count = write_examples(path, examples, name, rejected)
        assert count.written + count.rejected == len(examples)
        places = {row.line for row in rejected}
        kept = [each for number, each in enumerate(examples, 1) if number not in places]
        again = list(read_examples(path, [], format=name))
        assert [words(each) for each in again] == [words(each) for each in kept]
        if not count.lost["trained flags"]:
            trained = [[m.trained for m in each.messages] for each in again]
            assert trained == [[m.trained for m in each.messages] for each in kept]
        assert all(name in row.reason or "messages" in row.reason for row in rejected)

    law()


def test_only_our_own_form_and_openai_hold_any_conversation() -> None:
    @settings(max_examples=60, deadline=None)
    @given(example=EXAMPLES)
    def law(example: Example) -> None:
        assert write_row(get_format("example"), example)[1] == []
        write_row(get_format("openai"), example)

    law()


PLAIN = [Message(role="user", content="q"), Message(role="assistant", content="a", trained=True)]


@pytest.mark.parametrize("name", FORMATS)
def test_a_row_is_known_by_its_own_shape(name: str) -> None:
    example = Example(id="a", source="s", messages=PLAIN)
    row, _ = write_row(get_format(name), example)
    found = guess_format([row])
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize("name", FORMATS)
def test_an_example_has_one_canonical_row(name: str) -> None:
    example = Example(id="a", source="s", messages=PLAIN, metadata={"reward": 1})
    form = get_format(name)
    own, extra = canonical_row(form, example)
    assert (own["id"], own["source"]) == ("a", "s")
    assert extra == ({"metadata": {"reward": 1}} if name == "example" else {"reward": 1})
    assert json.loads(json.dumps({**own, **extra})) == {**own, **extra}


def test_each_row_is_read_as_what_it_holds_and_one_that_is_nothing_as_most_are(tmp_path: Path) -> None:
    good = {"instruction": "q", "output": "a"}
    other = {"conversations": [{"from": "human", "value": "q"}]}
    path = tmp_path / "set.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in (other, good, good, {"colour": "red"})))
    rejected: list[Rejected] = []
    found = [each.format for each in read_numbered(path, rejected)]
    assert found == ["sharegpt", "alpaca", "alpaca"]
    assert [(row.line, row.reason) for row in rejected] == [
        (4, "instruction: expected a string, found null")
    ]
    assert guess_format([{"colour": "red"}]) is None
