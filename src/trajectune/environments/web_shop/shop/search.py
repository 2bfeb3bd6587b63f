"""Search as WebShop has it: BM25 over stemmed words, 50 hits.

The idea: `bm25s` stores for each word the score that it gives to each product, so that a search adds up
a few columns. It is fed here block by block, with arrays in place of lists, so that an index of a
million products fits into memory while it is made, and is read from disk as a memory map afterwards.

WebShop searches with Lucene as Pyserini sets it up: words are split at what is no letter or digit, a
possessive 's is cut, 33 stop words are left out, Porter's stemmer, BM25 with k1 = 0.9 and b = 0.4. So
here; only lengths of documents are exact (Lucene rounds them to a byte), and words split a little
differently around marks such as `_`.

Invariant: hits are ordered by score and then by number, so equal scores never depend on the machine; what
shares no word with the query is no hit.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from trajectune.environments.web_shop.lists import words

K1, B = 0.9, 0.4
BLOCK = 100_000
"""Documents whose words are counted together; the memory that this takes is freed block by block."""
MAX_WORDS = 100
"""Words of a query that are looked at."""
STOP_WORDS = frozenset(words("stop"))
_WORD = re.compile(r"[^\W_]+(?:['’.][^\W_]+)*")
_POSSESSIVE = re.compile(r"['’]s\Z")


@cache
def _stemmer() -> Any:
    """Porter's; imported when first used, since it comes with an extra."""
    from Stemmer import Stemmer

    return Stemmer("porter")


def split(text: str) -> list[str]:
    """The words of a text, in lower case, before stemming."""
    return _WORD.findall(text.lower())


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """The stem under which a word is kept; empty for a stop word."""
    word = _POSSESSIVE.sub("", word)
    return "" if word in STOP_WORDS else _stemmer().stemWord(word)


