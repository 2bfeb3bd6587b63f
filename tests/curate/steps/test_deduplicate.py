"""Of equal conversations one is enough; what makes two of them equal."""

from __future__ import annotations

from curate.steps.rows import example
from trajectune.curate.steps.apply import apply_steps
from trajectune.curate.steps.deduplicate import SAME_MESSAGES, Deduplicate
from trajectune.example import Example, Message, Span
from trajectune.trajectory import Tool, ToolCall


def kept(*rows: Example) -> list[str]:
    return [row.id for row in apply_steps([Deduplicate()], rows).rows]


def test_the_first_of_equal_examples_stays() -> None:
    done = apply_steps([Deduplicate()], [example(1, "a"), example(2, "b"), example(3, "a")])
    assert [row.id for row in done.rows] == ["e1", "e2"]
    assert [(each.id, each.reason) for each in done.rejected] == [("e3", SAME_MESSAGES)]


def test_ids_and_spans_do_not_tell_examples_apart() -> None:
    def called(number: int, id: str, spans: list[Span]) -> Example:
        call = ToolCall(name="look", arguments={"at": 1}, id=id)
        asked = Message(role="assistant", content="hm", tool_calls=[call], spans=spans)
        return Example(id=f"e{number}", messages=[asked, Message(role="tool", content="", tool_call_id=id)])

    assert kept(called(1, "x", []), called(2, "y", [Span.thought("hm")])) == ["e1"]


def test_flags_calls_tools_and_reasoning_do() -> None:
    plain = example(1, "a")
    untrained = example(2, "a", trained=False)
    with_tools = plain.model_copy(update={"id": "e3", "tools": [Tool(name="look")]})
    calls = [plain.messages[1].model_copy(update={"tool_calls": [ToolCall(name="look")]})]
    calling = plain.model_copy(update={"id": "e4", "messages": [plain.messages[0], *calls]})
    thought = [plain.messages[0], plain.messages[1].model_copy(update={"reasoning": "Hm."})]
    thinking = plain.model_copy(update={"id": "e5", "messages": thought})
    rows = plain, untrained, with_tools, calling, thinking
    assert kept(*rows) == ["e1", "e2", "e3", "e4", "e5"]
