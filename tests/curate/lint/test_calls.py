"""Tools that are not there, arguments that do not fit, answers that nobody asked for."""

from __future__ import annotations

from typing import Any

import pytest

from support.linted import LOOK, acted, answering, calling, did, faults, findings, only, talk
from trajectune.curate.lint.finding import DataFault
from trajectune.curate.lint.offers import offered
from trajectune.curate.lint.schemas import shortcoming
from trajectune.dialects.text import describe_tool
from trajectune.trajectory import Tool, ToolCall

OS_RULES = "Take one of three actions: bash, finish, answer."
DONE = "Think: done\n\nAct: finish"
GYM = "Name: find(title, year)\nDescription: Finds.\n\nName: finish(answer)\nDescription: Ends."


def react(name: str, written: str) -> str:
    return f"Thought: so\nAction: {name}\nAction Input: {written}"


def test_a_native_call_of_a_tool_that_is_not_offered() -> None:
    row = talk(("user", "a?"), calling("browse", of="x"), answering(), ("assistant", "x."), tools=[LOOK])
    finding = only(row, DataFault.UNKNOWN_TOOL)
    assert (finding.turn, finding.why) == (2, "browse is not offered; there are look")
    assert "browse" in finding.matched


def test_without_any_offer_no_tool_is_unknown() -> None:
    assert faults(talk(("user", "a?"), calling("browse"), answering(), ("assistant", "x."))) == []


def test_tools_that_come_later_in_an_episode_are_offered() -> None:
    brings = did(of="x").model_copy(update={"tools": [Tool(name="open")]})
    assert faults(acted(brings, did("open"), did("answer"))) == []
    assert faults(acted(did("open"), did("answer"))) == [("unknown_tool", 1)]


@pytest.mark.parametrize(
    ("reply", "named"),
    [
        ("Think: x\n\nAct: python\n\n```python\n1\n```", "python"),
        ("Think: x\n\nAct: browse(page)", "browse"),
    ],
)
def test_a_closed_grammar_knows_its_acts(reply: str, named: str) -> None:
    row = talk(("user", OS_RULES), ("assistant", reply), ("user", "?"), ("assistant", DONE))
    finding = only(row, DataFault.UNKNOWN_TOOL)
    assert (finding.turn, finding.matched) == (2, named)


def test_a_grammar_that_the_row_does_not_name_is_not_closed() -> None:
    row = talk(
        ("user", "Who is it?"),
        ("assistant", "Thought: so\nAction: search[it]"),
        ("user", "Observation: It is x."),
        ("assistant", "Thought: so\nAction: finish[x]"),
    )
    assert faults(row) == []


@pytest.mark.parametrize(
    ("name", "written", "fault"),
    [
        ("look", '{"of": "x"}', None),
        ("browse", "{}", DataFault.UNKNOWN_TOOL),
        ("look", "{}", DataFault.BAD_ARGUMENTS),
        ("look", '{"of": 3}', DataFault.BAD_ARGUMENTS),
        ("look", "{'of': 1 - 2}", DataFault.BAD_ARGUMENTS),
    ],
)
def test_react_calls_are_held_against_the_tools_of_the_opening(
    name: str, written: str, fault: DataFault | None
) -> None:
    opening = f"Act.\n\nTools:\n{describe_tool(LOOK)}"
    first = ("assistant", react("look", '{"of": "a"}'))
    row = talk(("user", opening), first, ("user", "a"), ("assistant", react(name, written)))
    assert [finding.fault for finding in findings(row)] == ([fault] if fault else [])


@pytest.mark.parametrize(
    ("action", "found"),
    [
        ('find with Action Input: {"title": "x"}', []),
        ('find with Action Input: {"name": "x"}', [("bad_arguments", 2)]),
        ('seek with Action Input: {"title": "x"}', [("unknown_tool", 2)]),
        ('find with Action Input: {"title": 1 - 2}', [("bad_arguments", 2)]),
    ],
)
def test_calls_in_agentgyms_form(action: str, found: list[tuple[str, int]]) -> None:
    end = 'Thought: so\nAction: finish with Action Input: {"answer": "x"}'
    row = talk(
        ("user", GYM),
        ("assistant", f"Thought: a\n\nAction: {action}"),
        ("user", "Observation: x"),
        ("assistant", end),
    )
    assert faults(row) == found


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ("Action: get_neighbors(#0, a.b)", []),
        ("Action: get_neighbors(#0)", [("bad_arguments", 2)]),
        ("Action: union(#0, #1)", [("unknown_tool", 2)]),
    ],
)
def test_functions_of_the_knowledge_graph(reply: str, found: list[tuple[str, int]]) -> None:
    rules = "get_relations get_neighbors intersection get_attributes argmax argmin count"
    row = talk(
        ("user", rules),
        ("assistant", f"Thought: so\n{reply}"),
        ("user", "Observation: variable #1"),
        ("assistant", "Thought: so\nAction: count(#1)"),
        ("user", "Observation: variable #2"),
        ("assistant", "Thought: so\nFinal Answer: #2"),
    )
    assert faults(row) == found


