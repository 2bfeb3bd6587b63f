"""Words: apart for train and test, in agreement, and never in each other's way."""

from __future__ import annotations

import re
from random import Random

import pytest

from trajectune.environments.knowledge_graph.facts.schema import ATTRIBUTES, RELATIONS
from trajectune.environments.knowledge_graph.generator.wordings import LONG, TEST, TRAIN, Wordings, agree


def test_test_wordings_are_unseen():
    assert set(TRAIN.forms) == set(TEST.forms)
    for key, forms in TRAIN.forms.items():
        assert len(set(forms)) == len(forms)
        if not key.startswith("noun "):
            assert not set(forms) & set(TEST.forms[key]), key
    nouns = [key for key in TRAIN.forms if key.startswith("noun ")]
    assert sum(TRAIN.forms[key] != TEST.forms[key] for key in nouns) >= len(nouns) // 2


@pytest.mark.parametrize("words", [TRAIN, TEST], ids=["train", "test"])
def test_every_relation_and_attribute_has_its_forms(words: Wordings):
    for relation in RELATIONS:
        forms = words.forms[relation.name]
        assert len(forms) >= 2
        assert all(form.count("{x}") == 1 for form in forms)
        assert any(form.endswith("{x}") for form in forms), "a long phrase needs one with nothing behind it"
        assert all(form.startswith("the ") is relation.single for form in forms)
    for attribute in ATTRIBUTES:
        for end in ("most", "least"):
            assert all(form.endswith(" {np}") for form in words.forms[f"{end} {attribute.name}"])
    for kind in {relation.result for relation in RELATIONS}:
        assert words.noun(kind, plural=False)
        assert words.noun(kind, plural=True)


@pytest.mark.parametrize("words", [TRAIN, TEST], ids=["train", "test"])
def test_forms_hold_only_slots_that_are_filled(words: Wordings):
    for key, forms in words.forms.items():
        for form in forms:
            for found in (True, False):
                said = agree(form, found, not found)
                assert not re.search(r"[\[\]<>|]", said), said
                slots = set(re.findall(r"\{(\w+)\}", said))
                known = {"a", "b"} if key == "and" else {"x", "np", "clause", "nouns"}
                assert slots <= known
                assert "  " not in said


@pytest.mark.parametrize(
    ("found", "inside", "said"),
    [
        (False, False, "the nation that Rome belongs to"),
        (True, True, "the nations that Rome belong to"),
        (True, False, "the nations that Rome belongs to"),
    ],
)
def test_forms_agree_in_number(found: bool, inside: bool, said: str):
    form = "the nation[|s] that {x} <belongs|belong> to"
    assert agree(form, found, inside).replace("{x}", "Rome") == said


def test_nothing_follows_a_long_phrase():
    rng = Random(0)
    long = "the " + "word " * LONG + "end"
    for _ in range(50):
        assert TRAIN.around(rng, "country.continent", long).endswith("{x}")
    short = {TRAIN.around(rng, "country.continent", "Chad") for _ in range(50)}
    assert any(not form.endswith("{x}") for form in short)


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ("that border Chad", "in Africa", {"in Africa that border Chad"}),
        ("that border Chad", "that use the Euro too", {"that border Chad {} use the Euro too"}),
        ("in Asia", "with the calling code +7", {"in Asia {} with the calling code +7"}),
        ("that use it", "in the country of the city", {"that use it {} in the country of the city"}),
        ("where it is so", "that lie in that place", {"where it is so {} that lie in that place"}),
    ],
)
def test_clauses_are_joined_as_one_says_them(one: str, other: str, said: set[str]):
    pairs = ((one, other), (other, one))
    found = {TRAIN.joined(Random(seed), *pair) for seed in range(20) for pair in pairs}
    expected = {each.format(word) for each in said for word in ("and", "and also")}
    assert found <= expected
