"""From what a client asks for to what the engine is asked for, or to the API's error.

The idea: everything that can be wrong with a request is found here, before it meets anybody else's: an
unknown model or weight, a prompt that does not fit, tokens that a model of the composition lacks.

Invariant: a request that is admitted cannot fail in the engine by its own fault.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import torch

from trajectune.engine.engine import Engine
from trajectune.engine.requests import Request
from trajectune.engine.sampling import Sampling
from trajectune.errors import ModelError
from trajectune.models.chat import ChatRenderer, hidden_tokens, renderer_of
from trajectune.serve.api.errors import ApiError
from trajectune.serve.api.protocol import ChatRequest, CompletionRequest, GenerationRequest
from trajectune.serve.api.variables import checked_variables
from trajectune.serve.tools import ReplyReader, as_message, as_tool

_LONGEST = 500  # signs of a template's own words that an error repeats
_COLDEST = 1e-4  # below, dividing by the temperature leaves the numbers; it is greedy anyway

Prompts = tuple[list[int], ...]
"""The prompt of each term of the composition."""


class Admission:
    """Turns requests for the model called `name` into requests to `engine`."""

    def __init__(self, engine: Engine, name: str) -> None:
        self.name = name
        self._composition = engine.composition
        self._model = engine.composition.lead
        self._max_context = engine.max_context
        self._readable = _readable(engine)
        self._longest_token = max(map(len, self._model.tokenizer.get_vocab()))  # in characters
        # The first call may change the tokenizer (it drops a stored truncation); later ones only read it.
        self._model.tokenizer("")

    def reader(self, asked: ChatRequest) -> ReplyReader:
        """What finds thoughts and calls in the replies. Raises ApiError."""
        tools = [as_tool(tool) for tool in asked.open_tools]
        variables = checked_variables(asked.variables, self._model.tokenizer)
        one = bool(tools) and asked.parallel_tool_calls is False
        return ReplyReader(self._renderer(), tools, variables, one)

    def chat(self, asked: ChatRequest) -> list[Request]:
        """One request to the engine for each reply that is wanted. Raises ApiError."""
        self._check_model(asked)
        reader = self.reader(asked)
        tools, variables = reader.tools, reader.variables
        messages = [as_message(message) for message in asked.messages]
        self._check_size(sum(len(message.content) for message in messages), "messages")
        try:
            tokens = self._renderer().prompt(messages, tools, variables)
            prompts = self._composition.prompts(messages, tokens, tools, variables)
        except ModelError as error:
            raise ApiError(400, error.what[:_LONGEST], param="messages") from None
        # The block of the first call is cut off in front of its end, which its form allows.
        close = reader.renderer.form.close if reader.one else ""
        stop = (*asked.stop, close) if close else tuple(asked.stop)
        return self._requests(asked, [(tokens, prompts)], stop, "messages", reader.renderer.kept)

    def completion(self, asked: CompletionRequest) -> list[Request]:
        """One request to the engine for each reply to each prompt. Raises ApiError."""
        self._check_model(asked)
        self._check_size(
            max((len(prompt) for prompt in asked.prompts if isinstance(prompt, str)), default=0), "prompt"
        )
        prompts = [(self._tokens(prompt), None) for prompt in asked.prompts]
        return self._requests(asked, prompts, tuple(asked.stop), "prompt")

    def _check_model(self, asked: GenerationRequest) -> None:
        if asked.model != self.name:
            raise unknown_model(asked.model)

    def _renderer(self) -> ChatRenderer:
        if not self._model.tokenizer.chat_template:
            raise ApiError(400, "the model has no chat template; use /v1/completions")
        return renderer_of(self._model.tokenizer)

    def _tokens(self, prompt: str | list[int]) -> list[int]:
        return list(self._model.tokenizer(prompt)["input_ids"]) if isinstance(prompt, str) else prompt

    def _requests(
        self,
        asked: GenerationRequest,
        prompts: Sequence[tuple[list[int], Prompts | None]],
        stop: tuple[str, ...],
        param: str,
        kept: frozenset[int] = frozenset(),
    ) -> list[Request]:
        if asked.skip_special_tokens is False:
            kept = hidden_tokens(self._model.tokenizer)
        seed = secrets.randbits(63) if asked.seed is None else asked.seed
        weights, sampling, ends = self._weights(asked), _sampling(asked), self._ends(asked)
        return [
            Request(
                tokens=tokens,
                prompts=of_terms,
                max_new_tokens=longest,
                stop_tokens=ends,
                stop_strings=stop,
                sampling=sampling,
                seed=_another(seed, number),
                weights=weights,
                kept=kept,
            )
            for tokens, of_terms in prompts
            for longest in [self._longest(asked, of_terms or (tokens,), param)]
            for number in range(asked.n or 1)
        ]

    def _weights(self, asked: GenerationRequest) -> tuple[float, ...] | None:
        try:
            return self._composition.weights(asked.weights) if asked.weights else None
        except ModelError as error:
            raise ApiError(400, f"{error.what}; {error.remedy}", param="weights") from None

    def _ends(self, asked: GenerationRequest) -> tuple[int, ...]:
        """Tokens that end the reply."""
        more = asked.stop_token_ids or ()
        if unknown := [token for token in more if token >= len(self._readable)]:
            raise ApiError(400, f"the model has no token {unknown[0]}", param="stop_token_ids")
        return (*(() if asked.ignore_eos else self._composition.end_tokens), *more)

    def _check_size(self, characters: int, param: str) -> None:
        """Raises ApiError for text that cannot fit, so that it is neither rendered nor tokenized."""
        if characters > self._max_context * self._longest_token:
            raise self._too_long(f"the text has {characters:,} characters", param)

    def _longest(self, asked: GenerationRequest, prompts: Prompts, param: str) -> int:
        """Tokens of the longest reply. Raises ApiError for a prompt that cannot be read or does not fit."""
        prompt = max(map(len, prompts))
        wanted = asked.longest or max(self._max_context - prompt, 1)
        if prompt + wanted > self._max_context:
            said = f"{prompt} in the prompt and {wanted} in the reply are {prompt + wanted}"
            raise self._too_long(said, param)
        for tokens in prompts:
            self._check_tokens(tokens, param)
        return wanted

    def _too_long(self, what: str, param: str) -> ApiError:
        return ApiError(
            400,
            f"this model's maximum context length is {self._max_context} tokens, but {what}",
            param=param,
            code="context_length_exceeded",
        )

    def _check_tokens(self, tokens: list[int], param: str) -> None:
        if not tokens:
            raise ApiError(400, "the prompt is empty", param=param)
        known = min(tokens) >= 0 and max(tokens) < len(self._readable)
        if not known or not self._readable[tokens].all():
            raise ApiError(400, "the prompt holds tokens that the model does not have", param=param)


def unknown_model(name: str) -> ApiError:
    """The client asks for a model that is not served here."""
    return ApiError(404, f"there is no model {name[:100]!r} here", param="model", code="model_not_found")


def _sampling(asked: GenerationRequest) -> Sampling:
    temperature = 1.0 if asked.temperature is None else asked.temperature
    return Sampling(
        temperature=0.0 if temperature < _COLDEST else temperature,
        top_k=max(asked.top_k or 0, 0),
        top_p=1.0 if asked.top_p is None else asked.top_p,
        min_p=asked.min_p or 0.0,
        repetition_penalty=asked.repetition_penalty or 1.0,
    )


def _another(seed: int, number: int) -> int:
    """The seed of the number-th reply to one prompt, within 63 bits and a sign."""
    return (seed + number + (1 << 63)) % (1 << 64) - (1 << 63)


def _readable(engine: Engine) -> torch.Tensor:
    """For each id of the first term, whether all terms can read it, `[ids]`."""
    composition = engine.composition
    size = min(
        int(term.model.model.get_input_embeddings().weight.shape[0])  # pyright: ignore
        for term, ids in zip(composition.terms, composition.alignments, strict=True)
        if ids is None
    )
    readable = torch.ones(size, dtype=torch.bool)
    for ids in composition.alignments:
        if ids is not None:
            readable[: len(ids)] &= (ids >= 0).cpu()[:size]
            readable[len(ids) :] = False
    return readable
