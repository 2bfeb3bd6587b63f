"""How a server wants to be asked, where servers of one protocol differ: learnt from what it refuses.

The idea: a reply's limit has two names in the API, some servers only stream, and some that stream do not
take `stream_options`. The first request is made in the usual manner; a refusal that names what was wrong
changes it, for all requests from then on.

Invariant: nothing is learnt twice, so that a server that refuses everything is asked a few times at most.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_LIMITS = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
# A server that finds the number itself wrong would find it wrong under the other name too, or ignore it.
_WRONG_NUMBER = re.compile(
    r"too (?:large|big|high|small|low)|at (?:most|least)|must be|exceed|(?:max|min)imum", re.I
)
_MUST_STREAM = re.compile(
    r"(?=.*\bstream(?:ing)?\b)(?=.*\b(?:only|must|requires?d?|enable|true)\b)", re.I | re.S
)


class Manner:
    """The fields of a request that depend on the server. Shared by all workers of an agent."""

    def __init__(self, max_new_tokens: int, stream: bool) -> None:
        self._max_new_tokens = max_new_tokens
        self._limit = "max_tokens"
        self._refused: set[str] = set()
        self._stream = stream
        self._told_usage = True

    def fields(self) -> dict[str, Any]:
        """What a request says of the reply's length and form."""
        found: dict[str, Any] = {self._limit: self._max_new_tokens}
        if self._stream:
            found["stream"] = True
            if self._told_usage:
                found["stream_options"] = {"include_usage": True}
        return found

    def learns(self, body: Mapping[str, Any], said: str) -> bool:
        """Whether a request that was refused with these words is to be made in another manner."""
        return self._learns_limit(body, said) or self._learns_stream(body, said)

    def _learns_limit(self, body: Mapping[str, Any], said: str) -> bool:
        sent = next((name for name in _LIMITS if name in body), None)
        if sent is None:
            return False
        other = _LIMITS[sent]
        named = re.search(rf"\b{sent}\b", said)
        if not named or (_WRONG_NUMBER.search(said) and other not in said) or other in self._refused:
            return False
        self._refused.add(sent)
        self._limit = other
        return True

    def _learns_stream(self, body: Mapping[str, Any], said: str) -> bool:
        if "stream_options" in body:
            self._told_usage = self._told_usage and "stream_options" not in said
            return "stream_options" in said
        if "stream" not in body and _MUST_STREAM.search(said):
            self._stream = True
            return True
        return False
