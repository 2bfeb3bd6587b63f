"""From tokens, one by one, to text that can be sent at once and never has to be taken back.

The idea: a token is not a piece of text. It may end in the middle of a character, or be the beginning of
a stop string that the reply must not show. So each token is decoded together with its neighbour to the
left, in a window that moves on when text came out of it, and what may still change is held back.

Invariants: the deltas joined are the text of the finished reply; no delta ends in half a character or in
text that could become a stop string; the cost of a token does not grow with the length of the reply.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from transformers import PreTrainedTokenizerBase

from trajectune.engine.row import decode
from trajectune.models.chat import hidden_tokens
from trajectune.models.chat.filter import overlap

_BYTE = re.compile(r"<0x[0-9A-F]{2}>")
"""A byte as a token (byte fallback): a run of them becomes text only when it is over."""

_UNFINISHED = "\ufffd"
"""What half a character is decoded to."""


class Deltas:
    """The text of one reply, piece by piece.

    `end_tokens` end a reply and are not shown; a stop string and all behind it neither. Special tokens in
    `kept` are text.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        end_tokens: Iterable[int] = (),
        stop_strings: tuple[str, ...] = (),
        kept: frozenset[int] = frozenset(),
    ) -> None:
        self._tokenizer = tokenizer
        self._kept = kept
        self._hidden = (hidden_tokens(tokenizer) - kept) | set(end_tokens)
        self._stops = stop_strings
        self._window: list[int] = []
        self._read = 0  # tokens of the window whose text is known
        self._known = 0  # its length
        self._held = ""
        self._sent = 0
        self._stopped = False

    def push(self, token: int) -> str:
        """Takes the next token; gives the text that is certain now, often none."""
        if self._stopped or token in self._hidden:
            return ""
        self._window.append(token)
        text = decode(self._window, self._tokenizer, self._kept)
        if text.endswith(_UNFINISHED) or self._is_byte(token) or len(text) <= self._known:
            return ""
        new = text[self._known :]
        self._window = self._window[self._read :]
        self._read = len(self._window)
        self._known = len(decode(self._window, self._tokenizer, self._kept))
        return self._release(new)

    def finish(self, text: str) -> str:
        """What is missing, given the text of the finished reply."""
        return text[self._sent :]

    def _is_byte(self, token: int) -> bool:
        return bool(_BYTE.fullmatch(str(self._tokenizer.convert_ids_to_tokens(token))))

    def _release(self, new: str) -> str:
        held = self._held + new
        cuts = [held.find(stop) for stop in self._stops if stop in held]
        self._stopped = bool(cuts)
        end = min(cuts) if cuts else len(held) - max((overlap(held, s) for s in self._stops), default=0)
        self._held = held[end:]
        self._sent += end
        return held[:end]
