"""Thoughts: where a template writes them, how a reply is read, and that streaming says the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.gauntlet import bytes_for, published
from trajectune.example import Capability, Example, Message, Span
from trajectune.models.chat import CallFilter, renderer_of
from trajectune.models.chat.forms import Harmony, Hermes
from trajectune.models.chat.reading import read_reply
from trajectune.models.chat.thought import PLAIN, Marks, Thought, apart, with_thought

OPENED = Thought(opened="<think>\n")
CHANNELS = Thought(
    Marks("<|channel|>analysis<|message|>", "<|end|><|start|>assistant"), head="<|channel|>final<|message|>"
)
LEFT = Thought(Marks("<|channel>thought\n", "\n<channel|>"), prompt="<|turn>model\n")
KINDS = {"plain": PLAIN, "opened": OPENED, "channels": CHANNELS, "left": LEFT}


@pytest.mark.parametrize(
    ("kind", "text", "reasoning", "content"),
    [
        ("plain", "Hi <think>", "", "Hi <think>"),
        ("plain", "<think>\nHm.\n</think>\n\nHi", "Hm.", "Hi"),
        ("plain", "<think>\n\n</think>\n\nHi", "", "Hi"),
        ("plain", "<think>\n\n</think>\n\n<think>\nHm.\n</think>\n\nHi", "Hm.", "Hi"),
        ("plain", "<think> never closed", "", "<think> never closed"),
        ("plain", " \n Hi ", "", " \n Hi "),
        ("opened", "Hm.\n</think>\n\nHi", "Hm.", "Hi"),
        ("opened", "\n</think>\n\nHi", "", "Hi"),
        ("opened", "cut in the mid", "cut in the mid", ""),
        ("channels", "<|channel|>final<|message|>Hi", "", "Hi"),
        (
            "channels",
            "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Hi",
            "Hm.",
            "Hi",
        ),
        ("left", "<|turn>model\n<|channel>thought\nHm.\n<channel|>Hi", "Hm.", "Hi"),
        ("left", "<|turn>model\nHi", "", "Hi"),
        ("left", "Hi", "", "Hi"),
    ],
)
def test_a_reply_is_thought_and_words(kind: str, text: str, reasoning: str, content: str) -> None:
    assert read_reply(text, KINDS[kind], Hermes(), [])[:2] == (reasoning, content)


_PIECES = st.sampled_from(
    [
        *("<think>", "</think>", "\n", " ", "Hi", "<", "<th", "think>", "</", "<|turn>model\n", "<|turn>"),
        *(
            "<|channel|>",
            "analysis",
            "final",
            "<|message|>",
            "<|end|>",
            "<|start|>assistant",
            " to=functions.f",
        ),
        *(
            "<|channel>thought\n",
            "<channel|>",
            '<tool_call>{"name": "f", "arguments": {}}</tool_call>',
            "{}",
        ),
    ]
)


@pytest.mark.parametrize("form", [Hermes(), Harmony()], ids=["hermes", "harmony"])
@pytest.mark.parametrize("kind", KINDS)
@given(text=st.lists(_PIECES, max_size=9).map("".join), data=st.data())
def test_the_pieces_of_a_stream_join_to_the_whole(
    kind: str, form: Hermes | Harmony, text: str, data: st.DataObject
) -> None:
    streamed, sent, place = CallFilter(form, (), KINDS[kind]), "", 0
    while place < len(text):
        size = data.draw(st.integers(1, 9))
        sent += streamed.push(text[place : place + size])
        place += size
    whole = read_reply(text, KINDS[kind], form, [])
    assert whole.content.startswith(sent)
    rest = streamed.finish()
    assert (rest.reasoning, sent + rest.content, rest.calls) == whole


def test_words_behind_a_thought_are_shown_at_once() -> None:
    streamed = CallFilter(Hermes(), (), OPENED)
    assert [streamed.push(part) for part in ("Hm", ".</th", "ink>\n\n", "Hi", " you")] == [
        "",
        "",
        "",
        "Hi",
        " you",
    ]


@pytest.mark.parametrize(
    ("name", "opening"),
    [
        ("qwen3", "<think>"),
        ("gptoss", "<|channel|>analysis<|message|>"),
        ("gemma4_v5", "<|channel>thought"),
        ("lfm2_2_5", "<think>"),
        ("muse_glimmer", "to=self<|message|>"),
        ("llama3", "<think>"),
    ],
)
def test_published_templates_are_asked_for_their_marks(name: str, opening: str) -> None:
    renderer = renderer_of(bytes_for(published()[name]))
    assert renderer.thought.marks.opening.strip() == opening
    said = Message(role="assistant", content="Hi", reasoning="Hm.", trained=True)
    example = Example(id="e", messages=[Message(role="user", content="Go"), said])
    (rendered,) = renderer.render(example)
    (reply,) = rendered.replies
    assert rendered.text[slice(*reply.parts[0][:2])].strip() == "Hm."
    assert reply.parts[0].capability is Capability.REASONING


@given(
    spans=st.lists(st.text("ab<>/think\n ", max_size=8), max_size=4), thought=st.text("ab\n ", max_size=5)
)
def test_a_thought_set_apart_leaves_the_words_their_spans(spans: list[str], thought: str) -> None:
    content = f"<think>\n{thought}\n</think>\n\n" + "".join(spans)
    message = Message(
        role="assistant",
        content=content,
        spans=[Span.marker(content[: len(content) - len("".join(spans))]), *map(Span.thought, spans)],
    )
    found = apart(message)
    assert "".join(span.text for span in found.spans) == found.content
    assert found.reasoning == thought.strip()
    assert content.endswith(found.content)
    assert found.content.strip() in with_thought(found)
