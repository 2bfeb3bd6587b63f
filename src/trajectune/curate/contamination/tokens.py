"""Texts as arrays of tokens: words, which need no model, or the tokens of a model's own tokenizer.

The idea: contamination is a matter of texts, not of the model that is tuned. Words (runs of letters and
digits, whatever their case and the punctuation between them) make figures that can be compared between
models, and are found in a few passes over the characters of a whole batch. A letter of a script that
writes no spaces, from U+3000 on, is a word of its own. AgentTuning counted the tokens of Llama's
tokenizer: `ModelTokens` does so.

Invariant: equal tokens have equal numbers, in every batch; the tokens of a text do not depend on the
others.
"""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from trajectune.curate.contamination.hashing import Numbers, Places, mixed, stretch_numbers
from trajectune.errors import ModelError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_ALONE = 0x2FFF
"""Characters from here on are words of their own."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of several texts, one after the other."""

    ids: Numbers
    offsets: Places
    """Where each text begins in `ids`, and at last where the last one ends."""

    @property
    def ends(self) -> Places:
        """For each token: where its text ends."""
        return np.repeat(self.offsets[1:], np.diff(self.offsets))


class Tokenizer(Protocol):
    """Cuts texts into tokens."""

    @property
    def name(self) -> str:
        """What a token is, for whoever reads the figures."""
        ...

    def encode(self, texts: Sequence[str]) -> Tokens:
        """The tokens of the texts."""
        ...

    def places(self, text: str) -> list[tuple[int, int]]:
        """Where each token of a text begins and ends, in characters."""
        ...


class Words:
    """Runs of letters and digits, in lower case."""

    name = "words"

    def encode(self, texts: Sequence[str]) -> Tokens:
        joined = "\n" + "\n".join(texts) + "\n"
        codes = _codes(joined)
        starts, ends = _bounds(codes)
        begins = np.cumsum([1, *(len(text) + 1 for text in texts)], dtype=np.int64)
        return Tokens(stretch_numbers(_values(codes), starts, ends), np.searchsorted(starts, begins))

    def places(self, text: str) -> list[tuple[int, int]]:
        starts, ends = _bounds(_codes(f"\n{text}\n"))
        return list(zip((starts - 1).tolist(), (ends - 1).tolist(), strict=True))


class ModelTokens:
    """The tokens of a model's tokenizer, without any that mark a beginning or an end."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, model: str) -> None:
        if not tokenizer.is_fast:
            raise ModelError(
                "its tokenizer does not tell which characters a token stands for",
                where=model,
                remedy="use a model with a tokenizer.json, or count words (leave --model out)",
            )
        self._tokenizer: Any = tokenizer
        self.name = f"tokens of {model}"

    def encode(self, texts: Sequence[str]) -> Tokens:
        lists = self._encoded(list(texts))["input_ids"] if texts else []
        offsets = np.cumsum([0, *map(len, lists)], dtype=np.int64)
        flat = np.fromiter(itertools.chain.from_iterable(lists), np.uint64, int(offsets[-1]))
        return Tokens(mixed(flat), offsets)

    def places(self, text: str) -> list[tuple[int, int]]:
        return [(start, end) for start, end in self._encoded(text, True)["offset_mapping"]]

    def _encoded(self, text: str | list[str], places: bool = False) -> Any:
        # `verbose` would warn of texts that are longer than the model's context
        return self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=places, verbose=False)


def _codes(text: str) -> npt.NDArray[np.unsignedinteger]:
    if text.isascii():
        return np.frombuffer(text.encode("ascii"), np.uint8)
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def _bounds(codes: npt.NDArray[np.unsignedinteger]) -> tuple[Places, Places]:
    """Where words begin and end, in codes that begin and end with what is no part of a word."""
    is_word, _ = _tables()
    word = is_word[np.minimum(codes, _ALONE)] if codes.itemsize > 1 else is_word[codes]
    starts = np.flatnonzero(word[1:] > word[:-1]) + 1
    ends = np.flatnonzero(word[1:] < word[:-1]) + 1
    alone = np.flatnonzero(codes >= _ALONE) if codes.itemsize > 1 else starts[:0]
    if len(alone):
        starts, ends = (np.sort(np.concatenate(pair)) for pair in ((starts, alone), (ends, alone + 1)))
    return starts, ends


def _values(codes: npt.NDArray[np.unsignedinteger]) -> Numbers:
    """A number for each character, the same for its two cases."""
    _, values = _tables()
    if codes.itemsize == 1:
        return values[codes]
    found = values[np.minimum(codes, _ALONE)]
    high = codes >= _ALONE
    found[high] = mixed(codes[high])
    return found


@cache
def _tables() -> tuple[npt.NDArray[np.bool_], Numbers]:
    """For characters below `_ALONE`: whether a word may hold them, and their numbers."""
    characters = [chr(code) for code in range(_ALONE)]
    word = [each.isalnum() or unicodedata.category(each).startswith("M") for each in characters]
    lower = [ord(low) if len(low := each.lower()) == 1 else ord(each) for each in characters]
    codes = np.array([*lower, _ALONE], np.uint64)
    return np.array([*word, False]), mixed(codes)
