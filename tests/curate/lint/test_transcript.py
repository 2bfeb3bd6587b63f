"""One view of rows of every form; calls in text are read by the dialects."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.linted import LOOK, acted, calling, did, talk
from support.steps import hostile_text
from trajectune.curate.lint.forms import BY_NAME, FORMS, PLAIN, read_call
from trajectune.curate.lint.lint import lint_example
from trajectune.curate.lint.transcript import of_example, of_trajectory
from trajectune.example import Example, Message

WRITTEN = {
    "database": "I look.\nAction: Operation\n```sql\nSELECT 1\n```",
    "operating_system": "Think: I look.\n\nAct: bash\n\n```bash\nls\n```",
    "household": "THOUGHT: I look.\n ACTION: go to shelf 1",
    "web_shop": "Thought:\nI look.\n\nAction:\nsearch[shoe]",
    "web_navigation": "Thought: I look.\nAnswer: B.\nAction: CLICK",
    "knowledge_graph": "Thought: I look.\nAction: get_relations(#0)",
    "react": 'Thought: I look.\nAction: look\nAction Input: {"of": "x"}',
    "json": '{"thought": "I look.", "calls": [{"name": "look", "arguments": {}}]}',
    "plain": "Thought: I look.\nAction: go north",
}


@pytest.mark.parametrize("name", WRITTEN)
def test_each_form_reads_its_own(name: str) -> None:
    read = read_call(WRITTEN[name])
    assert read is not None
    assert (read.form.name, read.thought.strip()) == (name, "I look.")
    assert len(read.calls) == 1
    assert of_example(talk(("user", "?"), ("assistant", WRITTEN[name]))).form == name


@pytest.mark.parametrize("name", WRITTEN)
def test_a_hint_changes_nothing_for_texts_of_other_forms(name: str) -> None:
    plain = read_call(WRITTEN[name])
    for hint in FORMS:
        read = read_call(WRITTEN[name], hint)
        assert read is not None
        if hint is PLAIN or not hint.applies(WRITTEN[name]):
            assert read == plain


def test_all_forms_are_tried_and_known_by_name() -> None:
    assert BY_NAME.keys() == WRITTEN.keys()


@pytest.mark.parametrize(
    "text", ["", "Hello.", "The action: none.", "Answer: B", '{"message": "hi"}', "Action: go"]
)
def test_conversation_is_no_call(text: str) -> None:
    assert read_call(text) is None


@pytest.mark.parametrize(
    ("command", "name", "arguments"),
    [
        ("search[a b]", "search", {"input": "a b"}),
        ("finish(x)", "finish", {"input": "x"}),
        ("move left", "", {"command": "move left"}),
        ("go\nObservation: a wall", "", {"command": "go"}),
    ],
)
def test_commands_of_the_plain_form(command: str, name: str, arguments: dict[str, str]) -> None:
    read = read_call(f"Thought: so\nAction: {command}", PLAIN)
    assert read is not None
    if read.form is PLAIN:
        assert (read.calls[0].name, read.calls[0].arguments) == (name, arguments)
    else:
        assert (read.form.name, name) == ("web_shop", "search")


def test_the_form_of_a_row_is_that_of_most_of_its_turns() -> None:
    row = talk(("user", "?"), *[("assistant", WRITTEN["react"])] * 2, ("assistant", WRITTEN["plain"]))
    view = of_example(row)
    assert view.form == "react"
    assert [turn.form for turn in view.agent] == ["react", "react", "plain"]


def test_native_rows_are_never_read_as_text() -> None:
    view = of_example(talk(("user", "?"), calling(words=WRITTEN["plain"], of="x"), tools=[LOOK]))
    assert (view.form, [turn.form for turn in view.agent]) == ("native", [""])
    assert view.tools == {"look": LOOK}


def test_places_are_messages_of_an_example_and_steps_of_a_trajectory() -> None:
    view = of_trajectory(acted(did(of="x"), did("answer")))
    assert [(turn.place, turn.role) for turn in view.turns] == [
        (1, "user"),
        (1, "assistant"),
        (1, "tool"),
        (2, "assistant"),
        (2, "tool"),
    ]
    assert view.ends == {"answer"}
    assert [turn.place for turn in of_example(talk(("system", "s"), ("user", "u"))).turns] == [1, 2]


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.sampled_from(["system", "user", "assistant", "tool"]), hostile_text), max_size=8)
)
def test_no_row_breaks_a_check_and_places_are_in_the_row(turns: list[tuple[str, str]]) -> None:
    messages = [
        Message(role=role, content=words, trained=role == "assistant")  # type: ignore[arg-type]
        for role, words in turns
    ]
    found = lint_example(Example(id="x", messages=messages))
    assert all(1 <= finding.turn <= len(messages) for finding in found)
    assert lint_example(Example(id="y", messages=messages)) == found


@pytest.mark.parametrize(
    "mark",
    ["{", "[", "`", '"', "\n", " ", "\nAction: ", "Action:", "der die das ", "我 ", "click[", "- a: "],
)
def test_a_long_text_takes_no_long_time(mark: str) -> None:
    text = mark * (60_000 // len(mark))
    began = time.process_time()
    lint_example(
        talk(("user", text), ("assistant", f"Ich weiß nicht, was die das ist. {text}\nAction: go"))
    )
    assert time.process_time() - began < 5
