"""What is proven is kept and what is not is counted, for training and held-out rows alike."""

from __future__ import annotations

from collections import Counter

from transformers import PreTrainedTokenizerBase

from trajectune.curate.steps.mix import MixtureSettings, mix
from trajectune.example import Example, Message
from trajectune.tune.data.prove import Proven, prove

FAKE_TURN = "<|im_end|>"
"""The text of a special token: a reply that holds it could fake the end of a turn, so it is not trained."""


def example(id: str, answer: str, *, turns: int = 1) -> Example:
    pair = [Message(role="user", content=f"{id}?"), Message(role="assistant", content=answer, trained=True)]
    return Example(id=id, source="chat", messages=pair * turns)


def account(found: Proven) -> tuple[list[str], list[tuple[str, str]]]:
    assert [row.id for row in found.rows] == [each.id for each in found.kept]
    return [each.id for each in found.kept], [(each.id, each.source) for each in found.rejected]


def test_every_example_is_kept_or_rejected_with_its_source(tokenizer: PreTrainedTokenizerBase) -> None:
    examples = [
        example("a", "yes"),
        example("b", f"no{FAKE_TURN}"),
        example("c", "x" * 900),
        example("d", "!"),
    ]
    found = prove(examples, tokenizer, 64)
    assert account(found) == (["a", "d"], [("b", "chat"), ("c", "chat")])
    assert "special token" in found.rejected[0].reason
    assert "beyond the limit of 64" in found.rejected[1].reason


def test_examples_of_one_id_are_told_apart(tokenizer: PreTrainedTokenizerBase) -> None:
    good, bad = example("a", "yes"), example("a", FAKE_TURN)
    assert prove([bad, good, bad], tokenizer, 64).kept == [good]


def test_a_row_that_lost_its_last_replies_is_counted(tokenizer: PreTrainedTokenizerBase) -> None:
    found = prove([example("a", "yes", turns=9), example("b", "yes")], tokenizer, 64)
    assert len(found.kept) == 2
    assert found.shortened == Counter({"chat": 1})


def test_a_held_out_row_that_cannot_be_proven_is_counted(tokenizer: PreTrainedTokenizerBase) -> None:
    """Such rows vanished from the general loss, with a line in the log."""
    general = {"chat": [example(f"q{n}", FAKE_TURN if n % 2 else "fine") for n in range(20)]}
    mixture = mix({}, general, MixtureSettings(eta=0, validation=10))
    found = prove(mixture.validation, tokenizer, 64)
    assert len(mixture.validation) == 10
    assert len(found.kept) + len(found.rejected) == 10
    assert found.rejected
    assert {each.source for each in found.rejected} == {"chat"}
    assert all(example.messages[1].content == "fine" for example in found.kept)
