"""Conversations folded for templates that do not take every role: nothing is lost or moved past a reply."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.families import GEMMA
from support.tokenizers import CHATML_SPECIALS, byte_level, gemma_like
from trajectune.example import Example, Message
from trajectune.models.chat import ChatRenderer, MaskError
from trajectune.models.chat.roles import Roles, fold
from trajectune.models.chat.words import Written
from trajectune.trajectory import Tool

MESSAGES = st.lists(
    st.builds(
        Message,
        role=st.sampled_from(["system", "system", "user", "assistant", "tool"]),
        content=st.text("abc", min_size=1, max_size=3),
    ),
    max_size=8,
)
ROLES = st.builds(Roles, *[st.booleans()] * 4)


def folded(messages: list[Message], roles: Roles) -> list[Message]:
    return [turn.message for turn in fold([Written(one, one) for one in messages], roles)]


@given(messages=MESSAGES, roles=ROLES)
def test_nothing_is_lost_and_order_stays(messages: list[Message], roles: Roles) -> None:
    found = folded(messages, roles)
    said = [message.content for message in found if message.role != "tool"]
    text = "\n".join(said)
    place = 0
    for message in messages:
        if message.role in ("user", "assistant"):
            place = text.index(message.content, place)
    assert sorted(text.replace("\n", "")) == sorted(
        "".join(message.content for message in messages if message.role != "tool")
    )
    assert [m for m in found if m.role in ("assistant", "tool")] == [
        m for m in messages if m.role in ("assistant", "tool")
    ]


@given(messages=MESSAGES, roles=ROLES)
def test_a_prompt_is_the_same_whatever_comes_later(messages: list[Message], roles: Roles) -> None:
    whole = folded(messages, roles)
    for turn, message in enumerate(messages):
        if message.role == "assistant":
            before = folded(messages[:turn], roles)
            assert whole[: len(before)] == before
            assert whole[len(before)] == message


@given(messages=MESSAGES)
def test_where_the_template_has_no_system_role_none_is_left(messages: list[Message]) -> None:
    assert all(message.role != "system" for message in folded(messages, Roles(False, False, False, True)))


def gemma() -> ChatRenderer:
    return ChatRenderer(gemma_like(GEMMA))


def test_gemma_hears_the_system_from_the_user(caplog: pytest.LogCaptureFixture) -> None:
    renderer = gemma()
    talk = [Message(role="system", content="Be brief."), Message(role="user", content="Hi")]
    with caplog.at_level(logging.WARNING):
        text = renderer.tokenizer.decode(renderer.prompt(talk))
        renderer.prompt(talk)
    assert "<start_of_turn>user\nBe brief.\n\nHi<end_of_turn>" in str(text)
    assert caplog.text.count("no system role") == 1, "said once"


def test_gemma_gets_tools_and_answers_in_the_users_turns() -> None:
    talk = [
        Message(role="system", content="Be brief."),
        Message(role="user", content="Hi"),
        Message(role="assistant", content="Wait."),
        Message(role="tool", content="18"),
        Message(role="user", content="And?"),
    ]
    text = str(gemma().tokenizer.decode(gemma().prompt(talk, [Tool(name="now")])))
    assert "user\nBe brief.\n\nThese tools can be called" in text
    assert "user\n<tool_response>\n18\n</tool_response>\n\nAnd?<end_of_turn>" in text


def test_turns_that_the_template_refuses_are_rejected_in_its_words() -> None:
    twice = [Message(role="user", content="Hi")] * 2
    reply = Message(role="assistant", content="Yes.", trained=True)
    with pytest.raises(MaskError, match="Conversation roles must alternate user/assistant"):
        gemma().render(Example(id="e", messages=[*twice, reply]))


def test_a_template_that_ignores_the_system_is_found_out() -> None:
    ignoring = (
        "{% for m in messages if m.role != 'system' %}{{ '<|im_start|>' ~ m.role ~ '\n' ~ m.content }}"
        "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    renderer = ChatRenderer(byte_level(ignoring, CHATML_SPECIALS))
    talk = [Message(role="system", content="Be brief."), Message(role="user", content="Hi")]
    assert "user\nBe brief.\n\nHi" in str(renderer.tokenizer.decode(renderer.prompt(talk)))
