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

from trajectune.engine.row import UNFINISHED, decode
from trajectune.engine.stops import certain, find_stop
from trajectune.models.chat import hidden_tokens

_BYTE = re.compile(r"<0x[0-9A-F]{2}>")
"""A byte as a token (byte fallback): a run of them becomes text only when it is over."""


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
        self._ends = frozenset(end_tokens)
        self._hidden = hidden_tokens(tokenizer) - kept
        self._stops = stop_strings
        self._marks: list[tuple[int, str]] = []
        self._window: list[int] = []
        self._read = 0  # tokens of the window whose text is known
        self._known = 0  # its length
        self._held = ""
        self._sent = 0
        self._stopped = False

    def push(self, token: int) -> str:
        """Takes the next token; gives the text that is certain now, often none."""
        if self._stopped or token in self._ends:
            return ""
        if token in self._hidden:
            return self._mark(token) if self._stops else ""
        self._window.append(token)
        text = decode(self._window, self._tokenizer, self._kept)
        if text.endswith(UNFINISHED) or self._is_byte(token) or len(text) <= self._known:
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

    def _mark(self, token: int) -> str:
        """Remembers a token that is not shown; gives the text that it makes certain."""
        seen = self._sent + len(self._held)
        coming = decode(self._window, self._tokenizer, self._kept).rstrip(UNFINISHED)
        place = seen + max(len(coming) - self._known, 0)
        self._marks.append((place, str(self._tokenizer.convert_ids_to_tokens(token))))
        return self._release("") if place == seen else ""

    def _release(self, new: str) -> str:
        self._held += new
        text, size = self._held, max(map(len, self._stops), default=0)
        marks = [(place - self._sent, word) for place, word in self._marks if place >= self._sent]
        cut = find_stop(self._stops, text, marks)
        self._stopped = cut is not None
        end = certain(self._stops, text, marks) if cut is None else cut
        self._held = text[end:]
        self._sent += end
        self._marks = [mark for mark in self._marks if mark[0] >= self._sent][-size:] if size else []
        return text[:end]
