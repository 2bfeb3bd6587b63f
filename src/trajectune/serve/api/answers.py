"""The API's records that the server sends: whole answers, chunks of a stream, and what they cost."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel


class CachedTokens(BaseModel):
    """Tokens of the prompt that were not computed again."""

    cached_tokens: int


class Usage(BaseModel):
    """What a request cost, in tokens."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: CachedTokens


class SaidMessage(BaseModel):
    """A reply, or in a chunk a piece of it: fields that are not set are not sent."""

    role: Literal["assistant"] = "assistant"
    content: str | None = None
    reasoning_content: str | None = None
    """The thought before the words, where the model's template tells one from the other."""
    tool_calls: list[dict[str, Any]] = []


class ChatChoice(BaseModel):
    """A whole reply."""

    index: int
    message: SaidMessage
    logprobs: None = None
    finish_reason: str


class ChatPiece(BaseModel):
    """A piece of a reply, in a chunk of a stream."""

    index: int
    delta: SaidMessage
    logprobs: None = None
    finish_reason: str | None


class TextChoice(BaseModel):
    """A choice of `/v1/completions`, whole or a piece."""

    index: int
    text: str
    logprobs: None = None
    finish_reason: str | None


Choice = ChatChoice | ChatPiece | TextChoice


class Answer(BaseModel):
    """A whole answer, or one chunk of a stream."""

    id: str
    object: str
    created: int
    """Seconds since 1970."""
    model: str
    choices: list[Choice]
    usage: Usage | None = None

    def json_text(self) -> str:
        return self.model_dump_json(exclude_unset=True)
