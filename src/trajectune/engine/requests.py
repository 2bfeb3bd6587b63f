"""What the engine is asked for and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from trajectune.engine.sampling import Sampling

FinishReason = Literal["stop", "length", "context"]
"""`stop`: a stop token or string; `length`: `max_new_tokens` reached; `context`: the cache is full."""


@dataclass(frozen=True, slots=True)
class Request:
    """One reply to be generated."""

    tokens: list[int]
    """The whole prompt, special tokens included. Earlier turns of the session are recognised in it."""
    max_new_tokens: int = 256
    session: str | None = None
    """Conversation whose cache is kept until `Engine.release`, or until its room is needed."""
    stop_tokens: tuple[int, ...] | None = None
    """Tokens that end the reply; None means the model's own end tokens."""
    stop_strings: tuple[str, ...] = ()
    """The reply is over as soon as its text contains one of these, special tokens written out or not."""
    sampling: Sampling = field(default_factory=Sampling)
    seed: int = 0
    """Of this row's own random numbers: neighbours in the batch do not change them."""
    weights: tuple[float, ...] | None = None
    """Weights of the composition's terms for this row; None means the terms' own."""
    kept: frozenset[int] = frozenset()
    """Special tokens that stay in the reply's text: markers of tool calls (`ChatRenderer.kept`)."""
    prompts: tuple[list[int], ...] | None = None
    """The prompt of each term where they differ (`Composition.prompts`); None: `tokens` for all."""


@dataclass(frozen=True, slots=True)
class Generation:
    """One reply."""

    tokens: list[int]
    """As generated, with the stop token if one ended the reply."""
    text: str
    """Without special tokens (but those to be kept), cut before the stop string."""
    finish: FinishReason
    prompt_tokens: int
    cached_tokens: int
    """Prompt tokens that were found in the cache."""

    @property
    def prefilled_tokens(self) -> int:
        """Prompt tokens that had to be computed."""
        return self.prompt_tokens - self.cached_tokens
