"""Near-duplicates: what goes is similar to what stays, exactly; what is plainly similar is found."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.curate.steps.apply import apply_steps
from trajectune.curate.steps.deduplicate import SAME_MESSAGES, SIMILAR
from trajectune.curate.steps.registry import build_steps
from trajectune.curate.steps.similar import _bands, jaccard, runs
from trajectune.example import Example, Message
from trajectune.trajectory import ToolCall

RULES = " ".join(f"rule{n}" for n in range(300))


def made(id: str, asked: str, answered: str) -> Example:
    asking = Message(role="user", content=asked)
    return Example(id=id, messages=[asking, Message(role="assistant", content=answered, trained=True)])


def kept(similarity: float, *rows: Example) -> list[str]:
    return [
        row.id for row in apply_steps(build_steps([{"deduplicate": {"similarity": similarity}}]), rows).rows
    ]


def words(rng: random.Random, number: int) -> list[str]:
    return [f"w{rng.randrange(10_000)}" for _ in range(number)]


def changed(text: list[str], places: list[int]) -> str:
    return " ".join("new" if n in places else word for n, word in enumerate(text))


def test_of_similar_rows_the_first_stays_and_the_reasons_differ() -> None:
    rng = random.Random(1)
    asked, answered = words(rng, 100), words(rng, 100)
    first = made("a", changed(asked, []), changed(answered, []))
    near = made("b", changed(asked, [50]), changed(answered, [99]))
    equal = first.model_copy(update={"id": "c"})
    done = apply_steps(build_steps([{"deduplicate": {"similarity": 0.8}}]), [first, near, equal])
    assert [row.id for row in done.rows] == ["a"]
    assert [(each.id, each.reason) for each in done.rejected] == [("b", SIMILAR), ("c", SAME_MESSAGES)]
    assert kept(0.8, near, first, equal) == ["b"]
    assert kept(0.99, first, near) == ["a", "b"]


def test_both_the_question_and_the_answer_have_to_be_alike() -> None:
    rng = random.Random(2)
    asked, answered, other = (" ".join(words(rng, 60)) for _ in range(3))
    rows = made("a", asked, answered), made("b", asked, other), made("c", other, answered)
    assert kept(0.5, *rows) == ["a", "b", "c"]
    with_rules = [made(row.id, f"{RULES} {n}", row.messages[1].content) for n, row in enumerate(rows)]
    assert kept(0.5, *with_rules) == ["a", "b"]  # the rules are alike in all, so the answers decide


def test_calls_and_reasoning_count_and_empty_sides_are_equal() -> None:
    def calling(id: str, query: str, reasoning: str = "") -> Example:
        call = ToolCall(name="sql", arguments={"query": query})
        message = Message(
            role="assistant", content="", reasoning=reasoning, trained=True, tool_calls=[call]
        )
        return Example(id=id, messages=[message])

    rows = calling("a", "select one"), calling("b", "select two"), calling("c", "SELECT: one")
    assert kept(0.8, *rows, calling("d", "select one", "I think so.")) == ["a", "b", "d"]


def test_runs_do_not_cross_texts_and_short_texts_are_one() -> None:
    assert len(runs(["a b c d e f", "x y", ""])) == 3
    assert jaccard(runs(["a b"]), runs(["A, b!"])) == 1.0
    assert jaccard(runs(["a b"]), runs(["b a"])) == 0.0
    assert jaccard(runs([]), runs([""])) == 1.0


@pytest.mark.parametrize("similarity", [0.1, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0])
def test_bands_miss_hardly_any_pair(similarity: float) -> None:
    bands = _bands(similarity)
    if similarity >= 0.5:
        assert (1 - similarity ** (128 // bands)) ** bands <= 1e-3
    assert bands == 1 or (1 - similarity ** (128 // (bands // 2))) ** (bands // 2) > 1e-3


@st.composite
def families(draw: st.DrawFn) -> list[list[str]]:
    """Texts of which some are edited copies of others."""
    rng = random.Random(draw(st.integers(0, 1 << 30)))
    texts = [words(rng, rng.randint(1, 60)) for _ in range(3)]
    for _ in range(draw(st.integers(0, 7))):
        copy = list(rng.choice(texts))
        for place in rng.sample(range(len(copy)), min(len(copy), rng.randint(0, 4))):
            copy[place] = "new"
        texts.append(copy)
    return texts


@given(families(), st.sampled_from([0.5, 0.8, 1.0]))
def test_what_goes_is_similar_to_what_stays_and_what_stays_is_not(
    texts: list[list[str]], similarity: float
) -> None:
    rows = [made(str(n), "?", " ".join(text)) for n, text in enumerate(texts)]
    sets = [shingles(text) for text in texts]
    expected = list[str]()
    for n, own in enumerate(sets):
        if all(share(own, sets[int(other)]) < similarity for other in expected):
            expected.append(str(n))
    assert kept(similarity, *rows) == expected


def shingles(text: list[str]) -> set[tuple[str, ...]]:
    size = min(5, len(text))
    return {tuple(text[n : n + size]) for n in range(len(text) - size + 1)}


def share(ours: set[tuple[str, ...]], theirs: set[tuple[str, ...]]) -> float:
    return len(ours & theirs) / len(ours | theirs)


@given(families(), st.randoms(use_true_random=False))
def test_families_that_are_far_apart_keep_one_row_each_in_any_order(
    texts: list[list[str]], rng: random.Random
) -> None:
    family = {" ".join(text): n for n, text in enumerate(texts[:3])}
    rows = [made(f"{n}.{i}", f"family {n}", text) for text, n in family.items() for i in range(3)]
    rng.shuffle(rows)
    assert sorted(id.split(".")[0] for id in kept(0.9, *rows)) == sorted(map(str, family.values()))
