"""Names, values and themes."""

from __future__ import annotations

from random import Random

import pytest

from trajectune.environments.web_navigation.sites.words import Field, fields, words


def test_fields_of_a_theme_are_read() -> None:
    assert fields("Name=person; Guests=*2,3; Area=+In,Out; High chair=?") == [
        Field("Name", "text", values="person"),
        Field("Guests", "select", ("2", "3")),
        Field("Area", "radio", ("In", "Out")),
        Field("High chair", "check"),
    ]


@pytest.mark.parametrize("unseen", [False, True])
def test_every_kind_of_value_that_a_theme_names_can_be_drawn(unseen: bool) -> None:
    lists = words(unseen)
    rng = Random(1)
    for theme in [*lists.lists["form"], *lists.lists["record"]]:
        for field in fields(theme.split(" | ")[-1]):
            if field.kind == "text":
                value = lists.value(rng, field.values)
                assert value == value.strip() != ""


def test_an_unknown_kind_of_value_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="no kind of value 'colour'"):
        words(False).value(Random(0), "colour")


def test_pairs_are_all_in_one_form() -> None:
    said = words(False).pairs(Random(2), {"A": "1", "B": "2"})
    form = said.split(", ")[0].replace("A", "{l}").replace("1", "{v}")
    assert said == ", ".join(form.format(l=label, v=value) for label, value in (("A", "1"), ("B", "2")))
