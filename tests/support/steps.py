"""Steps for property tests of dialects: hostile words, any JSON, calls alone and together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from trajectune.dialects.contract import Ask, Dialect, Reading
from trajectune.dialects.native import CALL_MARKS
from trajectune.example import Message
from trajectune.trajectory import Action, Reply, Step, ToolCall

MARKERS = ["Action: Operation", "Action: Answer", "```sql", "```", "\\", "\n", " ", "Final Answer: [1]"]
MARKERS += ["THOUGHT:", "ACTION: look", "action:", "Action:", "Action Input: {}", "Observation:"]
MARKERS += ["Thought: ", "\r", "\t", "\u2028", '"', "{", '", "calls": [', '"message": "', "```json"]
MARKERS += CALL_MARKS
pieces = st.lists(st.sampled_from(MARKERS))
hostile_text = st.one_of(st.text(), pieces.map("".join), pieces.map("\n".join))
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | hostile_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(hostile_text, inner, max_size=3),
    max_leaves=6,
)
tool_names = st.from_regex(r"[\w.:-]{1,12}", fullmatch=True)
calls = st.builds(
    ToolCall, name=tool_names, arguments=st.dictionaries(hostile_text, json_values, max_size=3)
)


def moved(thought: str, *moves: ToolCall, message: str | None = None) -> Step:
    """A step with these calls, or with words to the user."""
    actions = [Action(call=call, observation=f"seen {n}") for n, call in enumerate(moves)]
    return Step(thought=thought, actions=actions, message=message, observation="" if actions else "Yes.")


def as_replies(turns: Sequence[Message]) -> list[Reply]:
    """The agent's turns as a model would have given them."""
    said = [turn for turn in turns if turn.role == "assistant"]
    return [Reply(text=turn.content, calls=turn.tool_calls) for turn in said]


def read_text(dialect: Dialect, text: str, key: str = "") -> Reading:
    """How a dialect of one turn a step reads a text."""
    reading = dialect.read([Reply(text=text)], key)
    assert isinstance(reading, Reading)
    return reading


def written(dialect: Dialect, step: Step, key: str = "") -> str:
    """The agent's only turn for a step."""
    (turn,) = dialect.speak(step, key)
    return turn.content


def check_read_back(dialect: Dialect, step: Step, key: str = "task#0") -> Reading:
    """The contract's promise: what is written is read back, and every beginning of it asks on."""
    turns = dialect.speak(step, key)
    assert dialect.write(step, key) == [*turns, *dialect.answer(step, key)], "writing twice differs"
    assert turns[-1].role == "assistant"
    assert all(turn.trained == (turn.role == "assistant") for turn in turns)
    replies = as_replies(turns)
    asked = [turn.content for turn in turns if turn.role == "user"]
    for number, words in enumerate(asked, 1):
        assert dialect.read(replies[:number], key) == Ask(words)
    reading = dialect.read(replies, key)
    assert isinstance(reading, Reading)
    return reading


def some_json() -> dict[str, Any]:
    """Arguments of every JSON type."""
    return {"text": "é\n", "number": 1.5, "list": [1, None, True], "object": {"a": {}}}
