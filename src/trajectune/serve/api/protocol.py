"""The API's records that clients send to `/v1/chat/completions` and `/v1/completions`.

The idea: a field that changes the reply is honoured or refused, never ignored (`fields` knows those that
ask for nothing); types are taken as they are, so that no `true` becomes a 1.

Invariant: whatever passes these records cannot break the engine: numbers are finite and in range, lists
and strings that cost work are bounded, and of a list with many faults only the first is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from trajectune.serve.api.fields import check_fields, check_message
from trajectune.serve.api.values import json_object, text_of

MAX_MESSAGES = 4096
"""Turns of one conversation."""

Object = Annotated[dict[str, Any], BeforeValidator(json_object)]
"""A JSON object that can be stored and shown, or its text."""
Count = Annotated[int, Field(ge=1, lt=1 << 31)]
Tokens = Annotated[list[int], Field(fail_fast=True)]
_Prompt = TypeVar("_Prompt")
Several = Annotated[list[_Prompt], Field(fail_fast=True, min_length=1, max_length=128)]


def _several(value: object) -> object:
    return [value] if isinstance(value, str) else value or []


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False, strict=True)


class CalledFunction(_Record):
    """Which function a call calls, and with what: no arguments may be written as `""`, `"null"` or null."""

    name: str
    arguments: Object = {}


class Call(_Record):
    """A tool call, as the assistant made it."""

    id: Annotated[str, BeforeValidator(lambda value: value or "")] = ""
    type: Literal["function"] = "function"
    function: CalledFunction


class ChatMessage(_Record):
    """One turn of a conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Annotated[str, BeforeValidator(text_of)] = ""
    refusal: str | None = None
    """What the assistant said in place of `content`."""
    reasoning_content: str | None = None
    """What the assistant thought before it spoke."""
    reasoning: str | None = None
    """The same, under its newer name."""
    tool_calls: Annotated[list[Call], Field(fail_fast=True, max_length=256)] | None = None
    """Calls that the assistant made."""
    tool_call_id: str | None = None
    """Of a tool's message: the call that it answers."""
    name: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _refuse(cls, data: Any) -> Any:
        if isinstance(data, dict):
            check_message(data, cls.model_fields)
        return data

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name in ("tool_calls", "reasoning", "reasoning_content", "refusal"):
            if getattr(self, name) and self.role != "assistant":
                raise ValueError(f"only the assistant's messages have {name}")
        if self.reasoning and self.reasoning_content and self.reasoning != self.reasoning_content:
            raise ValueError("reasoning and reasoning_content are two names of one thing, but they differ")
        if self.refusal and self.content:
            raise ValueError("a message has content or a refusal, not both")
        return self


class Function(_Record):
    """A tool's name and description, and the schema of its arguments."""

    name: Annotated[str, Field(min_length=1)]
    description: str | None = None
    parameters: Object | None = None


class Tool(_Record):
    """A tool that is offered."""

    type: Literal["function"]
    function: Function


class StreamOptions(_Record):
    """What a stream holds besides the reply."""

    include_usage: bool | None = None


class GenerationRequest(_Record):
    """What both kinds of requests have in common."""

    default_max_tokens: ClassVar[int | None] = None
    """Longest reply where none is asked for; None: as long as there is room."""
    neutral: ClassVar[Mapping[str, tuple[object, ...]]] = {}
    """Values that ask for nothing here, beside those that do so everywhere."""

    model: str
    max_tokens: Count | None = None
    n: Annotated[int, Field(ge=1, le=16)] | None = None
    """Replies to each prompt."""
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    stop: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=256)]],
        Field(fail_fast=True, max_length=16),
        BeforeValidator(_several),
    ] = []
    stop_token_ids: (
        Annotated[list[Annotated[int, Field(ge=0)]], Field(fail_fast=True, max_length=256)] | None
    ) = None
    """Extra field: tokens that end the reply, beside the model's own."""
    ignore_eos: bool | None = None
    """Extra field: the model's own end tokens do not end the reply."""
    skip_special_tokens: bool | None = None
    """Extra field: false shows special tokens in the reply's text, but never one that ends it."""
    seed: Annotated[int, Field(ge=-(1 << 63), lt=1 << 63)] | None = None
    """None draws another one for every request."""
    temperature: Annotated[float, Field(ge=0, le=100)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=-1, lt=1 << 31)] | None = None
    """Extra field: only the k likeliest tokens; 0 or −1 is all."""
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    """Extra field: only tokens at least this share as likely as the likeliest."""
    repetition_penalty: Annotated[float, Field(ge=0.01, le=100)] | None = None
    """Extra field: CTRL's penalty; 1 is none."""
    weights: (
        Annotated[dict[str, Annotated[float, Field(ge=-1000, le=1000)]], Field(max_length=64)] | None
    ) = None
    """Extra field: weights of a composition's terms for this request, by name."""

    @model_validator(mode="before")
    @classmethod
    def _refuse(cls, data: Any) -> Any:
        if isinstance(data, dict):
            check_fields(data, cls.model_fields, cls.neutral)
        return data

    @property
    def longest(self) -> int | None:
        """Tokens of the longest reply that the client wants; None: as long as there is room."""
        return self.max_tokens or self.default_max_tokens

    @property
    def include_usage(self) -> bool:
        return self.stream_options is not None and bool(self.stream_options.include_usage)


class ChatRequest(GenerationRequest):
    """Body of `/v1/chat/completions`."""

    neutral = {"add_special_tokens": (False,)}

    messages: Annotated[list[ChatMessage], Field(fail_fast=True, min_length=1, max_length=MAX_MESSAGES)]
    max_completion_tokens: Count | None = None
    """The newer name of `max_tokens`."""
    tools: Annotated[list[Tool], Field(fail_fast=True, max_length=1024)] | None = None
    tool_choice: Literal["auto", "none"] | None = None
    parallel_tool_calls: bool | None = None
    chat_template_kwargs: Object | None = None
    """Extra field: variables of the chat template, such as `enable_thinking`."""
    reasoning_effort: str | None = None
    """A variable of some chat templates."""

    @property
    def longest(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens

    @property
    def open_tools(self) -> list[Tool]:
        """The tools that may be called."""
        return [] if self.tool_choice == "none" else self.tools or []

    @property
    def variables(self) -> dict[str, Any]:
        """What the chat template is to be told beside messages and tools."""
        effort = {} if self.reasoning_effort is None else {"reasoning_effort": self.reasoning_effort}
        return {**(self.chat_template_kwargs or {}), **effort}


class CompletionRequest(GenerationRequest):
    """Body of `/v1/completions`."""

    default_max_tokens = 16  # as the API has it
    neutral = {"add_special_tokens": (True,)}

    prompt: str | Tokens | Several[str] | Several[Tokens]
    """Text or token ids; of one prompt or of several."""

    @property
    def prompts(self) -> list[str | list[int]]:
        """Each prompt."""
        if isinstance(self.prompt, str) or all(isinstance(part, int) for part in self.prompt):
            return [self.prompt]  # pyright: ignore[reportReturnType]
        return list(self.prompt)  # pyright: ignore[reportReturnType]
