"""A stream's chunks put together are the whole answer, whatever the reply is and however it is cut."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.templates import HERMES, MISTRAL_NAMED, MISTRAL_SPECIALS, XML
from support.tokenizers import CHATML_SPECIALS, byte_level
from trajectune.engine.requests import Generation
from trajectune.models.chat import ChatRenderer
from trajectune.serve.api.errors import ApiError
from trajectune.serve.replies import ChatChoices, Choices, TextChoices, Writer
from trajectune.serve.scheduler import Delta, Event, HungUpError, Reply, Ticket
from trajectune.serve.tools import ReplyReader
from trajectune.trajectory import Tool

TOOLS = [Tool(name="clock", parameters={"properties": {"zone": {"type": "string"}}})]
READERS = {
    "none": ReplyReader(ChatRenderer(byte_level(HERMES, CHATML_SPECIALS)), [], {}),
    "hermes": ReplyReader(ChatRenderer(byte_level(HERMES, CHATML_SPECIALS)), TOOLS, {}),
    "one": ReplyReader(ChatRenderer(byte_level(HERMES, CHATML_SPECIALS)), TOOLS, {}, one=True),
    "xml": ReplyReader(ChatRenderer(byte_level(XML, CHATML_SPECIALS)), TOOLS, {}),
    "mistral": ReplyReader(ChatRenderer(byte_level(MISTRAL_NAMED, MISTRAL_SPECIALS)), TOOLS, {}),
}
PIECES = st.sampled_from(
    [
        *(
            "Well. ",
            "é😀",
            "\n",
            " ",
            "<tool_call>",
            "</tool_call>",
            "<",
            "[TOOL_CALLS]",
            "clock[ARGS]",
            "{}",
        ),
        '<tool_call>{"name": "clock", "arguments": {"zone": "UTC"}}</tool_call>',
        "<function=clock>\n<parameter=zone>\n3\n</parameter>\n</function>",
    ]
)
TEXTS = st.lists(PIECES, max_size=6).map("".join)


class Played:
    """A ticket whose events are known beforehand."""

    def __init__(self, events: Sequence[Event | Exception], count: int) -> None:
        self.count = count
        self.cancelled = 0
        self._events = events

    async def events(self) -> AsyncIterator[Event]:
        for event in self._events:
            if isinstance(event, Exception):
                raise event
            yield event

    def cancel(self) -> None:
        self.cancelled += 1


def reply(index: int, text: str, rest: str, finish: Any = "stop") -> Reply:
    return Reply(index, rest, Generation([1, 2, 3], text, finish, 10, 4), 0.1, 0.1)


@st.composite
def events(draw: st.DrawFn, texts: list[str]) -> list[Event]:
    """The replies cut into deltas anywhere, those of several replies in any order."""
    left = list(enumerate(texts))
    sent, found = [0] * len(texts), []
    while left:
        place = draw(st.integers(0, len(left) - 1))
        index, text = left[place]
        size = draw(st.integers(0, 9))
        if size and sent[index] < len(text):
            found.append(Delta(index, text[sent[index] : sent[index] + size]))
            sent[index] = min(sent[index] + size, len(text))
        else:
            found.append(reply(index, text, text[sent[index] :]))
            del left[place]
    return found


def writer(choices: Choices, each: int = 1) -> tuple[Writer, list[Reply]]:
    heard: list[Reply] = []
    return Writer(choices, "m", each, heard.append), heard


def stream(made: Writer, ticket: Played, usage: bool = False) -> list[Any]:
    """The chunks as a client reads them, the last one as the text it is."""

    async def collect() -> list[str]:
        return [event async for event in made.stream(cast("Ticket", ticket), usage)]

    lines = asyncio.run(collect())
    assert all(line.startswith("data: ") and line.endswith("\n\n") for line in lines)
    bodies = [line.removeprefix("data: ").strip() for line in lines]
    return [body if body == "[DONE]" else json.loads(body) for body in bodies]


def whole(made: Writer, ticket: Played) -> dict[str, Any]:
    return json.loads(asyncio.run(made.whole(cast("Ticket", ticket))).json_text())


def without_ids(calls: list[dict[str, Any]]) -> list[Any]:
    assert all(len(call["id"]) == 9 for call in calls)
    return [call["function"] for call in calls]


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=60, deadline=None)
@given(texts=st.lists(TEXTS, min_size=1, max_size=3), data=st.data())
def test_a_conversations_stream_is_its_answer(name: str, texts: list[str], data: st.DataObject) -> None:
    cut = data.draw(events(texts))
    chunks = stream(writer(ChatChoices(READERS[name]))[0], Played(cut, len(texts)))
    answer = whole(writer(ChatChoices(READERS[name]))[0], Played(cut, len(texts)))
    assert chunks.pop() == "[DONE]"
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert [choice["index"] for choice in answer["choices"]] == list(range(len(texts)))
    for choice in answer["choices"]:
        mine = [c for chunk in chunks for c in chunk["choices"] if c["index"] == choice["index"]]
        message = choice["message"]
        assert mine[0]["delta"] == {"role": "assistant", "content": ""}
        assert "".join(piece["delta"].get("content") or "" for piece in mine) == (message["content"] or "")
        called = [call for piece in mine for call in piece["delta"].get("tool_calls", [])]
        assert [call["index"] for call in called] == list(range(len(called)))
        assert without_ids(called) == without_ids(message.get("tool_calls", []))
        assert [piece["finish_reason"] for piece in mine[:-1]] == [None] * (len(mine) - 1)
        assert mine[-1]["finish_reason"] == choice["finish_reason"]
        assert (choice["finish_reason"] == "tool_calls") == bool(called)
        assert name != "one" or len(called) <= 1


@settings(max_examples=40, deadline=None)
@given(texts=st.lists(TEXTS, min_size=1, max_size=3), data=st.data())
def test_a_texts_stream_is_its_answer(texts: list[str], data: st.DataObject) -> None:
    cut = data.draw(events(texts))
    chunks = stream(writer(TextChoices())[0], Played(cut, len(texts)))
    answer = whole(writer(TextChoices())[0], Played(cut, len(texts)))
    assert chunks.pop() == "[DONE]"
    assert [choice["text"] for choice in answer["choices"]] == texts
    for index, text in enumerate(texts):
        mine = [c for chunk in chunks for c in chunk["choices"] if c["index"] == index]
        assert "".join(piece["text"] for piece in mine) == text
        assert mine[-1]["finish_reason"] == "stop"


@pytest.mark.parametrize(
    ("finish", "reason"), [("stop", "stop"), ("length", "length"), ("context", "length")]
)
def test_why_a_reply_ends(finish: str, reason: str) -> None:
    done = [reply(0, "a", "a", finish)]
    for choices in (TextChoices(), ChatChoices(READERS["none"])):
        assert whole(writer(choices)[0], Played(done, 1))["choices"][0]["finish_reason"] == reason


def test_prompts_are_counted_once_and_replies_all() -> None:
    done = [reply(index, "a", "a") for index in (2, 0, 3, 1)]  # two prompts with two replies each
    made, heard = writer(TextChoices(), each=2)
    usage = whole(made, Played(done, 4))["usage"]
    assert usage == {
        "prompt_tokens": 20,
        "completion_tokens": 12,
        "total_tokens": 32,
        "prompt_tokens_details": {"cached_tokens": 8},
    }
    assert heard == done
    made, _ = writer(TextChoices(), each=2)
    *_, last, end = stream(made, Played(done, 4), usage=True)
    assert (last["choices"], last["usage"], end) == ([], usage, "[DONE]")


def test_what_breaks_on_the_way_is_told_in_the_stream_and_raised_without_one() -> None:
    broken = [Delta(0, "a"), ApiError(503, "the server is stopping", code="unavailable")]
    ticket = Played(broken, 1)
    *_, told = stream(writer(TextChoices())[0], ticket)
    assert told["error"] == {
        "message": "the server is stopping",
        "type": "server_error",
        "param": None,
        "code": "unavailable",
    }
    assert ticket.cancelled == 1
    with pytest.raises(ApiError):
        whole(writer(TextChoices())[0], ticket)
    assert ticket.cancelled == 2


def test_who_hung_up_is_told_nothing_more() -> None:
    ticket = Played([Delta(0, "a"), HungUpError()], 1)
    assert [chunk["choices"][0]["text"] for chunk in stream(writer(TextChoices())[0], ticket)] == ["a"]
    assert ticket.cancelled == 1
