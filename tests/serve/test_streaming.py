"""Text that is sent piece by piece is the text of the finished reply, whatever the tokens are."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from trajectune.engine.requests import Request
from trajectune.engine.row import Row, decode
from trajectune.models.chat import hidden_tokens
from trajectune.models.chat.filter import overlap
from trajectune.models.loading import LoadedModel
from trajectune.serve.streaming import Deltas

CHARACTERS = "aé€😀 \n�"


def byte_fallback() -> PreTrainedTokenizerBase:
    """As Llama 2 has it: words with ▁ for the space, and bytes for everything else."""
    words = ["<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", "▁a", "a", "b", "▁the", "é"]
    tokenizer = Tokenizer(models.BPE({word: i for i, word in enumerate(words)}, [], byte_fallback=True))
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", clean_up_tokenization_spaces=False
    )


def metaspace() -> PreTrainedTokenizerBase:
    words = ["<s>", "</s>", "▁", "▁a", "a", "b", "▁the", "é"]
    tokenizer = Tokenizer(models.BPE({word: i for i, word in enumerate(words)}, []))
    tokenizer.decoder = decoders.Metaspace()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", clean_up_tokenization_spaces=False
    )


@pytest.fixture(scope="module", params=["bytes", "byte fallback", "metaspace"])
def tokenizer(request: pytest.FixtureRequest, tiny: LoadedModel) -> PreTrainedTokenizerBase:
    kinds = {"bytes": lambda: tiny.tokenizer, "byte fallback": byte_fallback, "metaspace": metaspace}
    return kinds[request.param]()


def rows_of(tokens: list[int], stops: tuple[str, ...], tokenizer: PreTrainedTokenizerBase) -> Row:
    """The row as the engine makes it, until its end."""
    ends = frozenset([int(tokenizer.convert_tokens_to_ids(str(tokenizer.eos_token)))])  # pyright: ignore
    request = Request([0], max_new_tokens=len(tokens), stop_strings=stops)
    row = Row("key", request, 0, ends, 1 << 20, ([0],), (1.0,))
    for token in tokens:
        row.accept(token, tokenizer)
        if row.finish:
            break
    return row


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_the_deltas_joined_are_the_finished_text(
    tokenizer: PreTrainedTokenizerBase, data: st.DataObject
) -> None:
    # Single bytes often: they make halves of characters.
    some = st.one_of(st.integers(0, len(tokenizer) - 1), st.integers(0, min(len(tokenizer), 261) - 1))
    spelled = st.text(CHARACTERS, max_size=8).map(lambda text: tokens_of(text, tokenizer))
    special = st.sampled_from(sorted(hidden_tokens(tokenizer)))
    pieces = data.draw(
        st.lists(st.one_of(st.lists(some | special, max_size=4), spelled), min_size=1, max_size=8)
    )
    tokens = [token for piece in pieces for token in piece] or [0]
    written = decode(tokens, tokenizer, frozenset(range(len(tokenizer))))  # special tokens too
    text = data.draw(st.sampled_from([decode(tokens, tokenizer), written]))
    cuts = st.tuples(st.integers(0, max(len(text) - 1, 0)), st.integers(1, 12))
    stops = tuple(
        found
        for start, size in data.draw(st.lists(cuts, max_size=2))
        if (found := text[start : start + size]) and "\ufffd" not in found
    )
    row = rows_of(tokens, stops, tokenizer)
    final = row.generation(tokenizer).text
    deltas = Deltas(tokenizer, row.stop_tokens, stops)
    sent = ""
    for token in row.tokens:
        sent += deltas.push(token)
        assert final.startswith(sent)
    assert sent + deltas.finish(final) == final


def tokens_of(text: str, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """The text's bytes, each a token of its own, where the tokenizer has them."""
    known = tokenizer.get_vocab()
    if "<0x00>" in known:
        return [known[f"<0x{byte:02X}>"] for byte in text.encode()]
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def test_a_character_of_several_tokens_comes_whole_and_at_once(tiny: LoadedModel) -> None:
    tokens = tokens_of("a😀b", tiny.tokenizer)
    assert len(tokens) == 6
    deltas = Deltas(tiny.tokenizer)
    assert [deltas.push(token) for token in tokens] == ["a", "", "", "", "😀", "b"]


def test_text_that_may_become_a_stop_string_waits(tiny: LoadedModel) -> None:
    deltas = Deltas(tiny.tokenizer, stop_strings=("ENDE", "x"))
    tokens = [token for letter in "aENDbENDEc" for token in tokens_of(letter, tiny.tokenizer)]
    assert [deltas.push(token) for token in tokens] == ["a", "", "", "", "ENDb", "", "", "", "", ""]


def test_words_come_with_their_spaces(tiny: LoadedModel) -> None:
    del tiny
    tokenizer = byte_fallback()
    known = tokenizer.get_vocab()
    tokens = [known[word] for word in ("▁the", "<0x0A>", "▁a", "</s>", "▁the", "b")]
    deltas = Deltas(tokenizer)
    assert [deltas.push(token) for token in tokens] == ["the", "", "\n a", "", " the", "b"]


@pytest.mark.parametrize(
    ("text", "marker", "size"),
    [
        ("abc", "cd", 1),
        ("abc", "bcd", 2),
        ("abc", "abc", 0),
        ("", "a", 0),
        ("aa", "aaa", 2),
        ("ab", "b", 0),
    ],
)
def test_overlap(text: str, marker: str, size: int) -> None:
    assert overlap(text, marker) == size
