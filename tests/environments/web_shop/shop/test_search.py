"""Words and stems, BM25 against its formula and against the library's own index, order, and files."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trajectune.environments.web_shop.shop import search
from trajectune.environments.web_shop.shop.search import Index, IndexBuilder, build, split, stem

TEXTS = ["red rain coat", "a red hat with a red band", "green tea", "coats and hats", "the and of"]


def test_words_and_stems() -> None:
    assert split("Men's X-Large, 2.75 inch — Café_au_lait!") == [
        "men's", "x", "large", "2.75", "inch", "café", "au", "lait",
    ]  # fmt: skip
    assert [stem(word) for word in ("men's", "running", "shoes", "the", "2.75", "boss’s")] == [
        "men", "run", "shoe", "", "2.75", "boss",
    ]  # fmt: skip


def test_hits_are_ordered_by_score() -> None:
    index = build(TEXTS)
    assert index.search("red", 5) == [1, 0]
    assert index.search("coat", 5) == [3, 0]  # "and" is a stop word: the shorter text comes first
    assert index.search("hats for running", 5) == [3, 1]
    assert index.search("coat coat coat hat", 5)[0] == 3
    assert index.search("red coat", 1) == [0]


@pytest.mark.parametrize("query", ["", "the and of", "unknown", "!!!", "\x00", "x" * 10_000])
def test_what_shares_no_word_is_no_hit(query: str) -> None:
    assert build(TEXTS).search(query, 5) == []


def test_nothing_can_be_found_where_nothing_is() -> None:
    assert build([]).search("coat", 5) == []
    assert build(["", "the"]).search("coat", 5) == []


def test_scores_follow_the_formula() -> None:
    """BM25 as Lucene has it: idf · tf / (tf + k1 · (1 - b + b · length / mean))."""
    index = build(TEXTS)
    tokens = [[stem(word) for word in split(text) if stem(word)] for text in TEXTS]
    mean = sum(map(len, tokens)) / len(tokens)
    vocabulary = index._retriever.vocab_dict
    for word in ("red", "coat", "tea"):
        known = [number for number, each in enumerate(tokens) if word in each]
        idf = math.log(1 + (len(TEXTS) - len(known) + 0.5) / (len(known) + 0.5))
        found = index._retriever.get_scores_from_ids(np.array([vocabulary[word]]))
        for number, each in enumerate(tokens):
            count = each.count(word)
            wanted = idf * count / (count + 0.9 * (0.6 + 0.4 * len(each) / mean))
            assert found[number] == pytest.approx(wanted, rel=1e-5)


documents = st.lists(
    st.lists(st.sampled_from(["red", "blue", "coat", "hat", "tea", "cup", "lamp"]), max_size=8),
    min_size=1,
    max_size=12,
)


@settings(max_examples=50)
@given(documents, st.integers(1, 5))
def test_blocks_give_what_the_library_gives_at_once(words: list[list[str]], block: int) -> None:
    from bm25s import BM25

    words = [each or ["empty"] for each in words]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "BLOCK", block)
        mine = build(" ".join(each) for each in words)
    theirs = BM25(k1=0.9, b=0.4, method="lucene")
    theirs.index(words, show_progress=False)
    for word in {word for each in words for word in each}:
        numbers = np.array([mine._retriever.vocab_dict[stem(word)]])
        found = mine._retriever.get_scores_from_ids(numbers)
        assert found == pytest.approx(theirs.get_scores([word]), rel=1e-5)


@given(st.lists(st.integers(0, 3), min_size=3, max_size=30), st.integers(1, 10))
def test_of_equals_the_lower_number_comes_first(counts: list[int], hits: int) -> None:
    index = build(" ".join(["red"] * count) + " hat" * (4 - count) for count in counts)
    found = index.search("red", hits)
    known = [number for number, count in enumerate(counts) if count]
    assert found == sorted(known, key=lambda number: (-counts[number], number))[:hits]


def test_a_saved_index_finds_the_same(tmp_path: Path) -> None:
    index = build(TEXTS)
    index.save(tmp_path / "index")
    again = Index.load(tmp_path / "index")
    for query in ("red coat", "hats", "green", "nothing"):
        assert again.search(query, 5) == index.search(query, 5)
    assert isinstance(again._retriever.scores["data"], np.memmap)


def test_a_long_query_is_cut() -> None:
    builder = IndexBuilder()
    builder.add("needle")
    assert builder.index().search("hay " * search.MAX_WORDS + "needle", 5) == []