@pytest.mark.parametrize("action", ["PRESS", "TYPE"])
def test_actions_of_web_navigation(action: str) -> None:
    row = talk(
        ("user", "A. None of the above\nB. <a> Go </a>"), ("assistant", f"Answer: B.\nAction: {action}")
    )
    assert only(row, DataFault.BAD_ARGUMENTS).matched.startswith(
        action if action == "PRESS" else "Action: TYPE"
    )


def test_an_act_without_its_block() -> None:
    row = talk(
        ("user", OS_RULES), ("assistant", "Think: x\n\nAct: bash"), ("user", "?"), ("assistant", DONE)
    )
    assert only(row, DataFault.BAD_ARGUMENTS).why == "bash without what it needs"


def test_an_answer_that_names_another_call() -> None:
    row = talk(
        ("user", "a?"), calling(of="x"), answering(), answering(id="c9"), ("assistant", "x."), tools=[LOOK]
    )
    assert faults(row) == [("answer_without_call", 4)]
    strange = talk(("user", "a?"), calling(of="x"), answering(id="c9"), ("assistant", "x."), tools=[LOOK])
    assert "'c9'" in only(strange, DataFault.ANSWER_WITHOUT_CALL).why


def test_parallel_calls_have_their_answers_in_any_order_and_with_or_without_ids() -> None:
    two = calling(of="x").model_copy(
        update={"tool_calls": [ToolCall(name="look", arguments={"of": v}, id=f"c{v}") for v in "12"]}
    )
    for ids in (("c2", "c1"), ("c1", "c2"), ("", "")):
        row = talk(
            ("user", "a?"), two, *(answering(id=id) for id in ids), ("assistant", "x."), tools=[LOOK]
        )
        assert faults(row) == []


def test_two_answers_in_a_row_miss_a_call_between_them() -> None:
    reply = ("assistant", "Think: x\n\nAct: bash\n\n```bash\nls\n```")
    row = talk(("user", OS_RULES), reply, ("user", "one"), ("user", "two"), ("assistant", DONE))
    assert faults(row) == [("answer_without_call", 4)]
    assert faults(talk(("user", OS_RULES), ("user", "one"), ("assistant", DONE))) == []


@pytest.mark.parametrize(
    ("schema", "arguments", "wrong"),
    [
        ({}, {"a": 1}, False),
        ({"type": "object", "required": ["a"]}, {}, True),
        ({"properties": {"a": {"type": "integer"}}}, {"a": "1"}, True),
        ({"properties": {"a": {"enum": [1, 2]}}}, {"a": 3}, True),
        ({"properties": {"a": {"type": "float"}}}, {"a": "1"}, False),
        ({"properties": {"a": {"$ref": "http://127.0.0.1:9/none.json"}}}, {"a": 1}, False),
        ({"properties": {"a": {"pattern": "^(x+x+)+$"}}}, {"a": "x" * 60 + "y"}, False),
    ],
)
def test_schemas_are_checked_and_never_trusted(schema: dict[str, Any], arguments: Any, wrong: bool) -> None:
    said = shortcoming(Tool(name="t", parameters=schema), ToolCall(name="t", arguments=arguments))
    assert bool(said) is wrong


def test_tools_in_words_are_read_and_none_is_guessed() -> None:
    assert [tool.name for tool in offered(GYM)] == ["find", "finish"]
    assert offered(describe_tool(LOOK))[0].parameters == LOOK.parameters
    assert offered("- broken Arguments (JSON schema): {torn") == ()
    assert offered("You can use tools.") == ()
