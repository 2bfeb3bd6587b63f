"""Examples: only the agent's words may be trained, and spans are the whole of a message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from trajectune.example import Capability, Example, Message, Role, Span
from trajectune.trajectory import ToolCall

SPANS = st.lists(
    st.builds(Span, text=st.text(), capability=st.sampled_from(Capability), format=st.booleans()),
    max_size=4,
)


@pytest.mark.parametrize("role", ["system", "user", "tool"])
def test_only_the_assistant_is_trained(role: Role) -> None:
    with pytest.raises(ValidationError, match="only the assistant's words are"):
        Message(role=role, content="x", trained=True)


@given(spans=SPANS)
def test_spans_are_the_whole_message(spans: list[Span]) -> None:
    content = "".join(span.text for span in spans)
    assert Message(role="assistant", content=content, spans=spans).spans == spans
    if spans:
        with pytest.raises(ValidationError, match="spans joined"):
            Message(role="assistant", content=content + "x", spans=spans)


@given(spans=SPANS, trained=st.booleans(), metadata=st.dictionaries(st.text(), st.integers(), max_size=2))
def test_an_example_survives_json(spans: list[Span], trained: bool, metadata: dict[str, int]) -> None:
    reply = Message(
        role="assistant",
        content="".join(span.text for span in spans),
        spans=spans,
        trained=trained,
        tool_calls=[ToolCall(name="sql", arguments={"query": "SELECT 1"})],
    )
    original = Example(id="1", messages=[Message(role="user", content="q"), reply], metadata=dict(metadata))
    assert Example.model_validate_json(original.model_dump_json()) == original


@pytest.mark.parametrize(
    ("part", "span"),
    [
        ("reasoning", Span.thought("x")),
        ("retrieval", Span.tool("x")),
        ("understanding", Span.arguments("x")),
        ("format", Span.marker("x")),
    ],
)
def test_spans_of_version_1_are_read(part: str, span: Span) -> None:
    assert Span.model_validate({"part": part, "text": "x"}) == span
