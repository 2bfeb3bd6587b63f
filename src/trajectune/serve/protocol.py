"""The API's records: what clients send to `/v1/chat/completions` and `/v1/completions`, and what they get.

The idea: a field that changes the meaning of the reply is honoured or refused, never ignored; fields that
change nothing here (`user`, `metadata`, `store`, …) are ignored, as are unknown ones.

Invariant: whatever passes these records cannot break the engine: numbers are finite and in range, lists
and stop strings are bounded.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, TypeAdapter, model_validator

from trajectune.serve.errors import ApiError
from trajectune.storage import parse_json

_PENALTIES = (None, 0)
_OBJECT = TypeAdapter(dict[str, JsonValue])

_ONLY: dict[str, tuple[object, ...]] = {
    "logprobs": (None, False),
    "top_logprobs": (None, 0),
    "logit_bias": (None, {}),
    "frequency_penalty": _PENALTIES,
    "presence_penalty": _PENALTIES,
    "response_format": (None, {"type": "text"}),
    "modalities": (None, ["text"]),
    "audio": (None,),
    "functions": (None, []),
    "function_call": (None, "none", "auto"),
    "web_search_options": (None,),
    "best_of": (None, 1),
    "echo": (None, False),
    "suffix": (None, ""),
}
"""Fields that this server cannot honour, with the values that ask for nothing."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


def _text(content: object) -> object:
    """Content as one text: null is empty, and text parts are joined."""
    if content is None:
        return ""
    if not isinstance(content, list):
        return content
    texts = [part.get("text") if isinstance(part, dict) else None for part in content]
    if any(not isinstance(text, str) for text in texts):
        raise ValueError("only text is read, no images and no sound")
    return "".join(str(text) for text in texts)


def _object(value: object) -> object:
    """A JSON object that can be stored and shown, or its text; the API writes arguments so.

    Looked at as a whole, since what is said of a deep nest would be as long as the nest.
    """
    try:
        found = parse_json(value) if isinstance(value, str) else value
        json.dumps(_OBJECT.validate_python(found), ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        raise ValueError(
            "must be a JSON object, no deeper than usual and without half characters"
        ) from None
    return found


def _several(value: object) -> object:
    return [value] if isinstance(value, str) else value or []


class CalledFunction(_Record):
    """Which function a call calls, and with what."""

    name: str
    arguments: Annotated[dict[str, Any], BeforeValidator(_object)]


class Call(_Record):
    """A tool call, as the assistant made it."""

    id: str = ""
    type: Literal["function"] = "function"
    function: CalledFunction


class ChatMessage(_Record):
    """One turn of a conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Annotated[str, BeforeValidator(_text)] = ""
    tool_calls: list[Call] | None = None
    """Calls that the assistant made."""
    tool_call_id: str | None = None
    """Of a tool's message: the call that it answers."""
    name: str | None = None

    @model_validator(mode="after")
    def _calls_are_the_assistants(self) -> Self:
        if self.tool_calls and self.role != "assistant":
            raise ValueError("only the assistant's messages have tool_calls")
        return self


class Function(BaseModel):
    """A tool's name and description, and the schema of its arguments."""

    model_config = ConfigDict(extra="allow")

    name: Annotated[str, Field(min_length=1)]
    description: str | None = None
    parameters: Annotated[dict[str, Any], BeforeValidator(_object)] | None = None


class Tool(_Record):
    """A tool that is offered."""

    type: Literal["function"]
    function: Function


class StreamOptions(_Record):
    """What a stream holds besides the reply."""

    include_usage: bool = False


class GenerationRequest(_Record):
    """What both kinds of requests have in common."""

    default_max_tokens: ClassVar[int | None] = None
    """Longest reply where none is asked for; None: as long as there is room."""

    model: str
    max_tokens: Annotated[int, Field(ge=1, lt=1 << 31)] | None = None
    n: Annotated[int, Field(ge=1, le=16)] | None = None
    """Replies to each prompt."""
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    stop: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=256)]],
        Field(max_length=16),
        BeforeValidator(_several),
    ] = []
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
    weights: dict[str, Annotated[float, Field(ge=-1000, le=1000)]] = {}
    """Extra field: weights of a composition's terms for this request, by name."""

    @model_validator(mode="before")
    @classmethod
    def _refuse(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        try:
            json.dumps(data, ensure_ascii=False).encode()
        except UnicodeEncodeError:  # JSON can write it, but it is no text, and no answer could repeat it
            raise ApiError(400, "the body holds half of a surrogate pair") from None
        except RecursionError:
            raise ApiError(400, "the body is nested too deeply") from None
        for name, harmless in _ONLY.items():
            if data.get(name) not in harmless:
                raise ApiError(400, f"{name} is not supported by this server", param=name)
        return data

    @property
    def longest(self) -> int | None:
        """Tokens of the longest reply that the client wants; None: as long as there is room."""
        return self.max_tokens or self.default_max_tokens

    @property
    def include_usage(self) -> bool:
        return self.stream_options is not None and self.stream_options.include_usage


class ChatRequest(GenerationRequest):
    """Body of `/v1/chat/completions`."""

    messages: Annotated[list[ChatMessage], Field(min_length=1)]
    max_completion_tokens: Annotated[int, Field(ge=1, lt=1 << 31)] | None = None
    """The newer name of `max_tokens`."""
    tools: list[Tool] | None = None
    tool_choice: Literal["auto", "none"] | None = None
    parallel_tool_calls: bool | None = None

    @property
    def longest(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens

    @property
    def open_tools(self) -> list[Tool]:
        """The tools that may be called."""
        return [] if self.tool_choice == "none" else self.tools or []


class CompletionRequest(GenerationRequest):
    """Body of `/v1/completions`."""

    default_max_tokens = 16  # as the API has it

    prompt: str | list[int] | Annotated[list[str] | list[list[int]], Field(min_length=1, max_length=128)]
    """Text or token ids; of one prompt or of several."""

    @property
    def prompts(self) -> list[str | list[int]]:
        """Each prompt."""
        if isinstance(self.prompt, str) or all(isinstance(part, int) for part in self.prompt):
            return [self.prompt]  # pyright: ignore[reportReturnType]
        return list(self.prompt)  # pyright: ignore[reportReturnType]


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