class Numbers(dict[str, int]):
    """The number of each word as it is written; -1 for a stop word. Asking makes new numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.stems: dict[str, int] = {}

    def __missing__(self, word: str) -> int:
        key = stem(word)
        number = self.stems.setdefault(key, len(self.stems)) if key else -1
        self[word] = number
        return number


class IndexBuilder:
    """Takes documents one after another: `builder.add(text)`, then `builder.index()`."""

    def __init__(self) -> None:
        self._numbers = Numbers()
        self._lengths = array("I")
        self._tokens = array("I")
        self._blocks: list[Block] = []

    def add(self, text: str) -> None:
        """One more document; its number is how many there were before."""
        numbers = self._numbers
        tokens = [number for word in split(text) if (number := numbers[word]) >= 0]
        self._tokens.extend(tokens)
        self._lengths.append(len(tokens))
        if len(self._lengths) % BLOCK == 0:
            self._close_block()

    def index(self) -> Index:
        """The index of all documents. The builder is used up."""
        if self._tokens or not self._blocks:
            self._close_block()
        vocabulary = self._numbers.stems
        self._numbers = Numbers()
        lengths = np.frombuffer(self._lengths, dtype=np.uint32)
        return _fill(vocabulary, lengths, self._blocks)

    def _close_block(self) -> None:
        start = sum(block.documents for block in self._blocks)
        lengths = np.frombuffer(self._lengths, dtype=np.uint32)[start:].copy()
        self._blocks.append(Block(np.frombuffer(self._tokens, dtype=np.uint32), lengths))
        self._tokens = array("I")


class Block:
    """Words of some documents, counted: by word, then by document."""

    def __init__(self, tokens: np.ndarray, lengths: np.ndarray) -> None:
        self.documents = len(lengths)
        owners = np.repeat(np.arange(len(lengths), dtype=np.uint64), lengths)
        keys, counts = np.unique((tokens.astype(np.uint64) << np.uint64(32)) | owners, return_counts=True)
        self.owners = (keys & np.uint64(0xFFFFFFFF)).astype(np.uint32)
        self.counts = np.minimum(counts, 255).astype(np.uint8)
        self.words, self.frequencies = np.unique(keys >> np.uint64(32), return_counts=True)


def _fill(vocabulary: dict[str, int], lengths: np.ndarray, blocks: list[Block]) -> Index:
    """The columns of all words, filled block by block; a block is freed once it is in."""
    documents = len(lengths)
    frequencies = np.zeros(len(vocabulary), dtype=np.int64)
    for block in blocks:
        frequencies[block.words] += block.frequencies
    ends = np.concatenate([[0], np.cumsum(frequencies)])
    rarity = np.log(1 + (documents - frequencies + 0.5) / (frequencies + 0.5)).astype(np.float32)
    mean = max(1.0, float(lengths.mean())) if documents else 1.0
    norms = (K1 * (1 - B + B * lengths / mean)).astype(np.float32)
    data, indices = np.empty(ends[-1], np.float32), np.empty(ends[-1], np.int32)
    place, first = ends[:-1].copy(), 0
    for number, block in enumerate(blocks):
        words, counts = np.repeat(block.words, block.frequencies), block.counts.astype(np.float32)
        runs = np.cumsum(block.frequencies) - block.frequencies
        target = np.arange(len(words)) + np.repeat(place[block.words] - runs, block.frequencies)
        owners = block.owners.astype(np.int64) + first
        indices[target] = owners
        data[target] = rarity[words] * (counts / (counts + norms[owners]))
        place[block.words] += block.frequencies
        first += block.documents
        blocks[number] = _EMPTY
    return Index(_retriever(vocabulary, data, indices, ends, documents))


_EMPTY = Block(np.zeros(0, np.uint32), np.zeros(0, np.uint32))


def _retriever(
    vocabulary: dict[str, int], data: np.ndarray, indices: np.ndarray, ends: np.ndarray, documents: int
) -> Any:
    """A `bm25s.BM25` that holds these columns."""
    from bm25s import BM25

    retriever = BM25(k1=K1, b=B, method="lucene")
    retriever.scores = {"data": data, "indices": indices, "indptr": ends, "num_docs": documents}
    retriever.vocab_dict = vocabulary
    retriever.unique_token_ids_set = set(vocabulary.values())
    retriever.nonoccurrence_array = None
    return retriever


def build(texts: Iterable[str]) -> Index:
    """The index of some texts: `build(["a red coat"]).search("coats", 50)`."""
    builder = IndexBuilder()
    for text in texts:
        builder.add(text)
    return builder.index()


class Index:
    """Finds documents by words."""

    def __init__(self, retriever: Any) -> None:
        self._retriever = retriever

    def search(self, query: str, hits: int) -> list[int]:
        """Numbers of the best documents, the best first; of equals, the lower number first."""
        vocabulary: dict[str, int] = self._retriever.vocab_dict
        stems = (stem(word) for word in split(query)[:MAX_WORDS])
        known = Counter(vocabulary[word] for word in stems if word in vocabulary)
        if not known:
            return []
        scores = self._scores(known)
        least = np.partition(scores, -hits)[-hits] if len(scores) > hits else 0.0
        found = np.flatnonzero(scores >= max(least, np.finfo(np.float32).tiny))
        return found[np.lexsort((found, -scores[found]))][:hits].tolist()

    def _scores(self, known: Counter[int]) -> np.ndarray:
        """Of every document; a word counts as often as the query says it."""
        ids = np.array(sorted(known.elements()), dtype=np.int64)
        return self._retriever.get_scores_from_ids(ids)

    def save(self, folder: Path) -> None:
        """Write it into a folder, in the form of `bm25s`."""
        self._retriever.save(str(folder), show_progress=False)

    @staticmethod
    def load(folder: Path) -> Index:
        """Read what `save` wrote; the columns stay on disk."""
        from bm25s import BM25

        return Index(BM25.load(str(folder), mmap=True, show_progress=False))
