"""One reply in the making: what is read next, which random numbers it has, when it is over."""

from __future__ import annotations

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerBase

from support.models import tiny_tokenizer
from trajectune.engine.requests import Request
from trajectune.engine.row import POINTS, Row, decode

TOKENIZER = tiny_tokenizer()
END = int(TOKENIZER.convert_tokens_to_ids("<|im_end|>"))  # pyright: ignore[reportArgumentType]
PAD = int(TOKENIZER.convert_tokens_to_ids("<|endoftext|>"))  # pyright: ignore[reportArgumentType]
TOKENS = st.lists(st.integers(0, 9), max_size=5)


def make(request: Request, *, capacity: int = 1 << 20, prompts: tuple[list[int], ...] = ()) -> Row:
    return Row("key", request, 0, frozenset([END]), capacity, prompts or (request.tokens,), (1.0,))


def ids(text: str) -> list[int]:
    return list(TOKENIZER(text, add_special_tokens=False)["input_ids"])


def run(row: Row, tokens: list[int], tokenizer: PreTrainedTokenizerBase = TOKENIZER) -> Row:
    for token in tokens:
        row.accept(token, tokenizer)
        if row.finish:
            break
    return row


@given(
    prompts=st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=4), min_size=1, max_size=3),
    tokens=TOKENS,
    draft=TOKENS,
    data=st.data(),
)
def test_what_is_left_to_read_is_the_rest_of_the_sequence(
    prompts: list[list[int]], tokens: list[int], draft: list[int], data: st.DataObject
) -> None:
    row = make(Request(prompts[0]), prompts=tuple(prompts))
    row.tokens, row.draft = tokens, draft
    stream = data.draw(st.integers(0, len(prompts) - 1))
    sequence = prompts[stream] + tokens + draft
    held = data.draw(st.integers(0, len(sequence)))
    assert row.after(stream, held) == sequence[held:]
    assert row.length == max(map(len, prompts)) + len(tokens)
    drafted = data.draw(st.integers(0, len(draft)))
    assert row.prefix(drafted) == prompts[0] + tokens + draft[:drafted]


@given(
    seed=st.integers(-(1 << 63), (1 << 63) - 1), cuts=st.lists(st.integers(1, 70), min_size=1, max_size=6)
)
def test_the_numbers_of_a_token_do_not_depend_on_the_blocks(seed: int, cuts: list[int]) -> None:
    row, whole = make(Request([1], seed=seed)), make(Request([1], seed=seed)).points(sum(cuts))
    assert whole.shape == (sum(cuts), POINTS)
    assert ((whole >= 0) & (whole < 1)).all()
    for count in cuts:
        row.points(count + 3)  # looked at for a draft, and thrown away
        first = len(row.tokens)
        assert torch.equal(row.points(count), whole[first : first + count])
        row.tokens += [0] * count


def test_seeds_have_numbers_of_their_own() -> None:
    numbers = [make(Request([1], seed=seed)).points(4) for seed in (0, 1, -1)]
    assert not torch.equal(numbers[0], numbers[1])
    assert not torch.equal(numbers[0], numbers[2])


PIECES = st.sampled_from(["a", "b", "ab", " ", "é", "€", "😀", "\n"])


@settings(max_examples=200, deadline=None)
@given(
    pieces=st.lists(PIECES | st.just(None), min_size=1, max_size=14),
    stops=st.lists(st.lists(PIECES, min_size=1, max_size=4).map("".join), min_size=1, max_size=2),
)
@example(pieces=["a", None, None, None, "b", "a"], stops=["ab"])
def test_a_reply_is_over_as_soon_as_its_text_holds_a_stop_string(
    pieces: list[str | None], stops: list[str]
) -> None:
    # None is a special token, which has no text: it may stand in the middle of a stop string.
    tokens = [token for piece in pieces for token in ([PAD] if piece is None else ids(piece))]
    row = run(make(Request([1], max_new_tokens=1000, stop_strings=tuple(stops))), tokens)
    stopped = next(
        (
            count
            for count in range(1, len(tokens) + 1)
            if any(stop in decode(tokens[:count], TOKENIZER) for stop in stops)
        ),
        None,
    )
    assert (len(row.tokens) if row.finish else None) == stopped
    text = decode(tokens, TOKENIZER)
    ends = [text.find(stop) for stop in stops if stop in text]
    assert stopped is None or row.generation(TOKENIZER).text == text[: min(ends)]


def test_each_way_to_end() -> None:
    hello = ids("Hello there")
    assert run(make(Request([1], max_new_tokens=2)), hello).finish == "length"
    assert run(make(Request([1, 2], max_new_tokens=99), capacity=3), hello).finish == "context"
    assert run(make(Request([1], max_new_tokens=99)), [*hello, END, *hello]).finish == "stop"
    assert run(make(Request([1], max_new_tokens=99)), hello).finish is None


def test_the_capacity_bounds_the_longest_prompt() -> None:
    row = run(make(Request([1], max_new_tokens=99), capacity=5, prompts=([1], [1, 2, 3, 4])), ids("Hello"))
    assert (row.finish, len(row.tokens)) == ("context", 2)


def test_an_end_on_the_last_token_is_an_end() -> None:
    row = run(make(Request([1], max_new_tokens=1)), [END])
    assert row.finish == "stop"
    made = row.generation(TOKENIZER)
    assert (made.tokens, made.text) == ([END], "")


@pytest.mark.parametrize("kept", [frozenset[int](), frozenset([PAD])])
def test_special_tokens_are_text_only_where_they_are_kept(kept: frozenset[int]) -> None:
    tokens = [*ids("a "), PAD, *ids(" b"), END]
    made = run(make(Request([1], kept=kept)), tokens).generation(TOKENIZER)
    assert made.text == ("a <|endoftext|> b" if kept else "a  b")
    assert (made.prompt_tokens, made.prefilled_tokens) == (1, 1)


def test_the_first_of_several_stop_strings_cuts() -> None:
    row = run(make(Request([1], stop_strings=("there", "llo"))), ids("Hello there"))
    assert row.generation(TOKENIZER).text == "He"


@pytest.mark.parametrize(
    ("stop", "text"),
    [
        ("<|endoftext|>", "a"),
        ("endof", "a"),
        ("a<|endoftext|>", ""),
        ("<|endoftext|> b", "a"),
        ("a b", ""),
        ("<|endoftext|>b", None),
    ],
)
def test_a_stop_string_may_hold_special_tokens_or_stand_around_them(stop: str, text: str | None) -> None:
    row = run(make(Request([1], stop_strings=(stop,))), [*ids("a"), PAD, *ids(" b")])
    assert row.finish == (None if text is None else "stop")
    assert row.generation(TOKENIZER).text == ("a b" if text is None else text)
