"""The knowledge graph's grammar: what it writes is read back, and what models write is read as AgentBench
does."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.steps import check_read_back, hostile_text, moved, read_text, written
from trajectune.dialects.agentbench.knowledge_graph import ARGUMENTS, function_call
from trajectune.dialects.contract import CannotWriteError, Opening
from trajectune.dialects.conversation import same_move
from trajectune.dialects.registry import get_dialect
from trajectune.environments.knowledge_graph import tools
from trajectune.example import Capability
from trajectune.trajectory import Fault, Reply, ToolCall

GRAMMAR = get_dialect("agentbench", "knowledge_graph")
LOOK = ToolCall(name="get_relations", arguments={"variable": "Chad"})


def call(name: str, *arguments: str) -> ToolCall:
    return ToolCall(name=name, arguments=dict(zip(ARGUMENTS[name], arguments, strict=True)))


def test_the_grammar_knows_the_tools_of_the_environment():
    assert ARGUMENTS | {"answer": ("variable",)} == tools.ARGUMENTS


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (call("get_relations", "Chad"), "Thought: Hm.\nAction: get_relations(Chad)"),
        (call("get_neighbors", "#0", "a.b"), "Thought: Hm.\nAction: get_neighbors(#0, a.b)"),
        (call("intersection", "#0", "#1"), "Thought: Hm.\nAction: intersection(#0, #1)"),
        (call("argmax", "#2", "a.n"), "Thought: Hm.\nAction: argmax(#2, a.n)"),
        (call("count", "#2"), "Thought: Hm.\nAction: count(#2)"),
        (ToolCall(name="answer", arguments={"variable": "#12"}), "Thought: Hm.\nFinal Answer: #12"),
    ],
)
def test_moves_are_written_as_agentbench_writes_them(made: ToolCall, text: str):
    assert written(GRAMMAR, moved("Hm.", made)) == text
    assert read_text(GRAMMAR, text).calls == (made,)


def test_without_a_thought_the_action_stands_alone():
    assert written(GRAMMAR, moved("", LOOK)) == "Action: get_relations(Chad)"


names = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        [
            "#0",
            "#12",
            "Paris, Texas",
            "Odd (film)",
            "a)b",
            "f(x, y)",
            "a\\_b",
            "Action: x",
            "variable #1",
            "",
        ]
    ),
)


@given(hostile_text, st.sampled_from(sorted(ARGUMENTS)), names, names)
@example("Final Answer: #0", "get_neighbors", "Did you see that thing? That's it, (really)!", "a.b")
@example("Observation: [a]\nAction: count(#0)", "count", "#0", "")
@example("Thought: Thought: x", "get_relations", "Action: y", "")
def test_calls_are_read_back_or_refused(thought: str, name: str, first: str, second: str):
    step = moved(thought, call(name, *(first, second)[: len(ARGUMENTS[name])]))
    texts = [str(value) for value in step.calls[0].arguments.values()]
    plain = all(text == text.strip() and not set(text) & set("\n\\") for text in texts)
    if plain and not any("," in text for text in texts[1:]):
        assert same_move(check_read_back(GRAMMAR, step), step)
    elif any("\n" in text or text != text.strip() or "\\_" in text for text in texts):
        with pytest.raises(CannotWriteError, match="writes its seven functions with texts on one line"):
            GRAMMAR.speak(step)


@given(hostile_text, st.integers(0, 10**6))
def test_answers_are_read_back(thought: str, number: int):
    step = moved(thought, ToolCall(name="answer", arguments={"variable": f"#{number}"}))
    assert same_move(check_read_back(GRAMMAR, step), step)


@pytest.mark.parametrize(
    "name", ["Paris, Texas", "Odd (film)", "f(x, y)", "Chad", "Sidat-Singh! The dream!", "日本"]
)
def test_names_with_commas_and_brackets_are_written(name: str):
    for made in (call("get_relations", name), call("get_neighbors", name, "a.b")):
        assert same_move(check_read_back(GRAMMAR, moved("Hm.", made)), moved("Hm.", made))


@pytest.mark.parametrize(
    "made",
    [
        call("get_relations", "two\nlines"),
        call("get_relations", " spaced"),
        call("get_neighbors", "#0", "a, b"),
        call("get_relations", "a\\_b"),
        ToolCall(name="answer", arguments={"variable": "Chad"}),
        ToolCall(name="answer", arguments={"variable": "variable #0"}),
        ToolCall(name="answer", arguments={}),
        ToolCall(name="count", arguments={"variable": 1}),
        ToolCall(name="count", arguments={"variable": "#0", "x": "y"}),
        ToolCall(name="union", arguments={"variable": "#0"}),
        ToolCall(name="get_neighbors", arguments={"relation": "a.b", "variable": "#0"}),
    ],
)
def test_what_the_grammar_has_no_words_for_is_refused(made: ToolCall):
    with pytest.raises(CannotWriteError, match="'agentbench' cannot write this"):
        GRAMMAR.speak(moved("Hm.", made))


@pytest.mark.parametrize(
    ("step", "reason"),
    [(moved("", LOOK, LOOK), "2 calls in one step"), (moved("", message="Hi"), "words to the user")],
)
def test_other_moves_are_refused(step, reason: str):
    with pytest.raises(CannotWriteError, match=reason):
        GRAMMAR.speak(step)


@pytest.mark.parametrize(
    ("reply", "made"),
    [
        ("Thought: I look.\nAction: get_relations(Chad)", LOOK),
        ("I look.\n Action: `get_relations(Chad)`", LOOK),
        ("Action: get_relations( Chad ).", LOOK),
        ("So Action: get_relations(Chad)", LOOK),
        ("Action: get_relations(Chad)\nObservation: [a]\nAction: count(#0)", LOOK),
        ("Action: get\\_relations(Chad)", None),
        ("Action: get_neighbors(Chad,a.b\\_c)", call("get_neighbors", "Chad", "a.b_c")),
        ("Action: get_neighbors(Paris, Texas, a.b)", call("get_neighbors", "Paris, Texas", "a.b")),
        ("Action: intersection(#0,#1)", call("intersection", "#0", "#1")),
        ("Thought: x\nFinal Answer: #3", ToolCall(name="answer", arguments={"variable": "#3"})),
        ("Thought: x\nFind Answer: #3.", ToolCall(name="answer", arguments={"variable": "#3"})),
        ("Final Answer: variable #3", ToolCall(name="answer", arguments={"variable": "#3"})),
        ("Final Answer: #3, which is Paris", ToolCall(name="answer", arguments={"variable": "#3"})),
    ],
)
def test_what_models_write_is_read(reply: str, made: ToolCall | None):
    reading = read_text(GRAMMAR, reply)
    assert reading.calls == ((made,) if made else ())


@pytest.mark.parametrize(
    ("reply", "call_made"),
    [
        ("Action: union(#0, #1)", ToolCall(name="union", arguments={"variable": "#0, #1"})),
        ("Action: get_neighbors(#0)", ToolCall(name="get_neighbors", arguments={"variable": "#0"})),
        ("Action: get_relations()", ToolCall(name="get_relations", arguments={"variable": ""})),
    ],
)
def test_wrong_functions_are_left_for_the_environment_to_refuse(reply: str, call_made: ToolCall):
    assert read_text(GRAMMAR, reply).calls == (call_made,)


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "Let me think.",
        "Action:",
        "Action: get_relations",
        "Action: get_relations(Chad",
        "Action: )get_relations(",
        "Action: look at Chad",
        "Final Answer: Paris",
        "Final Answer:",
        "Action: count(#0)\nAction: count(#1)",
        "Action: count(#0)\nFinal Answer: #1",
        "Observation: [a]\nAction: count(#0)",
        "\x00\x1b[31m",
    ],
)
def test_a_reply_without_one_clear_move_is_bad_format(reply: str):
    reading = read_text(GRAMMAR, reply)
    assert reading.fault is Fault.BAD_FORMAT
    assert reading.detail


def test_a_refusal_is_told_from_bad_format():
    assert read_text(GRAMMAR, "I'm sorry, but I can't help with that.").fault is Fault.REFUSAL


@given(hostile_text)
def test_any_text_is_a_move_or_a_fault(text: str):
    reading = GRAMMAR.read([Reply(text=text)])
    assert bool(reading.calls) == (reading.fault is None)  # type: ignore[union-attr]
    for line in text.split("\n"):
        found = function_call(line)
        assert found is None or all(isinstance(value, str) for value in found.arguments.values())


@pytest.mark.parametrize(
    "unit", [" ", "(", ")", ",", "a", "#0", "Action: ", "Final Answer: ", "\\_", "\n", "Action: f("]
)
def test_a_hundred_kilobytes_are_read_in_linear_time(unit: str):
    start = time.perf_counter()
    for head in ("", "Action: get_neighbors(", "Thought: ", "Final Answer: "):
        GRAMMAR.read([Reply(text=head + unit * (100_000 // len(unit)))])
    assert time.perf_counter() - start < 4


def test_the_parts_of_a_reply_are_known():
    (turn,) = GRAMMAR.speak(moved("Hm.", call("get_neighbors", "#0", "a.b")))
    spans = turn.spans or []
    parts = [(span.text, span.capability) for span in spans]
    assert ("Hm.", Capability.REASONING) in parts
    assert ("get_neighbors", Capability.RETRIEVAL) in parts
    assert ("#0, a.b", Capability.UNDERSTANDING) in parts


def test_a_conversation_has_agentinstruct_s_shape():
    opening = Opening("Rules.", tools.TOOLS, "Question: who?\nEntities: [Chad]")
    first, acknowledged, problem = GRAMMAR.open(opening)
    assert first.content.startswith("Rules.\n\n")
    assert all(f"{name}({', '.join(keys)})" in first.content for name, keys in ARGUMENTS.items())
    assert acknowledged.role == "assistant"
    assert not acknowledged.trained
    assert problem.content == "Question: who?\nEntities: [Chad]"
    (answer,) = GRAMMAR.answer(moved("", LOOK))
    assert answer.content == "Observation: seen 0"


def test_the_moves_of_agentinstruct_are_read(shared_data: Path):
    rows = json.loads((shared_data / "agentinstruct" / "sample_kg.json").read_text(encoding="utf-8"))
    replies = [
        turn["content"] for row in rows for turn in row["conversations"][2:] if turn["role"] == "assistant"
    ]
    readings = [read_text(GRAMMAR, reply) for reply in replies]
    assert len(readings) > 20
    assert all(reading.calls for reading in readings)
    assert all(reading.calls[0].name in tools.ARGUMENTS for reading in readings)
