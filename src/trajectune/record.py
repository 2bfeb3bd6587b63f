"""What all stored records have in common, and the smallest of them: what was spent.

Invariants: unknown fields of a record are errors, and its values do not change in place.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """Base of all stored records: unknown fields are errors, and values do not change in place."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Usage(Record):
    """What an agent spent. Tokens are counted by its own tokenizer; `seconds` is wall time."""

    prompt_tokens: int = 0
    generated_tokens: int = 0
    seconds: float = 0.0
    requests: int = 0
    """Requests made of a server, those that failed among them; 0 where none is asked."""

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            generated_tokens=self.generated_tokens + other.generated_tokens,
            seconds=self.seconds + other.seconds,
            requests=self.requests + other.requests,
        )

    @property
    def tokens(self) -> int:
        """Read and written together."""
        return self.prompt_tokens + self.generated_tokens
