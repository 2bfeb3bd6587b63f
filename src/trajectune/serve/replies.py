"""From the scheduler's events to the API's answers, whole or as a stream of chunks.

The idea: both endpoints and both ways of answering differ only in how a choice is written, so there is one
form of choices per endpoint and one loop per way.

Invariants: the chunks of a stream put together are the whole answer to the same request; a stream ends
with `[DONE]`, or with an error object where something broke on the way.
"""

from __future__ import annotations

import json
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator

from trajectune.engine.requests import Generation
from trajectune.models.chat import CallFilter
from trajectune.serve.api.answers import (
    Answer,
    CachedTokens,
    ChatChoice,
    ChatPiece,
    Choice,
    SaidMessage,
    TextChoice,
    Usage,
)
from trajectune.serve.api.errors import ApiError
from trajectune.serve.scheduler import Delta, Event, HungUpError, Reply, Ticket
from trajectune.serve.tools import ReplyReader

OnReply = Callable[[Reply], None]


class Choices(ABC):
    """How an endpoint writes its choices."""

    kind: str
    """Of a whole answer (`object`)."""
    chunk_kind: str
    prefix: str
    """Of the answer's id."""

    def opening(self, count: int) -> Iterator[Choice]:
        """What comes before any text."""
        del count
        yield from ()

    @abstractmethod
    def piece(self, delta: Delta) -> Iterator[Choice]:
        """More text."""

    @abstractmethod
    def ending(self, reply: Reply) -> Iterator[Choice]:
        """The rest, with the reason why it ends."""

    @abstractmethod
    def whole(self, reply: Reply) -> Choice:
        """All at once."""


class TextChoices(Choices):
    """`/v1/completions`."""

    kind = chunk_kind = "text_completion"
    prefix = "cmpl"

    def piece(self, delta: Delta) -> Iterator[Choice]:
        yield TextChoice(index=delta.index, text=delta.text, logprobs=None, finish_reason=None)

    def ending(self, reply: Reply) -> Iterator[Choice]:
        yield TextChoice(
            index=reply.index, text=reply.rest, logprobs=None, finish_reason=_reason(reply.generation)
        )

    def whole(self, reply: Reply) -> Choice:
        text = reply.generation.text
        return TextChoice(
            index=reply.index, text=text, logprobs=None, finish_reason=_reason(reply.generation)
        )


class ChatChoices(Choices):
    """`/v1/chat/completions`; `reader` finds thoughts and calls."""

    kind = "chat.completion"
    chunk_kind = "chat.completion.chunk"
    prefix = "chatcmpl"

    def __init__(self, reader: ReplyReader) -> None:
        self._reader = reader
        self._filters: dict[int, CallFilter] = {}
        self._told: set[int] = set()
        """Replies whose thoughts were sent."""

    def opening(self, count: int) -> Iterator[Choice]:
        for index in range(count):
            yield _piece(index, SaidMessage(role="assistant", content=""))

    def piece(self, delta: Delta) -> Iterator[Choice]:
        text = self._shown(delta)
        yield from self._thought(delta.index, self._filters[delta.index].reasoning)
        if text:
            yield _piece(delta.index, SaidMessage(content=text))

    def ending(self, reply: Reply) -> Iterator[Choice]:
        text = self._shown(Delta(reply.index, reply.rest))
        thought, rest, calls = self._reader.rest(self._filters[reply.index])
        text += rest
        yield from self._thought(reply.index, thought)
        if text:
            yield _piece(reply.index, SaidMessage(content=text))
        if calls:
            numbered = [{"index": number, **call} for number, call in enumerate(calls)]
            yield _piece(reply.index, SaidMessage(tool_calls=numbered))
        yield _piece(reply.index, SaidMessage(), "tool_calls" if calls else _reason(reply.generation))

    def whole(self, reply: Reply) -> Choice:
        thought, content, calls = self._reader.whole(reply.generation.text)
        message = SaidMessage(role="assistant", content=content)
        if calls:
            message = SaidMessage(role="assistant", content=content or None, tool_calls=calls)
        if thought:
            message = message.model_copy(update={"reasoning_content": thought})
        reason = "tool_calls" if calls else _reason(reply.generation)
        return ChatChoice(index=reply.index, message=message, logprobs=None, finish_reason=reason)

    def _thought(self, index: int, thought: str) -> Iterator[Choice]:
        """The thought of a reply, once, and before its words."""
        if thought and index not in self._told:
            self._told.add(index)
            yield _piece(index, SaidMessage(reasoning_content=thought))

    def _shown(self, delta: Delta) -> str:
        if delta.index not in self._filters:
            self._filters[delta.index] = self._reader.filter()
        return self._filters[delta.index].push(delta.text)


class Writer:
    """Writes the answer to one request of the API, which wants `each` replies to each of its prompts.

    `on_reply` is told about every finished reply.
    """

    def __init__(self, choices: Choices, model: str, each: int, on_reply: OnReply) -> None:
        self._choices = choices
        self._each = each
        self._on_reply = on_reply
        self._replies: list[Reply] = []
        self._blank = Answer(
            id=f"{choices.prefix}-{uuid.uuid4().hex}",
            object=choices.kind,
            created=int(time.time()),
            model=model,
            choices=[],
        )

    async def whole(self, ticket: Ticket) -> Answer:
        """The answer when all replies are finished. Raises ApiError and HungUpError."""
        try:
            async for event in ticket.events():
                self._count(event)
        finally:
            ticket.cancel()
        replies = sorted(self._replies, key=lambda reply: reply.index)
        choices = [self._choices.whole(reply) for reply in replies]
        return self._blank.model_copy(update={"choices": choices, "usage": self._usage()})

    async def stream(self, ticket: Ticket, include_usage: bool) -> AsyncIterator[str]:
        """The answer as server-sent events, as they come."""
        self._blank.object = self._choices.chunk_kind
        try:
            for choice in self._choices.opening(ticket.count):
                yield self._chunk(choice)
            async for event in ticket.events():
                for choice in self._count(event):
                    yield self._chunk(choice)
            if include_usage:
                yield _event(self._blank.model_copy(update={"usage": self._usage()}).json_text())
            yield _event("[DONE]")
        except ApiError as error:
            yield _event(json.dumps(error.body))
        except HungUpError:
            return
        finally:
            ticket.cancel()

    def _count(self, event: Event) -> Iterator[Choice]:
        """Remembers finished replies; gives the choices that tell of the event."""
        if isinstance(event, Delta):
            return self._choices.piece(event)
        self._on_reply(event)
        self._replies.append(event)
        return self._choices.ending(event)

    def _chunk(self, choice: Choice) -> str:
        return _event(self._blank.model_copy(update={"choices": [choice]}).json_text())

    def _usage(self) -> Usage:
        """A prompt with several replies counts once."""
        prompts = [reply.generation for reply in self._replies if reply.index % self._each == 0]
        prompt = sum(generation.prompt_tokens for generation in prompts)
        generated = sum(len(reply.generation.tokens) for reply in self._replies)
        cached = sum(generation.cached_tokens for generation in prompts)
        return Usage(
            prompt_tokens=prompt,
            completion_tokens=generated,
            total_tokens=prompt + generated,
            prompt_tokens_details=CachedTokens(cached_tokens=cached),
        )


def _event(data: str) -> str:
    return f"data: {data}\n\n"


def _piece(index: int, delta: SaidMessage, reason: str | None = None) -> ChatPiece:
    return ChatPiece(index=index, delta=delta, logprobs=None, finish_reason=reason)


def _reason(generation: Generation) -> str:
    return "stop" if generation.finish == "stop" else "length"
