"""What is particular to each kind of site."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from trajectune.environments.web_navigation.sites.generated import site
from trajectune.environments.web_navigation.sites.kinds.forms import NO_ANSWER, SENT, UNSET
from trajectune.environments.web_navigation.sites.kinds.planning import LENGTHS, MONTHS
from trajectune.environments.web_navigation.sites.live import LiveWalk
from trajectune.environments.web_navigation.sites.site import Screen, Site, State, Values, after
from trajectune.environments.web_navigation.walk import Act

SEEDS = range(12)


def sites(kind: str) -> list[Site]:
    return [site(kind, str(seed), seed % 2 == 0) for seed in SEEDS]


def names(screen: Screen, prefix: str) -> list[str]:
    return [key.removeprefix(prefix) for key in screen.controls if key.startswith(prefix)]


def walked(place: Site, until: Callable[[Act], bool]) -> LiveWalk:
    """A visit up to the first act of this sort, which is not done any more."""
    walk = LiveWalk(place)
    while not until(walk.wanted[0]):
        walk.take(walk.wanted[0])
    return walk


def stages(place: Site) -> list[Values]:
    return list(place.goal.stages)


def test_a_form_asks_for_a_part_of_its_fields() -> None:
    for place in sites("form"):
        wanted, last = stages(place)
        title = last[SENT]
        screen = place.draw(State(title, place.start.values))
        fields = {
            control.name for control in screen.controls.values() if control.name.startswith(f"{title}/")
        }
        assert wanted.keys() < fields
        assert 2 <= len(wanted) <= 4
        assert all(value not in (UNSET, "") for value in wanted.values())
        assert f'"{title}"' in place.goal.task


def test_to_send_another_form_of_the_site_is_wrong() -> None:
    place = site("form", "4", False)
    title = stages(place)[-1][SENT]
    others = [
        name for name in names(place.draw(State("home", place.start.values)), "open/") if name != title
    ]
    assert len(others) == 2
    walk = walked(place, lambda act: act.key == f"send/{title}")
    walk.take(Act(f"way/{others[0]}", "CLICK"))
    assert walk.take(Act(f"send/{others[0]}", "CLICK")).reward == 0


def test_a_survey_can_take_its_answers_back() -> None:
    for place in sites("poll"):
        asked = stages(place)[0]
        assert 3 <= len(asked) <= 5
        screen = place.draw(place.start)
        radios = names(screen, "radio/")
        assert len(radios) == 25
        assert sum(name.endswith(f"/{NO_ANSWER}") for name in radios) == 5


def test_a_shop_counts_only_what_is_in_the_cart() -> None:
    place = site("shop", "1", False)
    walk = walked(place, lambda act: act.key == "pay")
    product = next(name for name in place.start.values if name.endswith("/size")).rpartition("/")[0]
    values = {**walk._state.values, f"{product}/size": "Medium"}  # pyright: ignore[reportPrivateUsage]
    in_cart = bool(values.get(f"{product}/cart"))
    assert (place.result(values) == place.result(walk._state.values)) is not in_cart  # pyright: ignore[reportPrivateUsage]


def test_a_shops_cart_shows_what_was_put_into_it_and_gives_it_back() -> None:
    place = site("shop", "2", True)
    walk = walked(place, lambda act: act.key == "pay")
    wanted = [name for stage in stages(place) for name in stage if name.endswith("/cart")]
    products = [name.removesuffix("/cart") for name in wanted]
    for product in products:
        assert f"drop/{product}" in walk.page.candidates
        assert product in walk.page.tree.text
    walk.take(Act(f"drop/{products[0]}", "CLICK"))
    assert "pay" not in {act.key for act in walk.wanted}


def test_a_listing_shows_what_fits_its_boxes() -> None:
    for place in sites("listing"):
        everything = place.draw(place.start)
        box = next(key for key in stages(place)[0] if key != "sort")
        facet, value = box.split("/")
        narrowed = place.draw(after(place.start, everything.controls[f"check/{box}"], ""))
        items = names(narrowed, "item/")
        assert len(items) <= len(names(everything, "item/"))
        texts = [each.text for each in narrowed.tree.walk() if each.key.startswith("item/")]
        assert all(value in text for text in texts)
        assert facet in ("Brand", "Colour", "Material")


def test_a_table_has_a_row_for_each_and_only_one_is_to_be_changed() -> None:
    for place in sites("record"):
        change, last = stages(place)
        assert {name.partition("/")[0] for name in change} == {last[SENT]}
        assert last[SENT] in place.goal.task
        screen = place.draw(place.start)
        assert len(names(screen, "edit/")) == 8
        for name, value in change.items():
            assert place.start.values[name] != value


def test_a_deleted_row_can_be_restored() -> None:
    place = site("record", "3", False)
    who = names(place.draw(place.start), "drop/")[0]
    walk = LiveWalk(place)
    walk.take(Act(f"drop/{who}", "CLICK"))
    assert walk.page.candidates[f"drop/{who}"].text == "Restore"
    while walk.wanted[0].key != f"drop/{who}":
        assert not walk.take(walk.wanted[0]).done
    walk.take(walk.wanted[0])
    assert walk.wanted[0].key.startswith("edit/") or walk.wanted[0].key.startswith("save/")


def test_settings_change_what_is_not_so_already() -> None:
    for place in sites("settings"):
        wanted = stages(place)[0]
        assert len(wanted) in (3, 4)
        assert all(place.start.values[name] != value for name, value in wanted.items())
        for name, value in wanted.items():
            said = name.rpartition("/")[2] if value in ("on", "") else value
            assert said in place.goal.task


def test_a_guide_is_three_links_deep() -> None:
    for place in sites("manual"):
        walk, acts = LiveWalk(place), 0
        while not walk.take(walk.wanted[0]).done:
            acts += 1
        assert acts == 2
        assert all(re.search(r"-> CLICK$", line) for line in walk.previous)


def test_a_catalogue_finds_nothing_for_other_words() -> None:
    place = site("search", "5", True)
    walk = LiveWalk(place)
    walk.take(Act("field/_query", "TYPE", "qqqq"))
    walk.take(Act("go", "CLICK"))
    assert "Nothing was found." in walk.page.tree.text
    assert walk.wanted[0].operation == "TYPE"
    walk.take(walk.wanted[0])
    found = [key for key in walk.page.candidates if key.startswith("article/")]
    assert len(found) == 4


def test_a_journey_has_eight_departures_of_which_one_is_asked_for() -> None:
    for place in sites("booking"):
        screen = place.draw(State("departures", place.start.values))
        times = names(screen, "time/")
        assert len(times) == len(set(times)) == 8
        assert stages(place)[1]["time"] in times
        route = stages(place)[0]
        assert route["from"] != route["to"]
        assert UNSET not in route.values()


def test_a_calendar_has_every_day_of_its_months() -> None:
    place = site("calendar", "6", False)
    for month, days in enumerate(LENGTHS):
        screen = place.draw(State(f"month/{month}", place.start.values))
        assert len(names(screen, "day/")) == days
        assert MONTHS[month] in screen.tree.text
        assert len(names(screen, "turn/")) == (1 if month in (0, len(MONTHS) - 1) else 2)


def test_an_inbox_has_eight_messages_from_eight_people() -> None:
    for place in [*sites("mail"), *sites("message")]:
        screen = place.draw(place.start)
        assert len(names(screen, "open/")) == len(names(screen, "check/")) == 8
        labels = [
            each.attributes["aria-label"] for each in screen.tree.walk() if each.key.startswith("check/")
        ]
        assert len(set(labels)) == 8


def test_the_wrong_treatment_of_the_right_messages_is_wrong() -> None:
    place = site("mail", "7", False)
    bulk = stages(place)[-1][SENT]
    walk = walked(place, lambda act: act.key == f"bulk/{bulk}")
    other = next(key for key in walk.page.candidates if key.startswith("bulk/") and key != f"bulk/{bulk}")
    assert walk.take(Act(other, "CLICK")).reward == 0


def test_a_message_is_filed_from_its_own_page() -> None:
    for place in sites("message"):
        number = stages(place)[-1][SENT]
        walk = walked(place, lambda act: act.operation == "SELECT")
        assert walk.previous[0].startswith("[link]")
        assert f"apply/{number}" in walk.page.candidates


@pytest.mark.parametrize("kind", ["form", "record", "settings", "booking", "calendar"])
def test_a_field_that_was_filled_in_wrongly_is_filled_in_again(kind: str) -> None:
    place = site(kind, "8", False)
    walk = LiveWalk(place)
    while walk.wanted[0].operation == "CLICK":
        walk.take(walk.wanted[0])
    right = walk.wanted[0]
    if right.operation == "TYPE":
        walk.take(Act(right.key, "TYPE", "something else"))
        assert right in walk.wanted
        walk.take(right)
        assert right not in walk.wanted
