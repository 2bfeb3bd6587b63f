"""One reply in the making: its tokens so far and its own rules for stopping."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from transformers import PreTrainedTokenizerBase

from agenttune.decode.requests import FinishReason, Generation, Request


@dataclass(slots=True, eq=False)
class Row:
    """A running request in its slot of the cache."""

    index: int
    """Place of the request in the caller's list."""
    request: Request
    slot: int
    stop_tokens: frozenset[int]
    capacity: int
    """Tokens that the slot has room for."""
    cached: int = 0
    tokens: list[int] = field(default_factory=list)
    finish: FinishReason | None = None
    generator: torch.Generator = field(default_factory=torch.Generator)

    def __post_init__(self) -> None:
        self.generator.manual_seed(self.request.seed)

    def accept(self, token: int, tokenizer: PreTrainedTokenizerBase) -> None:
        """Appends a token and decides whether the reply is over."""
        self.tokens.append(token)
        if token in self.stop_tokens or self._ends_with_stop_string(tokenizer):
            self.finish = "stop"
        elif len(self.tokens) >= self.request.max_new_tokens:
            self.finish = "length"
        elif len(self.request.tokens) + len(self.tokens) > self.capacity:
            self.finish = "context"

    def _ends_with_stop_string(self, tokenizer: PreTrainedTokenizerBase) -> bool:
        stops = self.request.stop_strings
        if not stops:
            return False
        # A token is at least one byte, so a stop string that ends in the newest token began in this tail.
        tail = self.tokens[-(max(len(stop.encode()) for stop in stops) + 1) :]
        text = decode(tail, tokenizer)
        return any(stop in text for stop in stops)

    def generation(self, tokenizer: PreTrainedTokenizerBase) -> Generation:
        """The finished reply."""
        ended = bool(self.tokens) and self.tokens[-1] in self.stop_tokens
        text = decode(self.tokens[:-1] if ended else self.tokens, tokenizer)
        cuts = [text.find(stop) for stop in self.request.stop_strings if stop in text]
        return Generation(
            tokens=self.tokens,
            text=text[: min(cuts)] if cuts else text,
            finish=self.finish or "length",
            prompt_tokens=len(self.request.tokens),
            cached_tokens=self.cached,
        )


def decode(tokens: list[int], tokenizer: PreTrainedTokenizerBase) -> str:
    """Text of tokens, special tokens left out, spaces as they are."""
    return str(tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False))
