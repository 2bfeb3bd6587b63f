"""The goods that the built-in shop sells are whole."""

from __future__ import annotations

from collections import Counter

from trajectune.environments.web_shop.generator.goods import bare, kinds


def test_there_are_fifteen_groups_of_five_with_one_held_out() -> None:
    groups = Counter(kind.group for kind in kinds())
    assert len(groups) == 15
    assert set(groups.values()) == {5}
    assert Counter(kind.group for kind in kinds() if kind.held_out) == Counter(dict.fromkeys(groups, 1))


def test_every_kind_is_whole() -> None:
    assert len({kind.name for kind in kinds()}) == len(kinds()) == 75
    for kind in kinds():
        assert kind.low < kind.high
        assert len(set(map(bare, kind.features))) == 8
        assert any(not feature.startswith("+") for feature in kind.features)
        assert 1 <= len(kind.options) <= 2
        assert all(len(values) >= 3 for values in kind.options.values())
        assert len(kind.uses) == 3
        assert len(kind.path) == 3
        assert kind.article in ("a", "an", "some", "a pair of", "a set of")


def test_no_feature_is_part_of_another_one_of_its_kind() -> None:
    for kind in kinds():
        for feature in kind.features:
            others = [bare(each) for each in kind.features if each != feature]
            assert not [other for other in others if bare(feature) in other], kind.name
