"""What holds for every template: a reply stands behind the very prompt that a model would meet."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.templates import (
    FORGETFUL,
    HERMES,
    LLAMA_3_1,
    MISTRAL,
    MISTRAL_NAMED,
    MISTRAL_SPECIALS,
    REWRITING,
    STRIPPING,
    XML,
)
from support.tokenizers import (
    CHATML_SPECIALS,
    LLAMA_3_SPECIALS,
    SMOLLM2_TEMPLATE,
    byte_level,
    sentencepiece_like,
)
from trajectune.example import Capability, Example, Message, Span
from trajectune.models.chat import ChatRenderer, MaskError, Rendered
from trajectune.models.templates import AGENT_FLAN, CHATML, LLAMA_2, LLAMA_3

TAGGED = ["<|begin_of_text|>", "<|python_tag|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
RENDERERS = {
    name: ChatRenderer(tokenizer)
    for name, tokenizer in {
        "chatml": byte_level(CHATML, CHATML_SPECIALS),
        "smollm2": byte_level(SMOLLM2_TEMPLATE, CHATML_SPECIALS),
        "llama-2": sentencepiece_like(LLAMA_2),
        "llama-3": byte_level(LLAMA_3, LLAMA_3_SPECIALS),
        "agent-flan": byte_level(AGENT_FLAN, ["<s>", "</s>"]),
        "hermes": byte_level(HERMES, CHATML_SPECIALS),
        "xml": byte_level(XML, CHATML_SPECIALS),
        "llama-3.1": byte_level(LLAMA_3_1, TAGGED),
        "mistral": byte_level(MISTRAL, MISTRAL_SPECIALS),
        "mistral named": byte_level(MISTRAL_NAMED, MISTRAL_SPECIALS),
        "forgetful": byte_level(FORGETFUL, CHATML_SPECIALS),
        "rewriting": byte_level(REWRITING, CHATML_SPECIALS),
        "stripping": byte_level(STRIPPING, CHATML_SPECIALS),
    }.items()
}
KINDS = [Span.thought, Span.tool, Span.arguments, Span.marker]
WORDS = st.text(max_size=6) | st.sampled_from(
    [" ", "\n\n", "Ok.", "assistant\n", "[/INST]", "</think>", "{", "<tool_call>", "(said)", "é東"]
)
SPANS = st.lists(st.tuples(st.sampled_from(KINDS), WORDS), max_size=4)


def said(turn: int, spans: list[tuple[Any, str]]) -> Message:
    role = "assistant" if turn % 2 else "user"
    parts = [kind(text) for kind, text in spans]
    content = "".join(part.text for part in parts)
    return Message(role=role, content=content, trained=role == "assistant", spans=parts)


CONVERSATIONS = st.lists(SPANS, min_size=2, max_size=6).map(
    lambda turns: Example(id="e", messages=[said(turn, spans) for turn, spans in enumerate(turns)])
)


def attempt(renderer: ChatRenderer, example: Example) -> list[Rendered]:
    """The contexts; none where the example is rejected."""
    try:
        return renderer.render(example)
    except MaskError:
        return []


def which(renderer: ChatRenderer, example: Example, rendered: Rendered) -> list[int]:
    """The turn of each reply of a context: by the prompt in front of it."""
    turns = [turn for turn, message in enumerate(example.messages) if message.trained]
    prompts = {turn: renderer.text(example.messages[:turn], opened=True) for turn in turns}
    found = []
    for reply in rendered.replies:
        head = renderer.turn[0]
        fitting = [
            turn for turn, prompt in prompts.items()
            if rendered.text[: reply.start] in (prompt, prompt + head)
        ]  # fmt: skip
        assert len(fitting) == 1, "a reply stands behind a prompt that no model meets"
        found += fitting
    return found


@pytest.mark.parametrize("name", RENDERERS)
@settings(max_examples=40, deadline=None)
@given(example=CONVERSATIONS)
def test_every_reply_stands_behind_its_own_prompt_once(name: str, example: Example) -> None:
    renderer = RENDERERS[name]
    contexts = attempt(renderer, example)
    turns = [turn for rendered in contexts for turn in which(renderer, example, rendered)]
    if contexts:
        assert sorted(turns) == [turn for turn, message in enumerate(example.messages) if message.trained]
    for rendered in contexts:
        for before, after in pairwise(rendered.replies):
            assert before.end <= after.start


@pytest.mark.parametrize("name", RENDERERS)
@settings(max_examples=40, deadline=None)
@given(example=CONVERSATIONS)
def test_a_reply_is_the_words_and_the_end_of_the_turn(name: str, example: Example) -> None:
    renderer = RENDERERS[name]
    for rendered in attempt(renderer, example):
        for turn, reply in zip(which(renderer, example, rendered), rendered.replies, strict=True):
            text, content = rendered.text[reply.start : reply.end], example.messages[turn].content
            assert text.endswith(renderer.turn[1])
            assert text.removesuffix(renderer.turn[1]).strip() == content.strip()


@pytest.mark.parametrize("name", RENDERERS)
@settings(max_examples=40, deadline=None)
@given(example=CONVERSATIONS)
def test_every_character_of_a_reply_is_labelled_as_its_span_is(name: str, example: Example) -> None:
    renderer = RENDERERS[name]
    for rendered in attempt(renderer, example):
        for turn, reply in zip(which(renderer, example, rendered), rendered.replies, strict=True):
            message = example.messages[turn]
            if not message.spans:
                assert reply.parts == ()
                continue
            painted = {}
            for part in reply.parts:
                assert reply.start <= part.start <= part.end <= reply.end
                painted |= dict.fromkeys(range(part.start, part.end), (part.capability, part.is_format))
            assert sorted(painted) == list(range(reply.start, reply.end))
            kinds = [(span.capability, span.format) for span in message.spans for _ in span.text]
            skipped = len(message.content) - len(message.content.lstrip())
            words = message.content.strip()
            place = rendered.text.find(words, reply.start) if words else reply.start
            got = [painted[place + offset] for offset in range(len(words))]
            assert got == kinds[skipped : skipped + len(words)]


@pytest.mark.parametrize("name", ["forgetful", "rewriting"])
def test_a_reply_that_meets_another_past_has_a_text_of_its_own(name: str) -> None:
    turns = [("user", "1"), ("assistant", "</think>a"), ("user", "2"), ("assistant", "b")]
    messages = [Message(role=role, content=text, trained=role == "assistant") for role, text in turns]  # pyright: ignore[reportArgumentType]
    contexts = RENDERERS[name].render(Example(id="e", messages=messages))
    assert [len(rendered.replies) for rendered in contexts] == [1, 1]
    first, last = contexts
    assert first.text.endswith("</think>a<|im_end|>")
    assert "</think>a" not in last.text


def test_sampled_ids_count_only_under_the_template_that_they_were_sampled_under() -> None:
    renderer = RENDERERS["chatml"]
    reply = Message(role="assistant", content="Ok.", trained=True, tokens=[5, 6])
    messages = [Message(role="user", content="Go."), reply]
    for template, tokens in ((renderer.digest, (5, 6)), (RENDERERS["hermes"].digest, None), ("", None)):
        (rendered,) = renderer.render(Example(id="e", messages=messages, template=template))
        assert rendered.replies[0].tokens == tokens


def test_nothing_trained_is_said() -> None:
    example = Example(id="e", messages=[Message(role="user", content="Go.")])
    with pytest.raises(MaskError, match="no message is trained"):
        RENDERERS["chatml"].render(example)


def test_words_that_are_a_part_of_the_end_do_not_mislead() -> None:
    example = Example(
        id="e",
        messages=[
            Message(role="user", content="Say <|im_end without its end."),
            Message(
                role="assistant",
                content="<|im_end",
                trained=True,
                spans=[Span.thought("<|im"), Span.marker("_end")],
            ),
        ],
    )
    (rendered,) = RENDERERS["chatml"].render(example)
    (reply,) = rendered.replies
    assert rendered.text[reply.start : reply.end] == "<|im_end<|im_end|>"
    assert [rendered.text[part.start : part.end] for part in reply.parts[1:]] == ["<|im", "_end"]
    assert reply.parts[1].capability is Capability.REASONING
