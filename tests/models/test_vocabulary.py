"""Whose ids mean what: equal, equal up to special tokens, declared, or refused."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from support.models import Tiny
from support.tokenizers import CHATML_SPECIALS, byte_level
from trajectune.errors import ModelError
from trajectune.models.loading import LoadedModel
from trajectune.models.templates import CHATML
from trajectune.models.vocabulary import alignment, output_rows


@pytest.fixture(scope="module")
def lead() -> LoadedModel:
    return Tiny().loaded("lead")


@pytest.fixture(scope="module")
def other() -> LoadedModel:
    return Tiny(seed=1).loaded("other")


def with_tokenizer(model: LoadedModel, specials: list[str]) -> LoadedModel:
    return replace(model, tokenizer=byte_level(CHATML, specials), name="another")


def test_equal_vocabularies_need_no_map(lead: LoadedModel, other: LoadedModel) -> None:
    assert alignment(lead, other) is None
    copied = replace(other, tokenizer=copy.deepcopy(other.tokenizer))
    assert alignment(lead, copied) is None


def test_special_tokens_may_have_other_names_and_be_more(lead: LoadedModel) -> None:
    ours = with_tokenizer(lead, CHATML_SPECIALS)
    assert alignment(ours, with_tokenizer(lead, ["<s>", "<|user|>", "</s>"])) is None
    longer = with_tokenizer(lead, CHATML_SPECIALS)
    longer.tokenizer.add_tokens(["<tool>"])
    assert alignment(ours, longer) is None


def test_a_shift_by_one_is_noticed_and_an_example_is_given(lead: LoadedModel) -> None:
    ours = with_tokenizer(lead, CHATML_SPECIALS)
    theirs = with_tokenizer(lead, [*CHATML_SPECIALS, "<|tool|>"])
    with pytest.raises(ModelError) as caught:
        alignment(ours, theirs)
    number = int(caught.value.what.split(": ")[1].split(" is ")[0])
    assert ours.tokenizer.convert_ids_to_tokens(number) != theirs.tokenizer.convert_ids_to_tokens(number)
    assert "lead" not in caught.value.remedy
    assert caught.value.where == "another and another"


@given(st.dictionaries(st.integers(0, 200), st.integers(0, 200), min_size=1, max_size=6))
def test_a_declared_map_is_followed_and_all_else_is_unknown(declared: dict[int, int]) -> None:
    lead = Tiny(vocabulary=201, layers=1).loaded("lead")
    found = alignment(lead, lead, declared)
    assert found is not None
    assert len(found) == output_rows(lead) == 201
    known = {i: int(found[i]) for i in range(201) if found[i] >= 0}
    assert known == declared
    assert found.dtype == torch.long


@pytest.mark.parametrize("pair", [(201, 0), (0, 201), (-1, 0), (0, -1)])
def test_ids_that_do_not_exist_are_named(pair: tuple[int, int]) -> None:
    lead = Tiny(vocabulary=201, layers=1).loaded("lead")
    with pytest.raises(ModelError, match=f"sends {pair[0]} to {pair[1]}"):
        alignment(lead, lead, {0: 0, pair[0]: pair[1]})
