"""One reply in the making: its tokens so far, its random numbers and its own rules for stopping.

Invariant: the random numbers of the reply's i-th token are the i-th of the row's seed, whatever was drafted
and thrown away before. So a reply does not depend on how it was cut into blocks.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from itertools import islice

import torch
from transformers import PreTrainedTokenizerBase

from trajectune.engine.requests import FinishReason, Generation, Request
from trajectune.engine.stops import find_stop
from trajectune.models.chat import hidden_tokens

UNFINISHED = "\ufffd"
"""What half a character is decoded to."""
POINTS = 3
"""Random numbers of a token: for what is drafted, for accepting it, and for what replaces it."""
_CHUNK = 64


@dataclass(slots=True, eq=False)
class Row:
    """A running request in its slot of the cache."""

    key: Hashable
    """What the caller knows the request by."""
    request: Request
    slot: int
    stop_tokens: frozenset[int]
    capacity: int
    """Tokens that the slot has room for."""
    prompts: tuple[list[int], ...]
    """What each stream reads before the reply."""
    weights: tuple[float, ...]
    """Of the composition's terms."""
    cached: int = 0
    tokens: list[int] = field(default_factory=list)
    draft: list[int] = field(default_factory=list)
    """Tokens proposed behind `tokens` and not accepted yet."""
    finish: FinishReason | None = None
    _generator: torch.Generator = field(default_factory=torch.Generator)
    _points: torch.Tensor = field(default_factory=lambda: torch.empty(0, POINTS))

    def __post_init__(self) -> None:
        self._generator.manual_seed(self.request.seed)

    @property
    def length(self) -> int:
        """Tokens of the longest prompt and the reply."""
        return max(map(len, self.prompts)) + len(self.tokens)

    def after(self, stream: int, held: int) -> list[int]:
        """The stream's sequence behind its first `held` tokens, drafted tokens included."""
        prompt = self.prompts[stream]
        if held < len(prompt):
            return prompt[held:] + self.tokens + self.draft
        read = held - len(prompt)
        return self.tokens[read:] + self.draft[max(read - len(self.tokens), 0) :]

    def prefix(self, drafted: int = 0) -> list[int]:
        """All that a repetition penalty looks at: the request's prompt, the reply, the draft so far."""
        return self.request.tokens + self.tokens + self.draft[:drafted]

    def points(self, count: int) -> torch.Tensor:
        """Random numbers of the next `count` tokens, `[count, POINTS]`."""
        first = len(self.tokens)
        while len(self._points) < first + count:
            more = torch.rand(_CHUNK, POINTS, generator=self._generator)
            self._points = torch.cat([self._points, more])
        return self._points[first : first + count]

    def accept(self, token: int, tokenizer: PreTrainedTokenizerBase) -> None:
        """Appends a token and decides whether the reply is over."""
        self.tokens.append(token)
        if token in self.stop_tokens or self._ends_with_stop_string(tokenizer):
            self.finish = "stop"
        elif len(self.tokens) >= self.request.max_new_tokens:
            self.finish = "length"
        elif self.length > self.capacity:
            self.finish = "context"

    def _ends_with_stop_string(self, tokenizer: PreTrainedTokenizerBase) -> bool:
        stops = self.request.stop_strings
        if not stops:
            return False
        # A token that shows is at least one byte, so a stop string that ends in the newest one began in
        # this tail; those that do not show may stand anywhere in between.
        hidden = hidden_tokens(tokenizer) - self.request.kept
        longest = max(len(stop.encode()) for stop in stops) + 1
        shown = (at for at in range(len(self.tokens) - 1, -1, -1) if self.tokens[at] not in hidden)
        first = min([max(len(self.tokens) - longest, 0), *islice(shown, longest)])
        text, marks = self._text(tokenizer, first, longest)
        return find_stop(stops, text, marks) is not None

    def _text(
        self, tokenizer: PreTrainedTokenizerBase, first: int, last: int
    ) -> tuple[str, list[tuple[int, str]]]:
        """What is shown of the tokens from `first` on, and the marks among the `last` of them."""
        tokens, kept = self.tokens[first:], self.request.kept
        hidden = hidden_tokens(tokenizer) - kept
        marks: list[tuple[int, str]] = []
        for at in range(max(len(tokens) - last, 0), len(tokens)):
            if tokens[at] in hidden:
                before = decode(tokens[:at], tokenizer, kept).rstrip(UNFINISHED)
                marks.append((len(before), str(tokenizer.convert_ids_to_tokens(tokens[at]))))
        return decode(tokens, tokenizer, kept), marks

    def generation(self, tokenizer: PreTrainedTokenizerBase) -> Generation:
        """The finished reply."""
        ended = bool(self.tokens) and self.tokens[-1] in self.stop_tokens
        text = decode(self.tokens[:-1] if ended else self.tokens, tokenizer, self.request.kept)
        if self.finish == "stop" and not ended:
            stops = self.request.stop_strings
            text, marks = self._text(tokenizer, 0, max(len(stop.encode()) for stop in stops) + 1)
            text = text[: find_stop(stops, text, marks)]
        return Generation(
            tokens=self.tokens,
            text=text,
            finish=self.finish or "length",
            prompt_tokens=len(self.request.tokens),
            cached_tokens=self.cached,
        )


def decode(
    tokens: list[int], tokenizer: PreTrainedTokenizerBase, kept: frozenset[int] = frozenset()
) -> str:
    """Text of tokens, special tokens but those in `kept` left out, spaces as they are."""
    if kept:
        hidden = hidden_tokens(tokenizer) - kept
        tokens = [token for token in tokens if token not in hidden]
    skip = not kept
    return str(tokenizer.decode(tokens, skip_special_tokens=skip, clean_up_tokenization_spaces=False))
